"""Paying by Stripe: intents, kept cards, and what it says when it is asked. Its webhooks: stripe_events.py."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Account, User
from apps.billing.clients.stripe import CardDeclined, Intent, StripeClient, StripeFailed
from apps.billing.models import Invoice, Payment, PaymentMethod, StripeCustomer
from apps.billing.services.invoices import UNPAID, invoice_locked, invoice_void
from apps.billing.services.money_back import State, dispute_record, refund_record
from apps.billing.services.payments import (
    payment_begin,
    payment_fail,
    payment_succeed,
)
from apps.core.errors import Conflict, NotFound
from apps.core.jobs import TemporaryError

log = logging.getLogger(__name__)
METADATA = "igny8_payment_id"
# Stripe's smallest units are not those of the currency: a króna and a dinar (RSD) have hundredths there.
# https://docs.stripe.com/currencies, with its special cases.
DIGITS = dict.fromkeys("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(), 0)
DIGITS |= dict.fromkeys("BHD JOD KWD OMR TND".split(), 3)
# How long a buyer may take at the bank's page before we ask by ourselves.
ASKED_AFTER = timedelta(minutes=10)


class StripeMissing(Conflict):
    def __init__(self):
        super().__init__(
            "Payments by card are not set up here. See payments/available_methods/ for other ways."
        )


def stripe_client() -> StripeClient:
    """Raises StripeMissing without a key."""
    if not settings.STRIPE_SECRET_KEY:
        raise StripeMissing
    return StripeClient(key=settings.STRIPE_SECRET_KEY, base=settings.STRIPE_API_BASE)


def stripe_begin(*, account_id: int, invoice_id: int, card_id: str = "") -> tuple[Payment, str]:
    """A payment by Stripe, and the client secret with which the buyer's browser confirms it.

    With a card it is charged at once. A payment that is under way is taken up again. Raises NotFound, Conflict,
    StripeFailed, CardDeclined.
    """
    with stripe_client() as client:
        customer_id = customer_of(client, account_id)
        payment = payment_begin(account_id=account_id, invoice_id=invoice_id, method=Payment.Method.STRIPE)
        if payment.intent_id:
            intent = client.intent(payment.intent_id)
        else:
            intent = _intent_create(client, payment, customer_id, card_id)
    payment_apply(payment=payment, intent=intent)
    payment.refresh_from_db()
    return payment, intent.client_secret


def _intent_create(client: StripeClient, payment: Payment, customer_id: str, card_id: str) -> Intent:
    try:
        intent = client.intent_create(
            amount=_minor(payment.amount, payment.currency),
            currency=payment.currency,
            customer_id=customer_id,
            card_id=card_id,
            metadata={METADATA: str(payment.pk), "account_id": str(payment.account_id)},
            idempotency_key=f"igny8-payment-{payment.pk}-{card_id}",
        )
    except StripeFailed as error:
        if not error.temporary:  # else the next try asks under the same key
            payment_fail(payment_id=payment.pk, reason=error.message)
        raise
    Payment.objects.filter(pk=payment.pk).update(intent_id=intent.id)
    return intent


def payment_apply(*, payment: Payment, intent: Intent) -> None:
    """Brings a payment to what its intent says."""
    if intent.succeeded:
        if intent.amount_received < _minor(payment.amount, payment.currency):
            raise StripeFailed(f"Intent {intent.id} brought less than the payment {payment.pk} is over.")
        payment_succeed(payment_id=payment.pk)
        if intent.amount_refunded:
            refunded = _major(intent.amount_refunded, payment.currency)
            refund_record(payment_id=payment.pk, refunded=refunded, reason="refunded by Stripe")
        for dispute in intent.disputes:
            same = dispute.currency == payment.currency
            dispute_record(
                payment_id=payment.pk,
                stripe_id=dispute.id,
                state=_dispute_state(dispute.status),
                amount=_major(dispute.amount, payment.currency) if same else payment.amount,
                reason=dispute.reason,
            )
    elif intent.status == "canceled" and payment.status == Payment.Status.PENDING:
        payment_fail(payment_id=payment.pk, reason="The payment was cancelled.")
    elif intent.error and payment.status == Payment.Status.PENDING:
        # The buyer may try another card with the same intent: it stays pending and says why.
        Payment.objects.filter(pk=payment.pk, status=Payment.Status.PENDING).update(reason=intent.error[:300])


def _dispute_state(status: str) -> str:
    """Ours for Stripe's: https://docs.stripe.com/api/disputes/object#dispute_object-status"""
    known = {"won": State.WON, "lost": State.LOST, "warning_closed": State.CLOSED, "prevented": State.CLOSED}
    return known.get(status) or (State.INQUIRY if status.startswith("warning") else State.OPEN)


def payment_refund(*, payment_id: int, amount: Decimal, reason: str, user_id: int) -> Payment:
    """Gives back `amount` more of a payment, by Stripe where it came by Stripe; a transfer staff send back themselves.

    Raises NotFound, Conflict, StripeFailed.
    """
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.")
    total = payment.refunded - payment.charged_back + amount
    if payment.status != Payment.Status.SUCCEEDED or not 0 < amount <= payment.amount - payment.refunded:
        raise Conflict(
            f"Of this payment {payment.amount - payment.refunded} {payment.currency} can be given back."
        )
    if payment.method == Payment.Method.STRIPE:
        with stripe_client() as client:
            client.refund_create(
                intent_id=payment.intent_id,
                amount=_minor(amount, payment.currency),
                idempotency_key=f"igny8-refund-{payment.pk}-{total}",
            )
    return refund_record(payment_id=payment.pk, refunded=total, reason=reason, user_id=user_id)


