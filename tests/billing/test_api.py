import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from apps.accounts.models import Plan
from apps.accounts.services.limits import limit_take
from apps.billing.models import CreditEntry, CreditUsage
from apps.billing.services.ledger import Usage, credits_charge, credits_reserve, credits_settle
from tests.factories.billing import CreditUsageFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/billing"
ROUTES = ["balance", "transactions", "usage", "usage/summary", "usage/limits"]
ALIASES = ["credits/balance", "credits/transactions", "credits/usage"]


def spend(actor, amount=10, reference="job:1", used=None, **usage):
    credits_reserve(account_id=actor.account.pk, amount=amount, operation="content", reference=reference)
    usage = Usage(user_id=actor.user.pk, site_id=actor.site.pk, **usage)
    credits_settle(account_id=actor.account.pk, reference=reference, used=used or amount, usage=usage)


@pytest.mark.parametrize("route", ROUTES + ALIASES)
def test_who_reads_what(alice, anonymous, route):
    for role in ("viewer", "editor", "admin", "owner"):
        assert alice.as_role(role).get(f"{URL}/{route}/").status_code == 200
    answer = anonymous.get(f"{URL}/{route}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")
    for method in ("post", "put", "patch", "delete"):
        refused = getattr(alice.client, method)(f"{URL}/{route}/", {})
        assert (refused.status_code, refused.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    made = alice.client.post(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/", {"name": "plugin"}).json()[
        "data"
    ]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    assert anonymous.get(f"{URL}/{route}/").status_code == 403
    alice.account.status = "suspended"
    alice.account.save()
    assert alice.client.get(f"{URL}/{route}/").status_code == 200


def test_balance_on_first_sight_and_with_work_going_on(alice):
    data = alice.client.get(f"{URL}/balance/").json()["data"]
    assert (data["balance"], data["held"], data["available"]) == (100_000, 0, 100_000)
    assert data["plan"]["name"] == "Test" and data["monthly_credits"] == 100_000
    assert data["period_end"].endswith("Z") and data["period_start"] < data["period_end"]
    credits_reserve(account_id=alice.account.pk, amount=40, operation="content", reference="job:1")
    for path in ("balance", "credits/balance"):
        data = alice.client.get(f"{URL}/{path}/").json()["data"]
        assert (data["balance"], data["held"], data["available"]) == (99_960, 40, 99_960)


def test_transactions_tell_each_movement(alice, bob):
    spend(alice, 30, used=20)
    spend(bob, 7)
    for path in ("transactions", "credits/transactions"):
        body = alice.client.get(f"{URL}/{path}/").json()
        assert set(body) == {"count", "next", "previous", "results"}
        rows = [(r["kind"], r["amount"], r["balance_after"], r["operation"]) for r in body["results"]]
        assert rows == [
            ("settle", 10, 99_980, "content"),
            ("reserve", -30, 99_970, "content"),
            ("grant", 100_000, 100_000, ""),
        ]
        assert body["results"][0]["reference"] == "job:1#1" and body["results"][0]["created_at"].endswith("Z")


def test_transactions_of_an_untouched_account_hold_its_first_credits(alice):
    assert alice.client.get(f"{URL}/transactions/").json()["count"] == 1


def test_transactions_filter_order_and_search(alice):
    spend(alice, 30, used=20)
    credits_charge(
        account_id=alice.account.pk, amount=5, operation="keyword", reference="seed:77", note="مرحبا 🎉"
    )
    CreditEntry.objects.filter(kind="reserve").update(created_at=datetime(2020, 5, 5, 23, 59, tzinfo=UTC))

    def kinds(query):
        return [r["kind"] for r in alice.client.get(f"{URL}/transactions/?{query}").json()["results"]]

    assert kinds("kind=reserve&kind=settle") == ["settle", "reserve"]
    assert kinds("operation=keyword") == ["charge"]
    assert kinds("date_to=2020-05-05") == kinds("date_from=2020-05-05&date_to=2020-05-05") == ["reserve"]
    assert kinds("date_from=2020-05-06&ordering=amount") == ["charge", "settle", "grant"]
    assert kinds("search=seed:77") == kinds("search=مرحبا") == ["charge"]
    assert kinds("page_size=1&page=2") == ["settle"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("transactions/?kind=gift", "kind"),
        ("transactions/?operation=magic", "operation"),
        ("transactions/?date_from=yesterday", "date_from"),
        ("transactions/?date_to=2026-02-30", "date_to"),
        ("transactions/?ordering=account", "ordering"),
        ("usage/?user=me", "user"),
        ("usage/?site_id=1;drop", "site_id"),
        ("usage/summary/?date_from=2026-13-01", "date_from"),
        ("usage/?ordering=loss", "ordering"),
    ],
)
def test_bad_questions_are_answered_with_the_field(alice, query, field):
    answer = alice.client.get(f"{URL}/{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert field in answer.json()["details"]


@pytest.mark.parametrize(
    "query", ["user=999999999999999999", "site_id=999999999999", "model=%F0%9F%92%A9", "search=%27--"]
)
def test_odd_questions_find_nothing(alice, query):
    spend(alice)
    answer = alice.client.get(f"{URL}/usage/?{query}")
    assert (answer.status_code, answer.json()["count"]) == (200, 0)


def test_pages_end(alice):
    assert alice.client.get(f"{URL}/usage/?page=2").status_code == 404
    assert alice.client.get(f"{URL}/transactions/?page=0").status_code == 404


def test_usage_tells_what_was_done_and_filters(alice, bob):
    spend(
        alice, 30, used=20, provider="openai", model="large", tokens_in=10, object_type="content", object_id=5
    )
    spend(alice, 3, "job:2", model="small", run_id=8)
    spend(bob, 7)
    for path in ("usage", "credits/usage"):
        body = alice.client.get(f"{URL}/{path}/?ordering=-credits").json()
        assert [r["credits"] for r in body["results"]] == [20, 3]
    row = body["results"][0]
    assert (
        "loss" not in row
        and row["cost"] == "0.000000"
        and row["currency"] == "USD"
        and row["object_id"] == 5
        and row["run_id"] is None
    )
    assert (row["site"], row["user"], row["model"]) == (alice.site.pk, alice.user.pk, "large")

    def found(query):
        return [r["credits"] for r in alice.client.get(f"{URL}/usage/?{query}").json()["results"]]

    assert found("model=small") == found("run_id=8") == [3]
    assert (
        found("operation=content")
        == found(f"site_id={alice.site.pk}")
        == found(f"user={alice.user.pk}")
        == [3, 20]
    )
    assert found(f"user={bob.user.pk}") == found(f"site_id={bob.site.pk}") == found("operation=image") == []
    assert found("date_to=2020-01-01") == []


def test_a_user_of_one_site_sees_the_usage_of_that_site(alice):
    spend(alice)
    client = alice.as_role("editor", all_sites=False)
    assert client.get(f"{URL}/usage/").json()["count"] == 0
    assert client.get(f"{URL}/usage/summary/").json()["data"]["total"]["count"] == 0


def test_summary_sums_by_operation_over_a_range(alice, bob):
    assert alice.client.get(f"{URL}/usage/summary/").json()["data"] == {
        "currency": "USD",
        "total": {"count": 0, "credits": 0, "tokens_in": 0, "tokens_out": 0, "cost": "0.000000"},
        "operations": [],
    }
    for operation, credits in (("content", 5), ("content", 6), ("image", 20)):
        CreditUsageFactory(account=alice.account, operation=operation, credits=credits)
    CreditUsageFactory(account=bob.account, credits=1000)
    old = CreditUsageFactory(account=alice.account, operation="idea", credits=1)
    CreditUsage.objects.filter(pk=old.pk).update(created_at=datetime(2020, 5, 5, tzinfo=UTC))
    data = alice.client.get(f"{URL}/usage/summary/?date_from=2020-05-06").json()["data"]
    assert data["total"] == {
        "count": 3,
        "credits": 31,
        "tokens_in": 300,
        "tokens_out": 150,
        "cost": "0.030000",
    }
    assert [(o["operation"], o["count"], o["credits"]) for o in data["operations"]] == [
        ("image", 1, 20),
        ("content", 2, 11),
    ]
    assert alice.client.get(f"{URL}/usage/summary/").json()["data"]["total"]["credits"] == 32


def test_limits_of_the_plan(alice):
    Plan.objects.update(max_sites=4, max_content=3, monthly_credits=1000)
    limit_take(account_id=alice.account.pk, resource="sites")
    limit_take(account_id=alice.account.pk, resource="content", n=3)
    spend(alice, 100, used=60)
    credits_reserve(account_id=alice.account.pk, amount=40, operation="image", reference="job:2")
    data = alice.client.get(f"{URL}/usage/limits/").json()["data"]
    assert set(data) == {"sites", "users", "keywords", "content", "images", "credits"}
    assert data["sites"] == {"used": 1, "limit": 4, "percent": 25.0}
    assert data["content"] == {"used": 3, "limit": 3, "percent": 100.0}
    assert data["images"] == {"used": 0, "limit": None, "percent": None}
    assert data["credits"] == {"used": 100, "limit": 1000, "percent": 10.0}


@pytest.mark.parametrize("route", ["usage", "transactions"])
def test_a_list_costs_the_same_however_long(alice, route):
    def queries(rows):
        for n in range(rows):
            spend(alice, 1, f"{rows}:{n}")
        with CaptureQueriesContext(connection) as captured:
            assert alice.client.get(f"{URL}/{route}/?page_size=200").json()["count"] >= rows
        return len(captured)

    assert queries(2) == queries(20) <= 6


def test_the_schema_tells_what_the_routes_answer(alice):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    parts = schema["components"]["schemas"]
    for route in ("balance", "credits/balance"):
        answer = schema["paths"][f"{URL}/{route}/"]["get"]["responses"]["200"]
        assert "array" not in str(answer), answer
    operation = parts["Transaction"]["properties"]["operation"]
    choices = [value for ref in re.findall(r"schemas/(\w+)", str(operation)) for value in parts[ref]["enum"]]
    alice.client.get(f"{URL}/balance/")
    (row,) = alice.client.get(f"{URL}/transactions/").json()["results"]
    assert row["operation"] == "" and "" in choices and "content" in choices


@pytest.mark.parametrize(
    ("name", "value"), [("user", "1.5"), ("user", "-1"), ("site_id", "x"), ("site_id", "0")]
)
def test_an_id_to_filter_by_is_a_whole_number(alice, name, value):
    answer = alice.client.get(f"{URL}/usage/", {name: value})
    assert answer.status_code == 400 and name in answer.json()["details"]
