"""Payments: begun and ended. What a paid invoice brings is given here, once. Given back: money_back.py."""

from datetime import timedelta

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from apps.billing.models import CreditLot, CreditPackage, Invoice, InvoiceLine, Payment
from apps.billing.services.invoices import (
    UNPAID,
    Item,
    invoice_draft,
    invoice_finalise,
    invoice_locked,
)
from apps.billing.services.ledger import credits_grant
from apps.billing.services.plan_lines import line_deliver, upgrade_obstacle
from apps.billing.services.subscriptions import subscription_locked
from apps.billing.services.telling import owners_tell
from apps.core.errors import Conflict, NotFound

ENDED = (Payment.Status.FAILED, Payment.Status.REJECTED)


def package_purchase(*, account_id: int, package_id: int, reference: str) -> Invoice:
    """The draft of an invoice for a package of credits; the same `reference` again is the same purchase."""
    package = CreditPackage.objects.filter(pk=package_id, is_active=True).first()
    if package is None:
        raise NotFound("There is no such package of credits.")
    valid = f", valid for {package.valid_days} days" if package.valid_days else ""
    item = Item(
        InvoiceLine.Kind.PACKAGE,
        f"{package.name}: {package.credits:,} credits{valid}",
        package.price,
        credits=package.credits,
        valid_days=package.valid_days,
    )
    return invoice_draft(
        account_id=account_id, items=[item], currency=package.currency, reference=f"purchase:{reference}"
    )


def invoice_issue(*, account_id: int, invoice_id: int) -> Invoice:
    """Gives a draft its number, so that a transfer can name it. One over nothing is paid with that."""
    with transaction.atomic():
        subscription_locked(account_id=account_id)
        invoice = invoice_locked(account_id=account_id, invoice_id=invoice_id)
        if not invoice.total and invoice.status in UNPAID:
            return _paid(invoice)
        return invoice_finalise(invoice)


def payment_begin(
    *,
    account_id: int,
    invoice_id: int,
    method: str,
    reference: str = "",
    notes: str = "",
    proof: File | None = None,
) -> Payment:
    """A payment that waits; of a method there is one at a time, and Stripe's is taken up again.

    Raises NotFound, Conflict when the invoice is paid or void, or a transfer waits already.
    """
    with transaction.atomic():
        invoice = invoice_locked(account_id=account_id, invoice_id=invoice_id)
        if invoice.kind != Invoice.Kind.INVOICE or invoice.status not in UNPAID:
            raise Conflict(
                f"Invoice {invoice} is {invoice.get_status_display().lower()}: nothing is to be paid."
            )
        if not invoice.total:
            raise Conflict(f"Invoice {invoice} is over nothing: nothing is to be paid.")
        waiting = Payment.objects.filter(
            invoice=invoice, method=method, status=Payment.Status.PENDING
        ).first()
        if waiting is not None and method == Payment.Method.STRIPE:
            return waiting
        if waiting is not None:
            raise Conflict(f"A transfer for invoice {invoice} waits for its approval already.")
        if method == Payment.Method.MANUAL:
            invoice_finalise(invoice)
        return Payment.objects.create(
            account_id=account_id,
            invoice=invoice,
            method=method,
            amount=invoice.total,
            currency=invoice.currency,
            reference=reference,
            notes=notes,
            proof=proof or "",
        )


