"""Usage by the days of the account's own time zone, and its CSV."""

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Account
from apps.billing.models import CreditUsage
from tests.conftest import client_of
from tests.factories import SiteFactory, UserFactory
from tests.factories.billing import CreditUsageFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/account/usage/analytics/"
EXPORT = "/api/v1/billing/usage/export/"


def use(actor, moment: str, credits: int = 1, **fields) -> CreditUsage:
    row = CreditUsageFactory(account=actor.account, credits=credits, **fields)
    CreditUsage.objects.filter(pk=row.pk).update(
        created_at=datetime.fromisoformat(moment).replace(tzinfo=UTC)
    )
    return row


def ask(client, query: str = "") -> dict:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def in_zone(actor, zone: str) -> None:
    Account.objects.filter(pk=actor.account.pk).update(timezone=zone)


def days(data) -> dict[str, int]:
    return {row["date"]: row["credits"] for row in data["days"]}


def test_days_are_those_of_the_accounts_zone(alice):
    in_zone(alice, "Pacific/Auckland")  # UTC+13 in January
    use(alice, "2026-01-10T10:59:59", 1)  # 23:59:59 of the 10th
    use(alice, "2026-01-10T11:00:00", 2)  # midnight: the 11th
    use(alice, "2026-01-11T10:59:59", 4)
    use(alice, "2026-01-11T11:00:00", 8)
    data = ask(alice.client, "date_from=2026-01-10&date_to=2026-01-11")
    assert days(data) == {"2026-01-10": 1, "2026-01-11": 6}
    assert (data["timezone"], data["total"]["credits"]) == ("Pacific/Auckland", 7)
    in_zone(alice, "UTC")
    assert days(ask(alice.client, "date_from=2026-01-10&date_to=2026-01-11")) == {
        "2026-01-10": 3,
        "2026-01-11": 12,
    }


def test_days_of_23_and_25_hours(alice):
    in_zone(alice, "Europe/Berlin")
    for moment in ("2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T21:59", "2026-03-29T22:00"):
        use(alice, moment)
    for moment in ("2026-10-24T21:59", "2026-10-24T22:00", "2026-10-25T22:59", "2026-10-25T23:00"):
        use(alice, moment)
    spring = ask(alice.client, "date_from=2026-03-28&date_to=2026-03-30")
    assert list(days(spring).values()) == [1, 2, 1]
    autumn = ask(alice.client, "date_from=2026-10-24&date_to=2026-10-26")
    assert list(days(autumn).values()) == [1, 2, 1]
    assert days(ask(alice.client, "date_from=2026-10-25&date_to=2026-10-25")) == {"2026-10-25": 2}


def test_the_last_30_days_end_today_where_the_account_is(alice):
    in_zone(alice, "Pacific/Kiritimati")  # UTC+14: already tomorrow
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC)):
        use(alice, "2026-11-23T11:00", 3)
        data = ask(client_of(alice.user))
    assert (data["date_from"], data["date_to"], len(data["days"])) == ("2026-10-26", "2026-11-24", 30)
    assert days(data)["2026-11-24"] == 3 and sum(days(data).values()) == 3
    assert days(ask(alice.client, "date_to=0001-01-01")) == {"0001-01-01": 0}


def test_parts_are_summed_the_dearest_first(alice, bob):
    other, editor = SiteFactory(account=alice.account, name="Other"), UserFactory(account=alice.account)
    when = "2026-01-10T10:00"
    use(alice, when, 5, operation="content", model="large", site=alice.site, user=alice.user)
    use(alice, when, 20, operation="image", model="", site=other, user=editor)
    use(alice, when, 7, operation="content", model="small", site=alice.site, user=None)
    use(bob, when, 1000)
    span = "date_from=2026-01-01&date_to=2026-01-31"
    data = ask(alice.client, span)
    assert data["total"] == {"credits": 32, "count": 3, "cost": "0.030000"}
    assert [(o["operation"], o["credits"], o["count"]) for o in data["operations"]] == [
        ("image", 20, 1),
        ("content", 12, 2),
    ]
    assert [(m["model"], m["credits"]) for m in data["models"]] == [("", 20), ("small", 7), ("large", 5)]
    assert [(s["id"], s["name"]) for s in data["sites"]] == [
        (other.pk, "Other"),
        (alice.site.pk, "Alice's site"),
    ]
    assert [(u["name"], u["credits"]) for u in data["users"]] == [
        (editor.email, 20),
        (None, 7),
        ("alice@example.com", 5),
    ]
    for query, credits in (
        ("operation=content", 12),
        ("operation=content&operation=image", 32),
        ("model=large", 5),
        (f"site_id={other.pk}", 20),
        (f"user={editor.pk}", 20),
        (f"site_id={bob.site.pk}", 0),
    ):
        assert ask(alice.client, f"{span}&{query}")["total"]["credits"] == credits, query
    limited = alice.as_role("viewer", all_sites=False)
    assert ask(limited, span)["total"]["credits"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("date_from=soon", "date_from"),
        ("date_from=2026-02-02&date_to=2026-02-01", "date_from"),
        ("date_from=2020-01-01&date_to=2026-01-01", "date_from"),
        ("date_to=9999-12-31", "date_from"),
        ("operation=magic", "operation"),
        ("user=me", "user"),
        ("site_id=1.5", "site_id"),
    ],
)
def test_a_range_that_makes_no_sense(alice, query, field):
    in_zone(alice, "Asia/Tokyo")
    answer = alice.client.get(f"{URL}?{query}")
    assert answer.status_code == 400 and field in answer.json()["details"], answer.content


def test_who_reads_it_and_what_it_costs(alice, anonymous):
    assert anonymous.get(URL).status_code == 401
    for role in ("viewer", "editor", "admin", "owner"):
        assert alice.as_role(role).get(URL).status_code == 200

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(alice.client, "date_from=2026-01-01&date_to=2026-12-31")
        return len(captured)

    first = queries()
    for n in range(20):
        use(alice, f"2026-01-{n + 1:02}T10:00", model=f"m{n}")
    assert queries() == first <= 9


def test_csv_of_what_was_filtered(alice, bob):
    use(alice, "2026-01-10T10:00", 5, operation="content", model='=HYPERLINK("x")', site=alice.site)
    use(alice, "2026-01-10T11:00", 6, operation="image", model="مرحبا, 🎉", user=alice.user)
    use(bob, "2026-01-10T11:00", 1000, model="bobs")
    answer = alice.client.get(f"{EXPORT}?ordering=credits")
    assert answer["Content-Type"].startswith("text/csv") and "usage.csv" in answer["Content-Disposition"]
    rows = list(csv.DictReader(StringIO(answer.getvalue().decode())))
    assert [r["credits"] for r in rows] == ["5", "6"]
    assert rows[0]["model"] == '\'=HYPERLINK("x")' and rows[0]["site_name"] == "Alice's site"
    assert rows[1]["model"] == "مرحبا, 🎉" and rows[1]["user_email"] == "alice@example.com"
    assert rows[0]["created_at"] == "2026-01-10T10:00:00Z"
    one = alice.client.get(f"{EXPORT}?operation=image").getvalue().decode()
    assert len(one.splitlines()) == 2 and "bobs" not in one
    assert alice.client.get(f"{EXPORT}?operation=magic").status_code == 400
