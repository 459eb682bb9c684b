"""What each call of the ledger does, one caller at a time. The many are in test_concurrency.py."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Subscription
from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditUsage
from apps.billing.services.ledger import (
    AlreadySettled,
    InsufficientCredits,
    Superseded,
    Usage,
    credits_adjust,
    credits_balance,
    credits_charge,
    credits_grant,
    credits_release,
    credits_reserve,
    credits_settle,
    sweep_holds,
)
from apps.notifications.models import Notification
from tests.factories import UserFactory
from tests.factories.billing import account_with

pytestmark = pytest.mark.django_db


def entries(account) -> list[tuple[str, int, int]]:
    rows = CreditEntry.objects.filter(account=account).order_by("pk")
    return list(rows.values_list("kind", "amount", "balance_after"))


def balance(account) -> tuple[int, int]:
    found = credits_balance(account_id=account.pk)
    assert found["available"] == found["balance"]
    assert found["balance"] == sum(amount for _, amount, _ in entries(account))
    return found["balance"], found["held"]


def reserve(account, amount=10, reference="job:1:1", **more) -> int:
    return credits_reserve(
        account_id=account.pk, amount=amount, operation="content", reference=reference, **more
    )


def settle(account, used, reference="job:1:1", **usage):
    return credits_settle(account_id=account.pk, reference=reference, used=used, usage=Usage(**usage))


def charge(account, amount=10, reference="seed:1", **more):
    return credits_charge(
        account_id=account.pk, amount=amount, operation="keyword", reference=reference, **more
    )


def test_reserve_settle_gives_the_rest_back_and_says_what_was_used():
    account = account_with(100)
    reserve(account, 30)
    assert balance(account) == (70, 30)
    used = {
        "provider": "openai",
        "model": "m",
        "tokens_in": 5,
        "tokens_out": 7,
        "cost": Decimal("0.5"),
        "run_id": 3,
    }
    assert settle(account, 12, object_type="content", object_id=9, **used) == 12
    assert balance(account) == (88, 0)
    assert entries(account)[1:] == [("reserve", -30, 70), ("settle", 18, 88)]
    row = CreditUsage.objects.get(account=account)
    assert (row.operation, row.credits, row.loss, row.reference, row.object_id) == (
        "content",
        12,
        0,
        "job:1:1",
        9,
    )
    assert {name: getattr(row, name) for name in used} == used


def test_settle_twice_takes_once():
    account = account_with(100)
    reserve(account, 30)
    assert [settle(account, 12), settle(account, 25)] == [12, 12]
    assert balance(account) == (88, 0)
    with pytest.raises(AlreadySettled):
        reserve(account, 30)


def test_settle_beyond_the_reserve_takes_what_is_there_and_records_the_rest_as_loss():
    account = account_with(40)
    reserve(account, 30)
    assert settle(account, 100) == 40
    assert balance(account) == (0, 0)
    assert CreditUsage.objects.get(account=account).loss == 60


def test_reserve_again_while_held_only_lengthens_it():
    account = account_with(100)
    reserve(account, 30, ttl=timedelta(minutes=1))
    reserve(account, 50, ttl=timedelta(hours=5))
    assert balance(account) == (70, 30)
    assert CreditHold.objects.get().expires_at > timezone.now() + timedelta(hours=4)


def test_release_gives_all_back_and_a_new_reserve_is_a_new_attempt():
    account = account_with(100)
    reserve(account, 30)
    credits_release(account_id=account.pk, reference="job:1:1")
    credits_release(account_id=account.pk, reference="job:1:1")
    assert balance(account) == (100, 0)
    reserve(account, 20)
    assert balance(account) == (80, 20)
    assert settle(account, 20) == 20
    credits_release(account_id=account.pk, reference="job:1:1")
    assert balance(account) == (80, 0)
    references = list(
        CreditEntry.objects.exclude(kind="grant").order_by("pk").values_list("reference", flat=True)
    )
    assert references == ["job:1:1#1", "job:1:1#1", "job:1:1#2", "job:1:1#2"]


def test_who_was_superseded_neither_releases_nor_settles():
    account = account_with(100)
    name = {"account_id": account.pk, "reference": "job:1:1"}
    first = reserve(account, 30)
    second = reserve(account, 30)
    assert (first, second) == (1, 2) and balance(account) == (70, 30)
    credits_release(attempt=first, **name)
    assert balance(account) == (70, 30)
    with pytest.raises(Superseded):
        credits_settle(used=5, attempt=first, **name)
    assert credits_settle(used=20, attempt=second, **name) == 20
    with pytest.raises(AlreadySettled):
        credits_settle(used=5, attempt=first, **name)
    assert credits_settle(used=5, attempt=second, **name) == 20
    assert balance(account) == (80, 0)


def test_what_the_sweep_took_is_still_paid_by_its_own_attempt():
    account = account_with(100)
    attempt = reserve(account, 30, ttl=timedelta(seconds=-1))
    assert sweep_holds() == 1 and balance(account) == (100, 0)
    assert credits_settle(account_id=account.pk, reference="job:1:1", used=20, attempt=attempt) == 20
    assert balance(account) == (80, 0)


def test_release_of_nothing_does_nothing():
    account = account_with(0)
    credits_release(account_id=account.pk, reference="never")
    assert entries(account) == []


def test_settle_of_nothing_is_an_error():
    with pytest.raises(LookupError, match="never"):
        settle(account_with(5), 1, reference="never")


def test_settle_after_the_sweep_took_it_for_abandoned_takes_what_is_available():
    account = account_with(50)
    reserve(account, 30, ttl=timedelta(seconds=-1))
    assert sweep_holds() == 1
    assert sweep_holds() == 0
    assert balance(account) == (50, 0)
    assert settle(account, 20) == 20
    assert balance(account) == (30, 0)


def test_sweep_leaves_what_is_in_time():
    account = account_with(50)
    reserve(account, 30)
    assert sweep_holds() == 0
    assert balance(account) == (20, 30)


def test_short_reserve_changes_nothing():
    account = account_with(9)
    with pytest.raises(InsufficientCredits) as caught:
        reserve(account, 10)
    assert (caught.value.status, caught.value.code) == (402, "INSUFFICIENT_CREDITS")
    assert caught.value.details == {"needed": 10, "available": 9}
    assert balance(account) == (9, 0)
    assert not CreditHold.objects.exists()


def test_charge_takes_once_and_short_charge_leaves_the_callers_transaction_whole():
    account = account_with(25)
    with transaction.atomic():
        assert charge(account, 20) is True
        assert charge(account, 20) is False
        with pytest.raises(InsufficientCredits):
            charge(account, 20, reference="seed:2")
        assert charge(account, 5, reference="seed:3", note="after the refusal") is True
    assert balance(account) == (0, 0)
    assert not CreditUsage.objects.exists()


def test_charge_with_usage_is_in_the_usage_log():
    account = account_with(25)
    user = UserFactory(account=account)
    used = Usage(model="m" * 200, tokens_in=5, object_type="seed_keyword", object_id=9, user_id=user.pk)
    assert charge(account, 20, usage=used)
    row = CreditUsage.objects.get(account=account)
    assert (row.credits, row.reference, row.model, row.object_id, row.user) == (
        20,
        "seed:1",
        "m" * 100,
        9,
        user,
    )
    assert CreditEntry.objects.get(kind="charge").user == user


def test_nothing_of_a_settle_remains_when_the_callers_transaction_fails():
    account = account_with(100)
    reserve(account, 30)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        settle(account, 30)
        raise ZeroDivisionError
    assert balance(account) == (70, 30)
    assert not CreditUsage.objects.exists()


def test_work_that_is_free_is_remembered_too():
    account = account_with(0)
    reserve(account, 0)
    assert settle(account, 0) == 0
    with pytest.raises(AlreadySettled):
        reserve(account, 0)


@pytest.mark.parametrize("amount", [-1, 2**31, 1.5, "10", None])
def test_amounts_are_whole_and_not_negative(amount):
    account = account_with(100)
    for call in (reserve, charge):
        with pytest.raises(ValueError, match="whole number"):
            call(account, amount)
    with pytest.raises(ValueError, match="whole number"):
        settle(account, amount)
    with pytest.raises(ValueError, match="whole number"):
        credits_grant(account_id=account.pk, amount=amount, kind="purchase", reference="x")
    assert balance(account) == (100, 0)


def test_grant_once_by_reference_and_not_of_nothing():
    account = account_with(0)
    give = {"account_id": account.pk, "kind": "purchase", "reference": "invoice:1"}
    assert [credits_grant(amount=50, **give), credits_grant(amount=70, **give)] == [True, False]
    assert balance(account) == (50, 0)
    for wrong in ({"amount": 0}, {"kind": "gift"}, {"expires_at": timezone.now()}):
        with pytest.raises(ValueError):
            credits_grant(**{**give, "amount": 5, "reference": "invoice:2"} | wrong)


def test_adjust_never_takes_more_than_is_there_and_is_done_once():
    account = account_with(30)
    change = {"account_id": account.pk, "note": "goodwill"}
    assert credits_adjust(amount=20, reference="adjust:1", **change) == 20
    assert credits_adjust(amount=20, reference="adjust:1", **change) == 20
    assert balance(account) == (50, 0)
    assert credits_adjust(amount=-80, reference="adjust:2", **change) == -50
    assert credits_adjust(amount=-80, reference="adjust:2", **change) == -50
    assert balance(account) == (0, 0)
    assert [kind for kind, *_ in entries(account)] == ["grant", "adjust", "adjust"]
    with pytest.raises(ValueError):
        credits_adjust(amount=0, reference="adjust:3", **change)


def told(account) -> list[str]:
    rows = Notification.objects.filter(account=account).order_by("pk")
    return list(rows.values_list("notification_type", flat=True))


def test_low_and_depleted_are_told_once_for_each_crossing():
    account = account_with(0, monthly=100)
    charge(account, 80, "a")
    assert told(account) == []
    charge(account, 1, "b")
    assert told(account) == ["credits_low"]
    charge(account, 9, "c")
    assert told(account) == ["credits_low"]
    charge(account, 10, "d")
    assert told(account) == ["credits_low", "credits_depleted"]
    credits_grant(account_id=account.pk, amount=50, kind="purchase", reference="more")
    reserve(account, 50)
    assert told(account)[2:] == ["credits_low", "credits_depleted"]
    note = Notification.objects.filter(account=account).order_by("pk")[0]
    assert note.severity == "warning" and note.message.startswith("19 credits are left")


def test_a_crossing_that_is_rolled_back_is_not_told():
    account = account_with(0, monthly=100)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        charge(account, 100)
        raise ZeroDivisionError
    assert told(account) == []


def test_balance_of_an_account_without_a_plan():
    account = account_with(7)
    Subscription.objects.filter(account=account).update(status="ended")
    found = credits_balance(account_id=account.pk)
    assert (found["balance"], found["plan"], found["period_end"], found["monthly_credits"]) == (
        7,
        None,
        None,
        0,
    )
    CreditBalance.objects.update(next_event_at=timezone.now() - timedelta(days=3))
    assert charge(account, 7) is True