def payment_succeed(*, payment_id: int, user_id: int | None = None) -> Payment:
    """The money is there: the invoice is paid, and what it sells is given, in one transaction. Twice: nothing.

    Where the invoice was paid otherwise, is void, or can bring nothing any more, the payment is a surplus that staff
    give back; of the last, a person who approves it is told by a Conflict instead.
    """
    with transaction.atomic():
        payment, invoice = payment_locked(payment_id)
        if payment.status in (Payment.Status.SUCCEEDED, Payment.Status.REFUNDED):
            return payment
        payment.status, payment.reason = Payment.Status.SUCCEEDED, ""
        payment.paid_at = timezone.now()
        payment.surplus = invoice.status not in UNPAID
        if not payment.surplus and (
            obstacle := upgrade_obstacle(account_id=payment.account_id, invoice_id=invoice.pk)
        ):
            if user_id:
                raise Conflict(
                    f"{obstacle} If the money is to go back, void invoice {invoice} and approve the payment: "
                    "it is a surplus then, to be given back."
                )
            payment.surplus = True
        if user_id:
            payment.reviewed_by_id, payment.reviewed_at = user_id, payment.paid_at
        payment.save()
        if payment.surplus:
            payment_tell(
                payment, f"Invoice {invoice} needed no payment any more; the money will be given back."
            )
        else:
            _paid(invoice)
            payment_tell(payment, f"Invoice {invoice.number} is paid: thank you.", "success")
    return payment


def payment_fail(*, payment_id: int, reason: str) -> Payment:
    """The try did not go well; the invoice stays to be paid."""
    return _end(payment_id, Payment.Status.FAILED, reason, None)


def payment_approve(*, payment_id: int, user_id: int) -> Payment:
    """Staff found the transfer on the bank's statement. Again: nothing. Raises Conflict for what was rejected."""
    payment = _transfer(payment_id)
    if payment.status in ENDED:
        raise Conflict(f"This payment was {payment.get_status_display().lower()} already.")
    return payment_succeed(payment_id=payment_id, user_id=user_id)


def payment_reject(*, payment_id: int, user_id: int, reason: str) -> Payment:
    """Staff did not find the transfer. The account reads the reason and may send another."""
    _transfer(payment_id)
    return _end(payment_id, Payment.Status.REJECTED, reason, user_id)


def payment_locked(payment_id: int) -> tuple[Payment, Invoice]:
    """Locks the subscription, the invoice, then the payment: the order of all."""
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.")
    subscription_locked(account_id=payment.account_id)
    invoice = invoice_locked(invoice_id=payment.invoice_id)
    return Payment.objects.select_for_update(no_key=True).get(pk=payment_id), invoice


def _transfer(payment_id: int) -> Payment:
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.")
    if payment.method != Payment.Method.MANUAL:
        raise Conflict(
            "Stripe says of its own payments how they ended; only transfers are approved or rejected."
        )
    return payment


def _end(payment_id: int, status: str, reason: str, user_id: int | None) -> Payment:
    with transaction.atomic():
        payment, invoice = payment_locked(payment_id)
        if payment.status == status:
            return payment
        if payment.status != Payment.Status.PENDING:
            raise Conflict(f"This payment was {payment.get_status_display().lower()} already.")
        payment.status, payment.reason = status, reason[:300]
        if user_id:
            payment.reviewed_by_id, payment.reviewed_at = user_id, timezone.now()
        payment.save()
        payment_tell(payment, f"Invoice {invoice} is not paid: {reason}", "error")
    return payment


def _paid(invoice: Invoice) -> Invoice:
    """Marks a locked invoice as paid and gives what it sells."""
    invoice_finalise(invoice)
    now = timezone.now()
    invoice.status, invoice.paid_at = Invoice.Status.PAID, now
    invoice.save(update_fields=["status", "paid_at"])
    for line in InvoiceLine.objects.select_related("plan").filter(invoice=invoice):
        if line.kind != InvoiceLine.Kind.PACKAGE:
            line_deliver(line, now)
            continue
        credits_grant(
            account_id=invoice.account_id,
            amount=line.credits * line.quantity,
            kind=CreditLot.Kind.PURCHASE,
            reference=f"invoice:{invoice.pk}:{line.pk}",
            expires_at=now + timedelta(days=line.valid_days) if line.valid_days else None,
            note=f"Invoice {invoice.number}",
        )
    return invoice


def payment_tell(payment: Payment, message: str, severity: str = "info") -> None:
    owners_tell(
        account_id=payment.account_id,
        severity=severity,
        title="Payment",
        message=message,
        action_label="View invoices",
        action_url="/billing/invoices",
        metadata={"invoice_id": payment.invoice_id, "payment_id": payment.pk},
    )
