"""Buying credits: by Stripe, by transfer, and all that goes wrong on the way."""

import random
import time
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from apps.billing.models import CreditEntry, CreditLot, Invoice, Payment, PaymentMethod, StripeEvent, TaxRate
from apps.billing.services import stripe as stripe_services
from apps.billing.services.invoices import invoice_void
from apps.billing.services.ledger import credits_balance
from apps.billing.services.methods import method_add, method_default
from apps.billing.services.stripe import payment_refund, payments_tidy
from apps.billing.tasks import forget_events
from apps.core.models import Job
from apps.notifications.models import Notification
from tests.billing.local_stripe import signed
from tests.billing.threads import at_once
from tests.factories.billing import CreditPackageFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/billing"
STAFF = "/api/v1/admin"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"


def balance(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["balance"]


def buy(actor, package, method=None, **headers) -> dict:
    body = {"payment_method": method} if method else {}
    answer = actor.client.post(f"{URL}/credit-packages/{package.pk}/purchase/", body, **headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def deliver(client, event, **how):
    body, signature = signed(event, **how)
    return client.post(
        f"{URL}/webhooks/stripe/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )


# --- Stripe


@pytest.mark.django_db(transaction=True)
def test_a_stripe_payment_from_the_package_to_the_credits(payer, stripe, live_server, run_jobs):
    """The whole way, with the webhooks that the server itself sends."""
    stripe.deliver_to(f"{live_server.url}{URL}/webhooks/stripe/")
    package, before = CreditPackageFactory(valid_days=90), balance(payer)
    TaxRate.objects.create(country="", percent="19.00")
    methods = payer.client.get(f"{URL}/payments/available_methods/").json()["data"]
    assert [m["method"] for m in methods] == ["stripe", "manual"]
    assert methods[0]["publishable_key"] == "pk_test_of_the_tests"
    bought = buy(payer, package)
    assert bought["invoice"]["status"] == "draft" and bought["invoice"]["number"] is None
    assert (bought["invoice"]["tax"], bought["invoice"]["total"]) == ("9.31", "58.31")
    assert bought["payment"]["status"] == "pending"
    assert payer.client.get(f"{URL}/invoices/{bought['invoice']['id']}/download_pdf/").status_code == 409
    assert stripe.confirm(bought["client_secret"])["status"] == "succeeded"
    assert balance(payer) == before
    until = time.monotonic() + 15
    while not StripeEvent.objects.filter(type="payment_intent.succeeded").exists():
        assert time.monotonic() < until, "the webhook did not come"
        time.sleep(0.1)
    assert balance(payer) == before  # stored, not handled
    run_jobs()
    assert balance(payer) == before + 5000
    lot = CreditLot.objects.get(kind="purchase")
    assert lot.expires_at.date() == (timezone.now() + timedelta(days=90)).date()
    [invoice] = payer.client.get(f"{URL}/invoices/").json()["results"]
    assert invoice["status"] == "paid" and invoice["number"] == f"INV-{timezone.now():%Y}-000001"
    [payment] = payer.client.get(f"{URL}/payments/").json()["results"]
    assert (payment["status"], payment["amount"], payment["invoice_number"]) == (
        "succeeded",
        "58.31",
        invoice["number"],
    )
    paper = payer.client.get(f"{URL}/invoices/{invoice['id']}/download_pdf/")
    assert paper["Content-Type"] == "application/pdf" and paper.content.startswith(b"%PDF-")
    assert StripeEvent.objects.get(type="payment_intent.succeeded").handled_at is not None
    assert Notification.objects.filter(account=payer.account, severity="success").count() == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_deliveries_in_any_order_grant_once(payer, stripe, anonymous, run_jobs, seed):
    before = balance(payer)
    bought = buy(payer, CreditPackageFactory())
    assert stripe.confirm(bought["client_secret"])["status"] == "succeeded"
    [event] = [e for e in stripe.events() if e["type"] == "payment_intent.succeeded"]
    late = [{**event, "id": f"evt_{t}", "type": f"payment_intent.{t}"} for t in ("created", "payment_failed")]
    deliveries = [event, *late] * 10
    random.Random(seed).shuffle(deliveries)
    for n, delivery in enumerate(deliveries):
        assert deliver(anonymous, delivery).status_code == 200
        if n % 7 == 0:
            run_jobs()
    run_jobs()
    assert StripeEvent.objects.exclude(handled_at=None).count() == 3
    assert Job.objects.filter(kind="billing.stripe_event", state="succeeded").count() == 3
    assert Payment.objects.get().status == "succeeded" and balance(payer) == before + 5000
    assert CreditEntry.objects.filter(kind="grant", reference__startswith="invoice:").count() == 1
    assert Invoice.objects.get().sequence == 1


def test_a_declined_card_leaves_the_invoice_to_be_paid(payer, stripe, anonymous, run_jobs):
    before = balance(payer)
    bought = buy(payer, CreditPackageFactory())
    stripe.confirm(bought["client_secret"], "4000000000000341")
    for event in stripe.events():
        deliver(anonymous, event)
    run_jobs()
    payment = Payment.objects.get()
    assert payment.status == "pending" and "declined" in payment.reason
    assert Invoice.objects.get().status == "draft" and balance(payer) == before


def test_a_webhook_needs_a_good_signature(payer, stripe, anonymous, settings):
    bought = buy(payer, CreditPackageFactory())
    stripe.confirm(bought["client_secret"])
    [event] = [e for e in stripe.events() if e["type"] == "payment_intent.succeeded"]
    bad = [
        deliver(anonymous, event, secret="whsec_of_somebody"),
        deliver(anonymous, event, at=int(time.time()) - 3600),
        anonymous.post(f"{URL}/webhooks/stripe/", event),
        anonymous.post(f"{URL}/webhooks/stripe/", event, headers={"Stripe-Signature": "t=x,v1=é"}),
        deliver(anonymous, ["no event"]),
        deliver(anonymous, {"id": 5, "type": None}),
    ]
    settings.STRIPE_WEBHOOK_SECRETS = []
    bad.append(deliver(anonymous, event))
    assert {answer.status_code for answer in bad} == {400}
    assert not StripeEvent.objects.exists() and not Job.objects.exists()


def test_events_of_nobody_here_are_kept_and_start_nothing(stripe, anonymous):
    for n, thing in enumerate(
        [{}, None, {"object": "payment_intent", "id": "pi_theirs"}, {"metadata": {"igny8_payment_id": "x"}}]
    ):
        event = {"id": f"evt_{n}", "type": "charge.updated", "data": {"object": thing}}
        assert deliver(anonymous, event).status_code == 200
    assert StripeEvent.objects.count() == 4 and not Job.objects.exists()


def test_handled_events_are_forgotten_and_a_late_replay_changes_nothing(payer, stripe, anonymous, run_jobs):
    before = balance(payer)
    bought = buy(payer, CreditPackageFactory())
    stripe.confirm(bought["client_secret"])
    [event] = [e for e in stripe.events() if e["type"] == "payment_intent.succeeded"]
    nobodys = {"id": "evt_nobodys", "type": "charge.updated", "data": {"object": {}}}
    for told in (event, nobodys, {**event, "id": "evt_new"}):
        deliver(anonymous, told)
    run_jobs()
    deliver(anonymous, {**event, "id": "evt_waits"})
    old = timezone.now() - timedelta(days=91)
    StripeEvent.objects.exclude(pk="evt_new").update(received_at=old)
    forget_events()
    forget_events()
    assert set(StripeEvent.objects.values_list("pk", flat=True)) == {"evt_new", "evt_waits"}
    Job.objects.all().delete()  # they are kept as long
    deliver(anonymous, event)
    run_jobs()
    assert StripeEvent.objects.get(pk=event["id"]).handled_at and balance(payer) == before + 5000


def test_an_event_that_comes_before_our_request_was_answered(payer, stripe, anonymous, run_jobs):
    before = balance(payer)
    bought = buy(payer, CreditPackageFactory())
    Payment.objects.update(intent_id=None)  # the answer to us was lost
    stripe.confirm(bought["client_secret"])
    [event] = [e for e in stripe.events() if e["type"] == "payment_intent.succeeded"]
    deliver(anonymous, event)
    run_jobs()
    assert Payment.objects.get().status == "succeeded" and balance(payer) == before + 5000


def test_stripe_that_is_away_or_refuses_our_key(payer, stripe, settings):
    package = CreditPackageFactory()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    answer = payer.client.post(f"{URL}/credit-packages/{package.pk}/purchase/", {})
    assert (answer.status_code, answer.json()["code"]) == (502, "UPSTREAM_ERROR")
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY = stripe.base, "wrong"
    answer = payer.client.post(f"{URL}/credit-packages/{package.pk}/purchase/", {})
    assert answer.status_code == 502 and "refuses our key" in answer.json()["error"]
    assert "wrong" not in answer.content.decode()


def test_the_same_purchase_is_one_and_is_taken_up_again(payer, stripe):
    package = CreditPackageFactory()
    first, second = (buy(payer, package, headers={"Idempotency-Key": "a-click"}) for _ in range(2))
    assert first["invoice"]["id"] == second["invoice"]["id"]
    assert first["client_secret"] == second["client_secret"]
    again = payer.client.post(f"{URL}/invoices/{first['invoice']['id']}/pay/", {}).json()["data"]
    assert again["client_secret"] == first["client_secret"] and Payment.objects.count() == 1
    long = payer.client.post(
        f"{URL}/credit-packages/{package.pk}/purchase/", {}, headers={"Idempotency-Key": "x" * 99}
    )
    assert long.status_code == 400


def test_what_was_left_is_ended_and_can_not_be_paid_later(payer, stripe):
    before = balance(payer)
    left, kept = buy(payer, CreditPackageFactory()), buy(payer, CreditPackageFactory())
    too_late = buy(payer, CreditPackageFactory())
    old = timezone.now() - timedelta(days=15)
    Invoice.objects.filter(pk__in=[left["invoice"]["id"], too_late["invoice"]["id"]]).update(created_at=old)
    stripe.confirm(too_late["client_secret"])  # paid, and nobody told us before staff voided the draft
    invoice_void(Invoice.objects.get(pk=too_late["invoice"]["id"]))
    assert payments_tidy() == 2 and payments_tidy() == 0
    by_invoice = {p.invoice_id: p for p in Payment.objects.select_related("invoice")}
    found = [by_invoice[b["invoice"]["id"]] for b in (left, kept, too_late)]
    assert [p.status for p in found] == ["failed", "pending", "succeeded"]
    assert [p.invoice.status for p in found] == ["void", "draft", "void"]
    assert found[2].surplus and balance(payer) == before
    assert "error" in stripe.confirm(left["client_secret"])


def test_what_no_webhook_told_is_asked_for_before_the_draft_is_void(payer, stripe, settings):
    before = balance(payer)
    new, old, waits = (buy(payer, CreditPackageFactory()) for _ in range(3))
    for bought in (new, old):
        assert stripe.confirm(bought["client_secret"])["status"] == "succeeded"
    assert payments_tidy() == 0 and balance(payer) == before  # a webhook may still come
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    long_ago = timezone.now() - timedelta(days=15)
    Invoice.objects.filter(pk__in=[old["invoice"]["id"], waits["invoice"]["id"]]).update(created_at=long_ago)
    base, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    payments_tidy()  # Stripe is away: what it would say is not known, so nothing is void
    assert not Invoice.objects.filter(status="void").exists()
    settings.STRIPE_API_BASE = base
    assert payments_tidy() == 1 and payments_tidy() == 0
    by_invoice = dict(Payment.objects.values_list("invoice_id", "status"))
    assert [by_invoice[b["invoice"]["id"]] for b in (new, old, waits)] == ["succeeded", "succeeded", "failed"]
    assert Invoice.objects.filter(status="paid").count() == 2 and balance(payer) == before + 10_000


def test_stripes_smallest_unit_is_not_always_the_currencys():
    """https://docs.stripe.com/currencies: whole yen, hundredths of a króna and of a dinar, thousandths in Kuwait."""
    for currency, sent in {
        "EUR": 4900,
        "JPY": 49,
        "ISK": 4900,
        "RSD": 4900,
        "UGX": 4900,
        "KWD": 49_000,
    }.items():
        assert stripe_services._minor(Decimal("49.00"), currency) == sent, currency
        assert stripe_services._major(sent, currency) == 49, currency


@pytest.mark.django_db(transaction=True)
def test_eight_defaults_at_once_leave_one(alice):
    for kind in ("card", "bank_transfer"):
        method_add(account_id=alice.account.pk, kind=kind, is_default=False)
    ids = list(PaymentMethod.objects.values_list("pk", flat=True))
    results = at_once(
        8, lambda n: method_default(account_id=alice.account.pk, method_id=ids[n % 2]).is_default
    )
    assert results == [True] * 8 and PaymentMethod.objects.filter(is_default=True).count() == 1


def test_a_refund_takes_its_share_of_the_credits_and_makes_a_credit_note(payer, staff, stripe):
    TaxRate.objects.create(country="", percent="19.00")
    bought = buy(payer, CreditPackageFactory())
    stripe.confirm(bought["client_secret"])
    payer.client.post(f"{URL}/invoices/{bought['invoice']['id']}/pay/", {})
    payment, before = Payment.objects.get(), balance(payer)
    refund = {"payment_id": payment.pk, "reason": "half was not used", "user_id": staff.user.pk}
    payment_refund(amount=Decimal("29.16"), **refund)
    assert balance(payer) == before - 2500
    note = Invoice.objects.get(kind="credit_note")
    assert note.number == f"CN-{timezone.now():%Y}-000001" and note.corrects_id == payment.invoice_id
    assert (note.subtotal, note.tax, note.total) == (Decimal("-24.50"), Decimal("-4.66"), Decimal("-29.16"))
    payment_refund(amount=Decimal("29.15"), **refund)
    payment.refresh_from_db()
    assert payment.status == "refunded" and balance(payer) == before - 5000
    assert payer.client.get(f"{URL}/invoices/?kind=credit_note").json()["count"] == 2
    paper = payer.client.get(f"{URL}/invoices/{note.pk}/download_pdf/")
    assert paper.status_code == 200


# --- a transfer


def test_a_bank_transfer_from_the_package_to_the_credits(payer, staff, settings):
    settings.BANK_TRANSFER_DETAILS = "IBAN DE02 1203 0000 0000 2020 51"
    package, before = CreditPackageFactory(), balance(payer)
    bought = buy(payer, package)
    invoice = bought["invoice"]
    assert invoice["status"] == "open" and invoice["number"] and bought["client_secret"] is None
    assert "DE02" in bought["instructions"] and invoice["number"] in bought["instructions"]
    proof = SimpleUploadedFile("../../näme\u202e.exe", PDF)
    answer = payer.client.post(
        f"{URL}/payments/manual/",
        {"invoice_id": invoice["id"], "reference": "bank 77", "notes": "paid today 🎉", "proof": proof},
        format="multipart",
    )
    assert answer.status_code == 201, answer.content
    payment = answer.json()["data"]
    assert payment["status"] == "pending" and payment["has_proof"] and balance(payer) == before
    again = payer.client.post(
        f"{URL}/payments/manual/", {"invoice_id": invoice["id"], "reference": "bank 77"}
    )
    assert again.status_code == 409
    [waiting] = staff.client.get(f"{STAFF}/billing/pending_payments/").json()["results"]
    assert waiting["id"] == payment["id"] and waiting["account_name"] == "Alice"
    found = staff.client.get(f"{STAFF}/billing/{payment['id']}/proof/")
    assert found.getvalue() == PDF and ".exe" not in found["Content-Disposition"]
    for _ in range(2):
        done = staff.client.post(f"{STAFF}/billing/{payment['id']}/approve_payment/")
        assert (done.status_code, done.json()["data"]["status"]) == (200, "succeeded")
        assert balance(payer) == before + 5000
    assert done.json()["data"]["reviewed_by"] == staff.user.pk
    late = staff.client.post(f"{STAFF}/billing/{payment['id']}/reject_payment/", {"reason": "no"})
    assert late.status_code == 409
    assert payer.client.get(f"{URL}/invoices/{invoice['id']}/").json()["data"]["status"] == "paid"
    assert staff.client.get(f"{STAFF}/billing/pending_payments/").json()["count"] == 0


def test_a_rejected_transfer_says_why_and_may_be_sent_again(payer, staff):
    invoice = buy(payer, CreditPackageFactory())["invoice"]
    body = {"invoice_id": invoice["id"], "reference": "bank 77"}
    payment = payer.client.post(f"{URL}/payments/manual/", body).json()["data"]
    review = f"{STAFF}/billing/{payment['id']}"
    assert staff.client.post(f"{review}/reject_payment/", {}).status_code == 400
    for _ in range(2):
        answer = staff.client.post(f"{review}/reject_payment/", {"reason": "nothing came"})
        assert answer.json()["data"]["status"] == "rejected"
    assert staff.client.post(f"{review}/approve_payment/").status_code == 409
    assert staff.client.get(f"{review}/proof/").status_code == 404
    [seen] = payer.client.get(f"{URL}/payments/?status=rejected").json()["results"]
    assert seen["reason"] == "nothing came"
    assert "nothing came" in Notification.objects.get(account=payer.account, severity="error").message
    told = "/api/v1/notifications/?severity=error"
    assert payer.client.get(told).json()["count"] == 1
    assert payer.as_role("admin").get(told).json()["count"] == 0  # who sees no payment hears of none
    assert payer.client.post(f"{URL}/payments/manual/", body).status_code == 201


def test_what_was_paid_twice_is_a_surplus(payer, staff, stripe):
    before = balance(payer)
    bought = buy(payer, CreditPackageFactory())
    invoice_id = bought["invoice"]["id"]
    manual = payer.client.post(
        f"{URL}/payments/manual/", {"invoice_id": invoice_id, "reference": "77"}
    ).json()["data"]
    stripe.confirm(bought["client_secret"])
    payer.client.post(f"{URL}/invoices/{invoice_id}/pay/", {})
    assert balance(payer) == before + 5000
    staff.client.post(f"{STAFF}/billing/{manual['id']}/approve_payment/")
    assert balance(payer) == before + 5000
    assert staff.client.get(f"{STAFF}/billing/payments/?surplus=true").json()["count"] == 1
    stats = staff.client.get(f"{STAFF}/billing/stats/").json()["data"]
    assert stats["surplus_payments"] == 1 and stats["money"][0]["paid"] == "49.00"
    payment_refund(
        payment_id=manual["id"], amount=Decimal("49.00"), reason="paid twice", user_id=staff.user.pk
    )
    assert balance(payer) == before + 5000 and not Invoice.objects.filter(kind="credit_note").exists()


def picture(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (2, 2)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "good"),
    [(PDF, True), (picture("PNG"), True), (picture("WEBP"), True), (picture("GIF"), False),
     (b"<svg onload=alert(1)>", False), (b"MZ", False), (b"", False)],
)  # fmt: skip
def test_a_proof_is_a_paper_or_a_picture(payer, data, good):
    invoice = buy(payer, CreditPackageFactory())["invoice"]
    answer = payer.client.post(
        f"{URL}/payments/manual/",
        {"invoice_id": invoice["id"], "reference": "77", "proof": SimpleUploadedFile("a.pdf", data)},
        format="multipart",
    )
    assert answer.status_code == (201 if good else 400), answer.content
    assert Payment.objects.count() == good


@pytest.mark.parametrize(
    "body",
    [{}, {"invoice_id": "x", "reference": "a"}, {"invoice_id": 10**30, "reference": "a"},
     {"invoice_id": 999999, "reference": "a"}, {"invoice_id": 1, "reference": ""},
     {"invoice_id": 1, "reference": "x" * 121}, {"invoice_id": 1, "reference": "a\x00b"},
     {"invoice_id": [1], "reference": "a"}],
)  # fmt: skip
def test_a_transfer_that_does_not_fit(payer, body):
    answer = payer.client.post(f"{URL}/payments/manual/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


def test_who_pays(payer, bob, anonymous):
    package = CreditPackageFactory()
    path = f"{URL}/credit-packages/{package.pk}/purchase/"
    assert anonymous.post(path).status_code == 401
    for role in ("viewer", "editor", "admin"):
        client = payer.as_role(role)
        assert client.get(f"{URL}/credit-packages/").json()["count"] == 1
        assert client.post(path, {}).status_code == 403
        for closed in ("invoices", "payments", "payments/available_methods", "payment-methods", "plan"):
            assert client.get(f"{URL}/{closed}/").status_code == 403, closed
    unverified = bob.client.post(path, {})
    assert unverified.status_code == 403 and "Verify" in unverified.json()["error"]
    payer.account.status = "suspended"
    payer.account.save()
    assert payer.client.post(path, {}).status_code == 200
    assert payer.client.post(path, {"payment_method": "stripe"}).status_code == 409
    assert payer.client.post(path, {"payment_method": "gold"}).status_code == 400
    package.is_active = False
    package.save()
    assert payer.client.post(path, {}).status_code == 404


def test_bobs_papers_do_not_exist_for_alice(payer, bob):
    bob.user.email_verified_at = timezone.now()
    bob.user.save()
    invoice = buy(bob, CreditPackageFactory())["invoice"]
    assert payer.client.get(f"{URL}/invoices/").json()["count"] == 0
    for path in ("", "download_pdf/"):
        assert payer.client.get(f"{URL}/invoices/{invoice['id']}/{path}").status_code == 404
    body = {"invoice_id": invoice["id"], "reference": "mine"}
    assert payer.client.post(f"{URL}/payments/manual/", body).status_code == 400
    assert not Payment.objects.exists()


# --- ways to pay


def test_payment_methods_have_one_default(payer, bob, stripe):
    def rows():
        return [(r["kind"], r["last4"], r["is_default"]) for r in payer.client.get(path).json()["results"]]

    path = f"{URL}/payment-methods/"
    bank = payer.client.post(path, {"kind": "bank_transfer"})
    assert bank.status_code == 201 and bank.json()["data"]["is_default"]
    card = payer.client.post(path, {"kind": "card", "payment_method_id": stripe.card()}).json()["data"]
    assert (card["brand"], card["last4"], card["is_default"]) == ("visa", "4242", False)
    assert "payment_method_id" not in card and "stripe_id" not in card
    payer.client.post(
        path, {"kind": "card", "payment_method_id": stripe.card("5555555555554444"), "is_default": True}
    )
    assert rows() == [("card", "4444", True), ("card", "4242", False), ("bank_transfer", "", False)]
    assert payer.client.post(f"{path}{card['id']}/set_default/").json()["data"]["is_default"]
    assert PaymentMethod.objects.filter(is_default=True).count() == 1
    assert bob.client.post(f"{path}{card['id']}/set_default/").status_code == 404
    assert bob.client.delete(f"{path}{card['id']}/").status_code == 404
    assert payer.client.delete(f"{path}{card['id']}/").json()["data"] is None
    assert rows() == [("card", "4444", True), ("bank_transfer", "", False)]
    assert payer.client.get(f"{path}?kind=card").json()["count"] == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "gold"}, {"kind": "card"}, {"kind": "card", "payment_method_id": "4242424242424242"},
     {"kind": "bank_transfer", "payment_method_id": "pm_card_visa"}, {"kind": "card", "payment_method_id": ["pm_1"]}],
)  # fmt: skip
def test_a_payment_method_that_does_not_fit(payer, stripe, body):
    assert payer.client.post(f"{URL}/payment-methods/", body).status_code == 400


def test_a_card_that_stripe_does_not_know_or_declines(payer, stripe):
    for card in ("pm_unknown", stripe.card("4000000000000002")):
        answer = payer.client.post(f"{URL}/payment-methods/", {"kind": "card", "payment_method_id": card})
        assert answer.status_code in (400, 502), answer.content
    assert not PaymentMethod.objects.exists()
