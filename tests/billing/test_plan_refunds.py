"""Plans whose payment is given back, and upgrades whose transfer is approved when their month is over."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import Plan, Subscription
from apps.billing.models import CreditEntry, Invoice, Payment
from apps.billing.services.ledger import credits_charge
from apps.billing.services.money_back import dispute_record, refund_record
from apps.billing.services.payments import payment_approve, payment_succeed
from apps.billing.services.subscriptions import renewals_due
from apps.core.errors import Conflict
from apps.notifications.models import Notification
from tests.billing.plans import START, URL, active, again, balance, choose, on_small, transfer
from tests.billing.threads import at_once

pytestmark = pytest.mark.django_db
HALF = START + timedelta(days=15)


def back(payment: Payment, amount: str) -> None:
    payment.refresh_from_db()
    refunded = payment.refunded + Decimal(amount)
    refund_record(payment_id=payment.pk, refunded=refunded, reason="asked for it")


def paid() -> Payment:
    return Payment.objects.order_by("-pk")[0]


def bill() -> Invoice:
    """The newest of a month that began."""
    return Invoice.objects.filter(reference__startswith="renewal:").order_by("-pk")[0]


def waiting(actor, plan) -> Payment:
    """The account chose the plan and says that it has sent the money."""
    invoice = choose(actor, plan)["invoice"]
    again(actor)
    body = {"invoice_id": invoice["id"], "reference": "bank"}
    answer = actor.client.post(f"{URL}/payments/manual/", body)
    assert answer.status_code == 201, answer.content
    return paid()


def taken() -> list[int]:
    return list(CreditEntry.objects.filter(kind="reclaim").order_by("pk").values_list("amount", flat=True))


# --- given back


def test_a_month_that_is_given_back_ends_now_with_what_is_left_of_its_credits(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=3))
    credits_charge(account_id=owner.account.pk, amount=4000, operation="image", reference="a")
    left = balance(owner)
    back(paid(), "30.00")
    assert active(owner).plan == plans["free"] and active(owner).paid_until is None
    assert taken() == [-min(left, 10_000)] and balance(owner) == left + taken()[0] + 1000  # the free plan's
    assert Invoice.objects.get(kind="credit_note").total == -30
    assert Payment.objects.get().credits_missing == 0  # what was spent of a plan's credits is not owed
    told = Notification.objects.get(title="Your plan has ended").message
    assert "The plan Small was given back and has ended." in told
    assert renewals_due() == 0
    on_small(owner, plans)  # it can be had again
    assert active(owner).plan == plans["small"]


def test_a_part_makes_the_month_shorter_and_the_next_one_begins_then(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=5))
    before = balance(owner)
    back(paid(), "10.00")  # a third of 30 days
    assert active(owner).plan == plans["small"]
    assert active(owner).paid_until == START + timedelta(days=20)
    assert balance(owner) == before - 3333
    messages = Notification.objects.filter(title="Payment").values_list("message", flat=True)
    assert any("paid until April 21, 2026 now" in message for message in messages)
    again(owner)
    quote = owner.client.get(f"{URL}/plan/?plan_id={plans['large'].pk}").json()["data"]
    assert (quote["amount"], quote["credits"]) == ("30.00", 15_000)  # 15 days are left
    clock.move_to(START + timedelta(days=20))
    assert renewals_due() == 1
    line = bill().lines.get()
    assert (line.period_start, line.period_end) == (
        START + timedelta(days=20),
        START + timedelta(days=50),
    )
    before = balance(owner)
    transfer(owner, bill().pk)
    assert active(owner).paid_until == START + timedelta(days=50) and balance(owner) == before + 10_000


def test_a_part_that_is_more_than_what_is_left_of_the_month_ends_it(owner, plans, clock):
    on_small(owner, plans)
    payment = paid()
    clock.move_to(START + timedelta(days=20))
    back(payment, "5.00")
    assert active(owner).paid_until == START + timedelta(days=25)
    back(payment, "5.00")
    assert active(owner).plan == plans["free"]
    back(payment, "20.00")  # nothing is left to end
    assert active(owner).plan == plans["free"] and payment.invoice.credit_notes.count() == 3
    assert sum(taken()) == -10_000


def test_a_month_that_is_over_and_a_plan_that_staff_gave_stay(owner, plans, clock):
    on_small(owner, plans)
    first = paid()
    clock.move_to(START + timedelta(days=31))
    renewals_due()
    transfer(owner, bill().pk)
    before = balance(owner)
    back(first, "30.00")
    assert active(owner).plan == plans["small"] and balance(owner) == before
    Subscription.objects.filter(pk=active(owner).pk).update(paid_until=None)
    back(paid(), "15.00")
    assert active(owner).plan == plans["small"] and active(owner).paid_until is None


def test_a_renewal_is_given_back(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    transfer(owner, bill().pk)
    clock.move_to(START + timedelta(days=40))
    back(paid(), "30.00")
    assert active(owner).plan == plans["free"] and balance(owner) == 1000 and taken() == [-10_000]


def test_an_upgrade_that_is_given_back_is_undone(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(HALF)
    before = balance(owner)
    transfer(owner, choose(owner, plans["large"])["invoice"]["id"])
    upgrade = paid()
    assert upgrade.amount == 30 and balance(owner) == before + 15_000
    back(upgrade, "10.00")
    assert active(owner).plan == plans["large"] and balance(owner) == before + 10_000
    back(upgrade, "20.00")
    assert active(owner).plan == plans["small"] and balance(owner) == before
    assert active(owner).paid_until == START + timedelta(days=30)
    assert Notification.objects.filter(message__contains="The plan is Small again.").count() == 1


def test_an_upgrade_on_which_another_was_built_stays(owner, plans, clock):
    between = Plan.objects.create(
        slug="between", name="Between", price="60.00", monthly_credits=20_000, currency="EUR"
    )
    on_small(owner, plans)
    clock.move_to(HALF)
    transfer(owner, choose(owner, between)["invoice"]["id"])
    first = paid()
    clock.move_to(HALF + timedelta(minutes=1))
    transfer(owner, choose(owner, plans["large"])["invoice"]["id"])
    second = paid()
    back(first, str(first.amount))
    assert active(owner).plan == plans["large"]
    back(second, str(second.amount))
    assert active(owner).plan == plans["small"]  # that between was given back already


def test_an_upgrade_of_a_month_that_staff_gave_leaves_the_plan_to_staff(owner, plans, clock):
    Subscription.objects.filter(pk=active(owner).pk).update(
        plan=plans["small"], paid_until=START + timedelta(days=27)
    )
    transfer(owner, choose(owner, plans["large"])["invoice"]["id"])
    back(paid(), str(paid().amount))
    assert active(owner).plan == plans["large"] and paid().status == "refunded"


def test_a_dispute_over_a_month_ends_it_when_it_is_lost(owner, plans, clock):
    on_small(owner, plans)
    asked = {"payment_id": paid().pk, "stripe_id": "dp_1", "amount": Decimal(30), "reason": "fraudulent"}
    dispute_record(state="open", **asked)
    assert active(owner).plan == plans["small"] and balance(owner) == 1000
    for _ in range(2):
        dispute_record(state="lost", **asked)
    assert active(owner).plan == plans["free"] and Payment.objects.get().status == "refunded"
    assert taken() == [-10_000]


def test_a_won_dispute_returns_a_months_credits_for_as_long_as_they_had(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(START + timedelta(days=10))
    before = balance(owner)
    asked = {"payment_id": paid().pk, "stripe_id": "dp_1", "amount": Decimal(30), "reason": ""}
    dispute_record(state="open", **asked)
    assert balance(owner) == before - 10_000
    clock.move_to(START + timedelta(days=60))  # the month was over meanwhile
    before = balance(owner)
    for _ in range(2):
        dispute_record(state="won", **asked)
    assert balance(owner) == before + 10_000
    clock.move_to(START + timedelta(days=79))
    assert balance(owner) == before + 10_000
    clock.move_to(START + timedelta(days=80))
    assert balance(owner) == before


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_give_a_month_back_once(owner, plans, clock):
    on_small(owner, plans)
    payment = paid()
    asked = {"payment_id": payment.pk, "stripe_id": "dp_1", "amount": Decimal(15), "reason": ""}

    def act(n: int) -> None:
        if n % 2:
            dispute_record(state=("open", "lost")[n // 4], **asked)
        else:
            refund_record(payment_id=payment.pk, refunded=Decimal(15), reason="half")

    assert at_once(8, act) == [None] * 8
    payment.refresh_from_db()
    assert (payment.status, payment.refunded, payment.charged_back) == ("refunded", 30, 15)
    assert Invoice.objects.filter(kind="credit_note").count() == 2
    assert active(owner).plan == plans["free"] and sum(taken()) == -10_000


# --- late


def test_an_upgrade_that_is_approved_after_its_month_is_time_on_the_dearer_plan(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(HALF)
    payment = waiting(owner, plans["large"])  # 30.00 for 15 days
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    payment.invoice.refresh_from_db()
    assert payment.invoice.status == "open"
    transfer(owner, bill().pk)
    clock.move_to(START + timedelta(days=45, hours=12))
    before = balance(owner)
    for _ in range(2):
        payment_approve(payment_id=payment.pk, user_id=owner.user.pk)
    now = active(owner)
    # Half of May's 31 days is left, 15.00, and the 30.00 of April: half of a month at 90.00, of 31 days.
    assert now.plan == plans["large"]
    assert now.paid_until == START + timedelta(days=61)
    assert balance(owner) == before + 15_000
    told = Notification.objects.get(title="Your plan has changed").message
    assert "on the plan Large now" in told and "until June 1, 2026" in told
    clock.move_to(now.paid_until)
    assert renewals_due() == 1
    assert (bill().total, bill().lines.get().period_start) == (Decimal("90.00"), now.paid_until)


def test_a_late_upgrade_of_a_month_that_is_not_paid_voids_its_bill(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(HALF)
    payment = waiting(owner, plans["large"])
    clock.move_to(START + timedelta(days=30))
    renewals_due()
    late = START + timedelta(days=39)
    clock.move_to(late)
    assert renewals_due() == 0  # while a transfer waits nothing ends
    payment_approve(payment_id=payment.pk, user_id=owner.user.pk)
    assert bill().status == "void"
    third, moment = timedelta(days=31) / 3, timedelta(seconds=2)  # 30.00 of 90.00
    assert active(owner).plan == plans["large"] and abs(active(owner).paid_until - late - third) < moment
    assert balance(owner) == 15_000  # and no month's 40,000 beside them
    back(payment, "15.00")
    assert abs(active(owner).paid_until - late - third / 2) < moment and balance(owner) == 7500
    clock.move_to(late + timedelta(hours=1))
    back(payment, "15.00")
    assert active(owner).plan == plans["free"] and balance(owner) == 1000


def test_a_late_upgrade_that_can_bring_nothing_is_refused_with_what_to_do(owner, plans, clock, staff):
    on_small(owner, plans)
    clock.move_to(HALF)
    payment = waiting(owner, plans["large"])
    clock.move_to(START + timedelta(days=31))
    Subscription.objects.filter(pk=active(owner).pk).update(plan=plans["large"], paid_until=None)
    again(staff)
    answer = staff.client.post(f"/api/v1/admin/billing/{payment.pk}/approve_payment/")
    assert answer.status_code == 409
    said = answer.json()["error"]
    assert "until 2026-05-01, and the account is on the plan Large by now." in said
    assert f"void invoice {payment.invoice} and approve the payment" in said
    payment.refresh_from_db()
    assert payment.status == "pending" and active(owner).plan == plans["large"]
    Subscription.objects.filter(account=owner.account).update(status="ended")
    assert (
        "is on no plan"
        in staff.client.post(f"/api/v1/admin/billing/{payment.pk}/approve_payment/").json()["error"]
    )
    payment_succeed(payment_id=payment.pk)  # as Stripe would: nobody is there to be told
    payment.refresh_from_db()
    assert payment.surplus and payment.status == "succeeded"


def test_a_late_upgrade_waits_for_the_month_that_it_builds_on(owner, plans, clock):
    on_small(owner, plans)
    clock.move_to(HALF)
    payment = waiting(owner, plans["large"])
    clock.move_to(START + timedelta(days=31))
    renewals_due()
    again(owner)
    owner.client.post(f"{URL}/payments/manual/", {"invoice_id": bill().pk, "reference": "bank"})
    with pytest.raises(Conflict, match=f"First approve or reject the transfer for {bill().number}"):
        payment_approve(payment_id=payment.pk, user_id=owner.user.pk)
    payment_approve(payment_id=paid().pk, user_id=owner.user.pk)
    payment_approve(payment_id=payment.pk, user_id=owner.user.pk)
    assert active(owner).plan == plans["large"]
