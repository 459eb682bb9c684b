"""Money that banks and Stripe's dashboard send back: once, whatever is told and when."""

import random
from decimal import Decimal

import pytest

from apps.accounts.models import TelegramSubscriber
from apps.billing.models import CreditEntry, CreditLot, Dispute, Invoice, Payment, StripeEvent
from apps.billing.services.ledger import credits_charge, credits_release, credits_reserve
from apps.billing.services.money_back import dispute_record
from apps.billing.services.stripe import payment_refund, payments_tidy
from apps.core.models import Job
from apps.notifications.models import Notification, TelegramMessage
from tests.billing.test_payments import STAFF, URL, balance, buy, deliver
from tests.factories.billing import CreditPackageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(payer, stripe, settings) -> Payment:
    """5,000 credits for 49.00, paid by card, beside the credits of her plan."""
    bought = buy(payer, CreditPackageFactory())
    stripe.confirm(bought["client_secret"])
    payer.client.post(f"{URL}/invoices/{bought['invoice']['id']}/pay/", {})
    settings.TELEGRAM_BOT_TOKEN, settings.STAFF_EMAIL = "1:bot", "ops@example.com"
    TelegramSubscriber.objects.create(chat_id=77, name="Ops", subscriptions=["billing"])
    return Payment.objects.get()


@pytest.fixture
def run_events(run_jobs):
    """All jobs but the papers, whose PDFs are other tests'."""

    def run() -> None:
        Job.objects.filter(kind="billing.paper").delete()
        run_jobs()

    return run


@pytest.fixture
def tell(stripe, anonymous, run_events):
    """Delivers all that Stripe has to tell, and handles it."""

    def told(events=None):
        for event in events or stripe.events():
            assert deliver(anonymous, event).status_code == 200
        run_events()

    return told


def spend_all_but(actor, left: int) -> None:
    amount = balance(actor) - left
    credits_charge(account_id=actor.account.pk, amount=amount, operation="image", reference="spent")


def shown(actor) -> dict:
    return actor.client.get(f"{URL}/payments/").json()["results"][0]


def test_a_dispute_takes_the_credits_and_a_lost_one_is_a_refund(payer, staff, paid, stripe, tell, mailoutbox):
    before = balance(payer)
    dispute = stripe.dispute(paid.intent_id)
    tell()
    assert balance(payer) == before - 5000
    entry = CreditEntry.objects.get(kind="reclaim")
    assert (entry.amount, entry.note) == (-5000, f"Dispute over invoice {paid.invoice}")
    assert (shown(payer)["status"], shown(payer)["dispute"], shown(payer)["refunded"]) == (
        "succeeded",
        "open",
        "0.00",
    )
    assert payer.client.get(f"{URL}/payments/?dispute=open").json()["count"] == 1
    assert staff.client.get(f"{STAFF}/billing/stats/").json()["data"]["open_disputes"] == 1
    assert "€49.00" in Notification.objects.get(account=payer.account, severity="warning").message
    [told] = TelegramMessage.objects.all()
    assert f"{dispute.id} over €49.00 of invoice {paid.invoice} is open" in told.text
    [mail] = [j.payload for j in Job.objects.filter(kind="mail.send")]
    assert mail["text"] == told.text
    assert not Invoice.objects.filter(kind="credit_note").exists()
    assert [m.to for m in mailoutbox if dispute.id in m.body] == [["ops@example.com"]]
    stripe.decide(dispute, "lost")
    tell()
    assert balance(payer) == before - 5000
    assert (shown(payer)["status"], shown(payer)["dispute"], shown(payer)["refunded"]) == (
        "refunded",
        "lost",
        "49.00",
    )
    assert Invoice.objects.get(kind="credit_note").total == Decimal("-49.00")
    row = staff.client.get(f"{STAFF}/billing/payments/?dispute=lost").json()["results"][0]
    assert (row["charged_back"], row["credits_missing"]) == ("49.00", 0)
    assert StripeEvent.objects.filter(account=payer.account, handled_at=None).count() == 0


def test_a_won_dispute_gives_back_and_a_refund_after_it_takes_again(payer, paid, stripe, tell, staff):
    before = balance(payer)
    dispute = stripe.dispute(paid.intent_id)
    tell()
    stripe.decide(dispute, "won")
    tell()
    assert balance(payer) == before and shown(payer)["dispute"] == "won"
    assert CreditEntry.objects.get(kind="restore").amount == 5000
    lot = CreditLot.objects.get(kind="purchase")
    assert (lot.amount, lot.remaining, lot.expires_at) == (5000, 5000, None)
    stripe.decide(dispute, "lost")  # what is decided stays: staff look at what a bank says later
    tell()
    assert balance(payer) == before and Dispute.objects.get().state == "won"
    payment_refund(payment_id=paid.pk, amount=Decimal("49.00"), reason="asked", user_id=staff.user.pk)
    assert balance(payer) == before - 5000 and shown(payer)["status"] == "refunded"


