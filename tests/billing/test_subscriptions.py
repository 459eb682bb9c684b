"""Plans: chosen, paid, changed with what is left of the month, renewed, ended."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.models import Account, Subscription
from apps.accounts.services.limits import PlanLimitReached, limit_take
from apps.billing.models import CreditEntry, Invoice, Payment, PaymentMethod
from apps.billing.services import subscriptions
from apps.billing.services.ledger import credits_charge
from apps.billing.services.payments import payment_succeed
from apps.billing.services.subscriptions import renewals_due
from apps.billing.tasks import renew_plans
from apps.core.models import Job
from apps.notifications.models import Notification
from tests.billing.plans import START, URL, active, again, balance, choose, on_small, transfer
from tests.billing.threads import at_once
from tests.factories import PlanFactory

pytestmark = pytest.mark.django_db


def test_from_free_to_paid(owner, plans):
    assert balance(owner) == 1000
    chosen = choose(owner, plans["small"])
    assert chosen["change"]["at_once"] and chosen["change"]["amount"] == "30.00"
    assert active(owner).plan == plans["free"] and balance(owner) == 1000
    transfer(owner, chosen["invoice"]["id"])
    now = active(owner)
    assert (now.plan, now.paid_until) == (plans["small"], START + timedelta(days=30))
    assert balance(owner) == 11_000
    assert Subscription.objects.filter(account=owner.account).count() == 2


def test_an_upgrade_pays_what_is_left_of_the_month(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=20))
    again(owner)
    quote = owner.client.get(f"{URL}/plan/?plan_id={plans['large'].pk}").json()["data"]
    assert (quote["amount"], quote["credits"], quote["at_once"]) == ("20.00", 10_000, True)
    assert not Invoice.objects.filter(status="draft").exists()
    before = balance(owner)
    chosen = choose(owner, plans["large"])
    assert chosen["invoice"]["total"] == "20.00" and "10 days" in chosen["invoice"]["lines"][0]["description"]
    assert active(owner).plan == plans["small"]
    transfer(owner, chosen["invoice"]["id"])
    now = active(owner)
    assert (now.plan, now.paid_until) == (plans["large"], START + timedelta(days=30))
    assert balance(owner) == before + 10_000
    limit_take(account_id=owner.account.pk, resource="sites", n=50)
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    assert balance(owner) == 0  # both lots were of the month; the next one is to be paid first


def test_choosing_again_takes_the_same_invoice_and_another_plan_voids_it(owner, plans):
    first, second = (choose(owner, plans["small"])["invoice"]["id"] for _ in range(2))
    assert first == second
    third = choose(owner, plans["large"])["invoice"]["id"]
    assert Invoice.objects.get(pk=first).status == "void" and third != first
    again(owner)
    body = {"invoice_id": third, "reference": "bank"}
    assert owner.client.post(f"{URL}/payments/manual/", body).status_code == 201
    answer = owner.client.post(f"{URL}/plan/", {"plan_id": plans["small"].pk})
    assert answer.status_code == 409 and "waits for its approval" in answer.json()["error"]


def test_a_downgrade_holds_from_the_end_of_what_is_paid(owner, plans, clock):
    transfer(owner, choose(owner, plans["large"])["invoice"]["id"])
    clock.move_to(START + timedelta(days=12))
    chosen = choose(owner, plans["small"])
    assert not chosen["change"]["at_once"] and chosen["invoice"] is None
    assert chosen["change"]["effective"] == "2026-05-01T09:00:00Z"
    assert active(owner).plan == plans["large"] and active(owner).next_plan == plans["small"]
    choose(owner, plans["large"])  # thought better of it
    assert active(owner).next_plan is None
    choose(owner, plans["small"])
    clock.move_to(START + timedelta(days=30))
    assert renewals_due() == 1
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    assert (invoice.status, invoice.total) == ("open", Decimal("30.00"))
    transfer(owner, invoice.pk)
    assert active(owner).plan == plans["small"] and active(owner).next_plan is None
    assert balance(owner) == 10_000


def test_back_to_the_free_plan_at_the_end(owner, plans, clock):
    on_small(owner, plans)
    choose(owner, plans["free"])
    assert active(owner).plan == plans["small"]
    clock.move_to(START + timedelta(days=31))
    assert renewals_due() == 1 and renewals_due() == 0
    assert active(owner).plan == plans["free"] and active(owner).paid_until is None
    assert balance(owner) == 1000 and not Invoice.objects.filter(status="open").exists()


def test_an_expired_subscription_from_its_start_to_its_end(owner, plans, clock):
    """Paid for a month, billed for the next, warned, not paid, ended, and chosen anew."""
    on_small(owner, plans)
    credits_charge(account_id=owner.account.pk, amount=500, operation="keyword", reference="a")
    clock.move_to(START + timedelta(days=29))
    # The 500 came from the free month's credits, which ended two days ago with the rest of them.
    assert renewals_due() == 0 and balance(owner) == 10_000
    clock.move_to(START + timedelta(days=30))
    renew_plans()
    renew_plans()
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    assert (invoice.status, invoice.due_at) == ("open", START + timedelta(days=37))
    assert "over €30.00 is to be paid by May 8, 2026." in Notification.objects.get(severity="warning").message
    assert active(owner).plan == plans["small"]
    assert balance(owner) == 0  # no month's credits before it is paid
    clock.move_to(START + timedelta(days=36))
    assert renewals_due() == 0 and active(owner).plan == plans["small"]
    clock.move_to(START + timedelta(days=37))
    assert renewals_due() == 1 and renewals_due() == 0
    ended = Subscription.objects.filter(account=owner.account, plan=plans["small"]).get()
    assert ended.status == "ended" and active(owner).plan == plans["free"]
    invoice.refresh_from_db()
    assert invoice.status == "void" and invoice.number is not None
    assert "has ended" in Notification.objects.get(title="Your plan has ended").message
    assert balance(owner) == 1000
    limit_take(account_id=owner.account.pk, resource="sites", n=2)
    with pytest.raises(PlanLimitReached):
        limit_take(account_id=owner.account.pk, resource="sites")
    again(owner)
    late = owner.client.post(f"{URL}/payments/manual/", {"invoice_id": invoice.pk, "reference": "late"})
    assert late.status_code == 409
    on_small(owner, plans)
    assert active(owner).paid_until == clock_month_after(START + timedelta(days=37))
    assert balance(owner) == 11_000


def clock_month_after(moment: datetime) -> datetime:
    return moment.replace(month=moment.month + 1)


def test_paid_in_grace_goes_on_without_a_gap(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=33))
    renewals_due()
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    transfer(owner, invoice.pk)
    assert active(owner).paid_until == datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
    assert balance(owner) == 10_000
    assert CreditEntry.objects.filter(kind="grant", reference__startswith="plan:").count() == 3


def test_a_plan_does_not_end_while_its_transfer_waits(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    again(owner)
    owner.client.post(f"{URL}/payments/manual/", {"invoice_id": invoice.pk, "reference": "bank"})
    clock.move_to(START + timedelta(days=45))
    assert renewals_due() == 0 and active(owner).plan == plans["small"]
    payment_succeed(payment_id=Payment.objects.get(invoice=invoice).pk)
    assert active(owner).paid_until == datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def test_one_that_fails_keeps_no_other_from_its_renewal(owner, plans, clock, bob, monkeypatch):
    on_small(owner, plans)
    Subscription.objects.filter(account=bob.account).update(
        plan=plans["small"], anchor=START - timedelta(days=40), paid_until=START
    )
    tell = subscriptions.owners_tell

    def fails_for_bob(account_id, **fields):
        if account_id == bob.account.pk:
            raise RuntimeError
        tell(account_id=account_id, **fields)

    monkeypatch.setattr(subscriptions, "owners_tell", fails_for_bob)
    clock.move_to(START + timedelta(days=30))
    assert renewals_due() == 1
    assert Invoice.objects.get(reference__startswith="renewal:").account == owner.account


def test_who_is_billed_late_has_as_many_days_to_pay(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=50))  # no worker was there for weeks
    assert renewals_due() == 1 and renewals_due() == 0
    assert Invoice.objects.get(reference__startswith="renewal:").due_at == START + timedelta(days=57)
    assert active(owner).plan == plans["small"]
    clock.move_to(START + timedelta(days=57))
    assert renewals_due() == 1 and active(owner).plan == plans["free"]


def test_a_closed_account_is_billed_no_more(owner, plans, clock):
    on_small(owner, plans)
    Account.objects.filter(pk=owner.account.pk).update(status="closed")
    clock.move_to(START + timedelta(days=30))
    assert renewals_due() == 1 and renewals_due() == 0
    assert active(owner).plan == plans["free"]
    assert not Invoice.objects.filter(reference__startswith="renewal:").exists()


def test_in_grace_the_old_plan_can_be_taken_again_after_another_was_chosen(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=31))
    renewals_due()
    assert choose(owner, plans["small"])["invoice"] is None  # its bill is there already
    choose(owner, plans["large"])
    assert Invoice.objects.get(reference__startswith="renewal:").status == "void"
    back = choose(owner, plans["small"])["invoice"]
    assert back["subtotal"] == "30.00"
    transfer(owner, back["id"])
    assert active(owner).plan == plans["small"] and balance(owner) == 10_000
    assert active(owner).paid_until > START + timedelta(days=60)


def test_a_plan_that_staff_gave_is_never_billed(owner, plans, clock):
    Subscription.objects.filter(account=owner.account).update(plan=plans["large"])
    clock.move_to(START + timedelta(days=400))
    assert renewals_due() == 0 and balance(owner) == 40_000


@pytest.mark.parametrize(("number", "paid"), [("4242424242424242", True), ("4000000000000341", False)])
def test_a_kept_card_pays_the_renewal(owner, plans, clock, stripe, run_jobs, number, paid):
    on_small(owner, plans)
    again(owner)
    card = {"kind": "card", "payment_method_id": stripe.card(number)}
    assert owner.client.post(f"{URL}/payment-methods/", card).status_code == 201
    assert PaymentMethod.objects.get().is_default
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    run_jobs()
    job = Job.objects.get(kind="billing.autopay")
    assert (job.state, job.result) == ("succeeded", {"paid": paid})
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    assert invoice.status == ("paid" if paid else "open")
    assert balance(owner) == (10_000 if paid else 0)
    if not paid:
        assert Payment.objects.get(invoice=invoice).status == "failed"
        assert Notification.objects.filter(severity="error", title="Payment").count() == 1
        transfer(owner, invoice.pk)
        assert balance(owner) == 10_000


def test_no_card_is_charged_by_itself_while_a_bank_disputes_a_payment(owner, plans, clock, stripe, run_jobs):
    on_small(owner, plans)
    again(owner)
    card = {"kind": "card", "payment_method_id": stripe.card()}
    assert owner.client.post(f"{URL}/payment-methods/", card).status_code == 201
    Payment.objects.update(dispute="open")
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    run_jobs()
    assert Job.objects.get(kind="billing.autopay").result == {"paid": False}
    assert Invoice.objects.get(reference__startswith="renewal:").status == "open"
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    "body", [{}, {"plan_id": "x"}, {"plan_id": 10**20}, {"plan_id": 99999}, {"plan_id": None}]
)
def test_a_plan_that_is_not_there(owner, body):
    again(owner)
    answer = owner.client.post(f"{URL}/plan/", body)
    assert answer.status_code == 400 and "plan_id" in answer.json()["details"]
    assert owner.client.get(f"{URL}/plan/").status_code == 400


def test_a_free_plan_that_is_not_everybodys_can_not_be_chosen(owner, plans):
    again(owner)
    gift = PlanFactory(slug="gift", price=0, monthly_credits=10**6)
    for other in (gift, PlanFactory(slug="old", price=1, is_active=False)):
        assert owner.client.post(f"{URL}/plan/", {"plan_id": other.pk}).status_code == 400
    assert owner.as_role("admin").post(f"{URL}/plan/", {"plan_id": plans["small"].pk}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_eight_sweeps_bill_a_month_once_and_eight_payments_begin_it_once(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=30))
    assert sum(at_once(8, lambda _: renewals_due())) == 1
    invoice = Invoice.objects.get(reference__startswith="renewal:")
    again(owner)
    body = {"invoice_id": invoice.pk, "reference": "bank"}
    payment = owner.client.post(f"{URL}/payments/manual/", body).json()["data"]
    results = at_once(8, lambda _: payment_succeed(payment_id=payment["id"]).status)
    assert results == ["succeeded"] * 8
    assert balance(owner) == 10_000
    assert timezone.now() < active(owner).paid_until