def payments_tidy(*, limit: int = 100) -> int:
    """Asks Stripe for what it did not tell, voids drafts that nobody paid, and ends at Stripe what could still be
    paid for a void invoice. Returns how many of these."""
    old = timezone.now() - timedelta(days=settings.INVOICE_DUE_DAYS)
    unknown = _waiting_ask(old=old, limit=limit) if settings.STRIPE_SECRET_KEY else []
    drafts = Invoice.objects.filter(status=Invoice.Status.DRAFT, created_at__lt=old).exclude(pk__in=unknown)
    for pk in list(drafts.order_by("pk").values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            invoice = invoice_locked(invoice_id=pk)
            if invoice.status == Invoice.Status.DRAFT:
                invoice_void(invoice)
    if not settings.STRIPE_SECRET_KEY:
        return 0
    left = Payment.objects.filter(
        method=Payment.Method.STRIPE, status=Payment.Status.PENDING, invoice__status=Invoice.Status.VOID
    ).exclude(intent_id=None)
    ended = 0
    with stripe_client() as client:
        _disputes_ask(client, limit)
        for payment in left.order_by("pk")[:limit]:
            try:
                payment_apply(payment=payment, intent=_intent_end(client, payment.intent_id))
                ended += 1
            except StripeFailed as error:
                log.warning("payment %s could not be ended: %s", payment.pk, error.message)
                if error.temporary:
                    break
    return ended


def _waiting_ask(*, old: datetime, limit: int) -> list[int]:
    """Asks how the newest payments stand, and those whose drafts are `old`: a webhook may never come. Returns the
    invoices of those of which Stripe did not say it."""
    waiting = Payment.objects.filter(
        method=Payment.Method.STRIPE,
        status=Payment.Status.PENDING,
        invoice__status__in=UNPAID,
        created_at__lt=timezone.now() - ASKED_AFTER,
    ).exclude(intent_id=None)
    newest = waiting.order_by("-pk")[:limit]
    oldest = waiting.filter(invoice__created_at__lt=old).order_by("pk")[:limit]
    left = list({p.pk: p for p in [*newest, *oldest]}.values())
    unknown = []
    with stripe_client() as client:
        while left:
            payment = left.pop()
            try:
                payment_apply(payment=payment, intent=client.intent(payment.intent_id))
            except StripeFailed as error:
                log.warning("payment %s could not be asked for: %s", payment.pk, error.message)
                unknown.append(payment.invoice_id)
                if error.temporary:  # the others would only wait for the same
                    return unknown + [p.invoice_id for p in left]
    return unknown


def _disputes_ask(client: StripeClient, limit: int) -> None:
    """How the disputes stand that are not decided: nobody may have told."""
    for payment in Payment.objects.filter(dispute__in=(State.OPEN, State.INQUIRY)).order_by("-pk")[:limit]:
        try:
            payment_apply(payment=payment, intent=client.intent(payment.intent_id))
        except StripeFailed as error:
            log.warning("the dispute over payment %s could not be asked for: %s", payment.pk, error.message)
            if error.temporary:
                return


def _intent_end(client: StripeClient, intent_id: str) -> Intent:
    try:
        return client.intent_cancel(intent_id)
    except StripeFailed as error:
        if error.temporary:
            raise
        return client.intent(intent_id)  # it was paid, or ended, meanwhile


def autopay(*, account_id: int, invoice_id: int) -> bool:
    """Charges the account's default card for an invoice. False where there is none, or it was declined."""
    card = PaymentMethod.objects.filter(
        account_id=account_id, kind=PaymentMethod.Kind.CARD, is_default=True
    ).first()
    unpaid = Invoice.objects.filter(pk=invoice_id, status=Invoice.Status.OPEN)
    if card is None or not settings.STRIPE_SECRET_KEY or not unpaid.exists():
        return False
    if Payment.objects.filter(account_id=account_id, dispute=State.OPEN).exists():
        return False  # who disputes one charge would dispute the next; the bill can be paid by hand
    try:
        payment, _ = stripe_begin(account_id=account_id, invoice_id=invoice_id, card_id=card.stripe_id)
    except CardDeclined:
        return False  # the account was told with the payment's failure
    except StripeFailed as error:
        if error.temporary:
            raise TemporaryError(error.message) from error
        raise
    return payment.status == Payment.Status.SUCCEEDED


def customer_of(client: StripeClient, account_id: int) -> str:
    """Whom Stripe knows the account as; made when it is first needed."""
    known = StripeCustomer.objects.filter(account_id=account_id).first()
    if known is not None:
        return known.customer_id
    account = Account.objects.get(pk=account_id)
    owner = User.objects.filter(account_id=account_id, role=User.Role.OWNER).order_by("pk").first()
    found = client.customer_create(
        name=account.name, email=owner.email if owner else "", account_id=account_id
    )
    StripeCustomer.objects.bulk_create(
        [StripeCustomer(account_id=account_id, customer_id=found)], ignore_conflicts=True
    )
    return StripeCustomer.objects.get(account_id=account_id).customer_id


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(DIGITS.get(currency, 2)))


def _major(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-DIGITS.get(currency, 2))