def test_what_was_spent_is_told_to_staff_and_the_balance_stays_above_zero(payer, staff, paid, stripe, tell):
    spend_all_but(payer, 1200)
    dispute = stripe.dispute(paid.intent_id)
    tell()
    assert balance(payer) == 0
    row = Dispute.objects.get()
    assert (row.credits_taken, row.credits_missing) == (1200, 3800)
    assert Payment.objects.get().credits_missing == 3800
    assert any("3800 had been spent" in m.text for m in TelegramMessage.objects.all())
    assert (
        Notification.objects.filter(account=payer.account, notification_type="credits_depleted").count() == 1
    )
    stripe.decide(dispute, "won")
    tell()
    assert balance(payer) == 1200 and Payment.objects.get().credits_missing == 0


def test_an_inquiry_takes_nothing_until_it_is_a_dispute(payer, paid, stripe, tell):
    before = balance(payer)
    dispute = stripe.dispute(paid.intent_id, status="warning_needs_response")
    tell()
    assert (balance(payer), shown(payer)["dispute"]) == (before, "inquiry")
    stripe.decide(dispute, "under_review")
    tell()
    assert (balance(payer), shown(payer)["dispute"]) == (before - 5000, "open")
    # An older answer of Stripe's, of a worker that was slow.
    dispute_record(payment_id=paid.pk, stripe_id=dispute.id, state="inquiry", amount=paid.amount, reason="")
    assert shown(payer)["dispute"] == "open"
    other = stripe.dispute(paid.intent_id, status="warning_closed")
    tell()
    assert Dispute.objects.get(stripe_id=other.id).state == "closed" and shown(payer)["dispute"] == "open"


@pytest.mark.parametrize("end", ["won", "lost"])
def test_ten_deliveries_in_any_order_do_it_once(payer, paid, stripe, anonymous, run_events, end):
    before = balance(payer)
    dispute = stripe.dispute(paid.intent_id, amount=2450)
    stripe.refund(paid.intent_id, 980)
    told = [e for e in stripe.events() if e["type"].startswith("charge.")]
    stripe.decide(dispute, end)
    told += [e for e in stripe.events() if e["type"] == "charge.dispute.closed"]
    assert len(told) == 3
    deliveries = told * 10
    random.Random(end).shuffle(deliveries)
    for n, event in enumerate(deliveries):
        assert deliver(anonymous, event).status_code == 200
        if n % 9 == 0:
            run_events()
    run_events()
    lost = end == "lost"
    assert balance(payer) == before - (3500 if lost else 1000)  # a fifth, and a half
    payment = Payment.objects.get()
    assert (payment.refunded, payment.charged_back) == (
        Decimal("34.30" if lost else "9.80"),
        24.5 if lost else 0,
    )
    assert Invoice.objects.filter(kind="credit_note").count() == (2 if lost else 1)
    assert Dispute.objects.get().state == end


def test_a_refund_in_the_dashboard_is_recorded(payer, paid, stripe, tell):
    before = balance(payer)
    stripe.refund(paid.intent_id, 2450)
    tell()
    tell()
    assert balance(payer) == before - 2500 and shown(payer)["refunded"] == "24.50"
    stripe.refund(paid.intent_id, 2450)
    tell()
    assert balance(payer) == before - 5000 and shown(payer)["status"] == "refunded"
    assert Invoice.objects.filter(kind="credit_note").count() == 2


def test_a_dispute_that_nobody_told_of_its_end_is_asked_for(payer, paid, stripe, tell):
    dispute = stripe.dispute(paid.intent_id)
    tell()
    dispute.status = "won"
    payments_tidy()
    assert shown(payer)["dispute"] == "won"


def test_bought_credits_are_taken_before_others_and_a_reserve_given_back_later_does_not_fill_their_lot(
    payer, paid, stripe, tell
):
    reserved = {"account_id": payer.account.pk, "reference": "r"}
    before = balance(payer)
    credits_reserve(amount=before - 4000, operation="image", **reserved)
    dispute = stripe.dispute(paid.intent_id)
    tell()
    assert balance(payer) == 0 and CreditLot.objects.get(kind="purchase").remaining == 0
    credits_release(**reserved)
    assert balance(payer) == before - 4000
    stripe.decide(dispute, "won")
    tell()
    assert balance(payer) == before
