"""What staff see and do over the API, and that nobody else does."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Subscription
from apps.billing.models import CreditEntry, CreditPrice, CreditPriceChange, Invoice, Payment
from apps.billing.services.ledger import credits_balance
from apps.billing.services.payments import package_purchase, payment_begin, payment_succeed
from apps.billing.services.prices import price_of
from tests.factories import PlanFactory
from tests.factories.billing import CreditPackageFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/admin"
READS = [
    "billing/stats",
    "billing/invoices",
    "billing/payments",
    "billing/pending_payments",
    "billing/1/proof",
    "credit-costs",
    "credit-costs/history",
]
WRITES = ["billing/1/approve_payment", "billing/1/reject_payment", "credit-costs", "users/1/adjust-credits"]


def sale(actor, reference="a", paid=True) -> Payment:
    package = CreditPackageFactory(slug=f"package-{reference}")
    invoice = package_purchase(account_id=actor.account.pk, package_id=package.pk, reference=reference)
    payment = payment_begin(
        account_id=actor.account.pk, invoice_id=invoice.pk, method="manual", reference=reference
    )
    return payment_succeed(payment_id=payment.pk) if paid else payment


@pytest.mark.parametrize("route", READS)
def test_nobody_but_staff_reads(alice, anonymous, route):
    assert anonymous.get(f"{URL}/{route}/").status_code == 401
    for role in ("viewer", "admin", "owner"):
        answer = alice.as_role(role).get(f"{URL}/{route}/")
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("route", WRITES)
def test_nobody_but_staff_writes(alice, bob, anonymous, route):
    payment = sale(bob, paid=False)
    route = route.replace("/1/", f"/{payment.pk}/")
    assert anonymous.post(f"{URL}/{route}/", {}).status_code == 401
    assert alice.client.post(f"{URL}/{route}/", {"reason": "x", "amount": 5}).status_code == 403
    made = alice.client.post(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/", {"name": "k"}).json()["data"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    assert anonymous.post(f"{URL}/{route}/", {}).status_code == 403
    payment.refresh_from_db()
    assert payment.status == "pending"


def test_stats_of_money_and_credits(alice, staff):
    sale(alice)
    sale(alice, "b", paid=False)
    old = sale(alice, "c")
    Invoice.objects.filter(pk=old.invoice_id).update(paid_at=timezone.now() - timedelta(days=60))
    plan = PlanFactory(slug="paid", price="30.00", currency="USD", monthly_credits=5)
    Subscription.objects.filter(account=alice.account).update(
        plan=plan, paid_until=timezone.now() + timedelta(days=9)
    )
    data = staff.client.get(f"{URL}/billing/stats/").json()["data"]
    euros, dollars = data["money"]
    assert (euros["currency"], euros["paid"], euros["open"], euros["monthly"]) == (
        "EUR",
        "49.00",
        "49.00",
        "0.00",
    )
    assert (dollars["currency"], dollars["paid"], dollars["monthly"]) == ("USD", "0.00", "30.00")
    assert (data["pending_payments"], data["paid_plans"], data["surplus_payments"]) == (1, 1, 0)
    assert data["credits_granted"] >= 10_000
    past = (timezone.now() - timedelta(days=60)).date()
    answer = staff.client.get(f"{URL}/billing/stats/?date_from={past}").json()["data"]
    assert answer["money"][0]["paid"] == "98.00"
    assert staff.client.get(f"{URL}/billing/stats/?date_from=x").status_code == 400
    for edge in ("date_to=0001-01-01", "date_to=9999-12-31", "date_from=9999-12-31&date_to=0001-01-01"):
        assert staff.client.get(f"{URL}/billing/stats/?{edge}").status_code == 200, edge


def test_lists_filter_search_order_and_cost_the_same(alice, staff):
    def queries(route) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.client.get(f"{URL}/{route}/").status_code == 200
        return len(captured)

    payment = sale(alice)
    routes = ["billing/invoices", "billing/payments", "billing/pending_payments"]
    first = {route: queries(route) for route in routes}
    for n in range(8):
        sale(alice, f"more{n}", paid=n % 2 == 0)
    assert {route: queries(route) for route in routes} == first

    def count(query):
        answer = staff.client.get(f"{URL}/billing/{query}")
        assert answer.status_code == 200, answer.content
        return answer.json()["count"]

    assert count("invoices/") == 9 and count("invoices/?status=paid") == 5
    assert count(f"invoices/?search={payment.invoice.number}") == 1
    assert count(f"invoices/?account_id={staff.account.pk}") == 0
    assert count("payments/?method=manual&status=pending") == count("pending_payments/") == 4
    assert count("payments/?search=Alice&ordering=-amount") == 9
    assert count("payments/?surplus=true") == 0
    for bad in (
        "payments/?status=gold",
        "invoices/?account_id=x",
        "payments/?ordering=secret",
        "payments/?surplus=2",
    ):
        assert staff.client.get(f"{URL}/billing/{bad}").status_code == 400, bad


def test_approving_what_is_not_there_or_is_not_a_transfer(alice, staff):
    for path in ("999999/approve_payment", "999999/reject_payment"):
        assert staff.client.post(f"{URL}/billing/{path}/", {"reason": "x"}).status_code == 404
    payment = sale(alice, paid=False)
    Payment.objects.update(method="stripe")
    for action in ("approve_payment", "reject_payment"):
        answer = staff.client.post(f"{URL}/billing/{payment.pk}/{action}/", {"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


def test_adjusting_credits_names_who_and_why(alice, staff):
    path = f"{URL}/users/{alice.account.pk}/adjust-credits/"
    before = credits_balance(account_id=alice.account.pk)["balance"]
    body = {"amount": 250, "reason": "goodwill: مرحبا 🎉"}
    for _ in range(2):
        answer = staff.client.post(path, body, headers={"Idempotency-Key": "once"})
        assert answer.json()["data"] == {"account": alice.account.pk, "moved": 250, "balance": before + 250}
    entry = CreditEntry.objects.get(kind="adjust")
    assert (entry.user_id, entry.note) == (staff.user.pk, "goodwill: مرحبا 🎉")
    taken = staff.client.post(path, {"amount": -(10**9), "reason": "fraud"}).json()["data"]
    assert taken["moved"] == -(before + 250) and taken["balance"] == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"amount": 0, "reason": "x"}, {"amount": 5}, {"amount": 5, "reason": ""}, {"amount": 1.5, "reason": "x"},
     {"amount": 10**12, "reason": "x"}, {"amount": "many", "reason": "x"}, {"amount": 5, "reason": "a\x00"}],
)  # fmt: skip
def test_an_adjustment_that_does_not_fit(alice, staff, body):
    assert staff.client.post(f"{URL}/users/{alice.account.pk}/adjust-credits/", body).status_code == 400
    assert staff.client.post(f"{URL}/users/99999999/adjust-credits/", body).status_code == 404


def test_prices_are_set_and_their_history_kept(staff):
    def rows():
        found = staff.client.get(f"{URL}/credit-costs/").json()["data"]
        return {(r["operation"], r["model"]): (r["unit"], r["credits"], r["is_default"]) for r in found}

    assert rows()["image", ""] == ("per_image", "5.0000", True) and len(rows()) == 7
    for credits in ("7.5", "7.5", "8"):
        body = {"operation": "image", "unit": "per_image", "credits": credits}
        assert staff.client.post(f"{URL}/credit-costs/", body).status_code == 200
    body = {"operation": "image", "model": "large", "unit": "per_image", "credits": "20"}
    staff.client.post(f"{URL}/credit-costs/", body)
    assert (
        price_of(operation="image", images=2) == 16
        and price_of(operation="image", images=1, model="large") == 20
    )
    assert rows()["image", ""] == ("per_image", "8.0000", False) and len(rows()) == 8
    staff.client.post(f"{URL}/credit-costs/", {"operation": "image", "credits": None})
    staff.client.post(f"{URL}/credit-costs/", {"operation": "image", "credits": None})
    assert price_of(operation="image", images=2) == 10
    history = staff.client.get(f"{URL}/credit-costs/history/?operation=image").json()["results"]
    told = [(h["model"], h["old_credits"], h["credits"], h["user_email"]) for h in history]
    assert told == [
        ("", "8.0000", None, "bob@example.com"),
        ("large", None, "20.0000", "bob@example.com"),
        ("", "7.5000", "8.0000", "bob@example.com"),
        ("", None, "7.5000", "bob@example.com"),
    ]
    assert CreditPrice.objects.count() == 1 and CreditPriceChange.objects.count() == 4


@pytest.mark.parametrize(
    "body",
    [{}, {"operation": "magic", "unit": "fixed", "credits": 1}, {"operation": "keyword", "unit": "fixed", "credits": 1},
     {"operation": "image", "credits": 1}, {"operation": "image", "unit": "per_mile", "credits": 1},
     {"operation": "image", "unit": "fixed", "credits": -1}, {"operation": "image", "unit": "fixed", "credits": "NaN"},
     {"operation": "image", "unit": "fixed", "credits": 10**9}],
)  # fmt: skip
def test_a_price_that_does_not_fit(staff, body):
    assert staff.client.post(f"{URL}/credit-costs/", body).status_code == 400
    assert not CreditPriceChange.objects.exists()
