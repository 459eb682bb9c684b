"""Many at a time: adding from the library, also by two at once."""

import threading

import pytest
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LimitCounter
from apps.billing.models import CreditEntry, CreditUsage
from apps.billing.services.charges import Charge, credits_charge_each
from apps.billing.services.ledger import credits_balance
from apps.notifications.models import Notification
from apps.planner.models import Keyword, SeedKeyword
from apps.planner.services.library import keywords_add
from tests.factories import PlanFactory
from tests.factories.planner import KeywordFactory


def shelf(sector, n: int, *, cost: int = 0, start: int = 0) -> list[int]:
    rows = SeedKeyword.objects.bulk_create(
        SeedKeyword(
            industry_sector=sector.industry_sector, keyword=f"k {i}", key=f"k {i}", volume=i, credit_cost=cost
        )
        for i in range(start, start + n)
    )
    return [row.pk for row in rows]


def add(actor, ids: list[int]) -> dict:
    return keywords_add(account_id=actor.account.pk, site_id=actor.site.pk, seed_keyword_ids=ids)


@pytest.mark.django_db
def test_paid_keywords_cost_the_same_statements_for_few_and_many(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=10_000)

    def statements(n: int, start: int) -> int:
        ids = shelf(alice.sector, n, cost=2, start=start)
        with CaptureQueriesContext(connection) as queries:
            assert add(alice, ids)["credits_charged"] == 2 * n
        return len(queries)

    statements(1, 0)
    assert statements(3, 10) == statements(300, 100)
    entries = CreditEntry.objects.filter(operation="keyword")
    assert entries.count() == CreditUsage.objects.filter(operation="keyword").count() == 304
    left = credits_balance(account_id=alice.account.pk)["balance"]
    assert left == 10_000 - 608 == entries.order_by("-pk").first().balance_after


@pytest.mark.django_db
def test_charges_are_taken_once_in_order_and_tell_of_a_low_balance(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=100)
    shared = {"account_id": alice.account.pk, "operation": "keyword", "object_type": "seed_keyword"}

    def charge(*amounts, most=None) -> dict:
        charges = [Charge(f"seed:{n}", amount, object_id=n) for n, amount in enumerate(amounts)]
        return credits_charge_each(**shared, charges=charges, most=most)

    assert charge(60, 50, 30, 10) == {"seed:0": 60, "seed:2": 30, "seed:3": 10}
    assert charge(60, 50, 30) == {"seed:0": 0, "seed:2": 0}
    assert charge(60, 50, 30, most=1) == {"seed:0": 0}
    assert charge() == {}
    assert set(Notification.objects.values_list("notification_type", flat=True)) >= {"credits_depleted"}
    assert credits_balance(account_id=alice.account.pk)["balance"] == 0


@pytest.mark.django_db
def test_a_thousand_of_every_kind(alice, bob):
    """What was skipped is counted by reason, to the last one."""
    PlanFactory._meta.model.objects.update(monthly_credits=100, max_keywords=910)
    free = shelf(alice.sector, 900)
    paid = shelf(alice.sector, 20, cost=7, start=900)
    elsewhere = shelf(bob.sector, 30)
    for pk in free[:2]:
        seed = SeedKeyword.objects.get(pk=pk)
        KeywordFactory(sector=alice.sector, keyword=seed.keyword, key=seed.key)
    LimitCounter.objects.update_or_create(account=alice.account, resource="keywords", defaults={"used": 2})
    gone = list(range(10**9, 10**9 + 50))
    asked = [*free, *paid, *elsewhere, *gone]
    body = {"seed_keyword_ids": asked, "site_id": alice.site.pk}
    answer = alice.client.post("/api/v1/planner/keywords/add_to_workflow/", body).json()["data"]
    # Room for 908: 898 free ones and 10 paid ones, of 14 that the credits would do for.
    assert answer == {
        "added": 908,
        "skipped": 92,
        "reasons": {"already_there": 2, "other_sector": 30, "not_found": 50, "plan_limit": 10},
        "credits_charged": 70,
    }
    assert Keyword.objects.filter(account=alice.account).count() == 910
    ids = list(Keyword.objects.filter(account=alice.account).values_list("pk", flat=True))
    url = "/api/v1/planner/keywords/"
    moved = alice.client.post(url + "bulk_status/", {"ids": ids, "status": "disabled"})
    assert moved.json()["data"] == {"updated": 910}
    assert alice.client.post(url + "bulk_delete/", {"ids": ids}).json()["data"] == {"deleted": 910}
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 0


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_thousand_add_and_pay_once(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=10_000)
    ids = [*shelf(alice.sector, 500), *shelf(alice.sector, 500, cost=3, start=500)]
    results, both = [], threading.Barrier(2)

    def run() -> None:
        try:
            both.wait(10)
            results.append(add(alice, ids))
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(r["added"] for r in results) == [0, 1000]
    assert sorted(r["credits_charged"] for r in results) == [0, 1500]
    assert next(r for r in results if not r["added"])["reasons"] == {"already_there": 1000}
    assert Keyword.objects.count() == 1000
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 1000
    assert credits_balance(account_id=alice.account.pk)["balance"] == 8500
    # What was paid once is not paid again, on another day and site.
    Keyword.objects.all().delete()
    assert add(alice, ids)["credits_charged"] == 0
