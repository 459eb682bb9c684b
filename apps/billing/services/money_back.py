"""Money that goes back, by refunds and by the disputes of buyers' banks, and what goes back with it."""

from decimal import Decimal
from fractions import Fraction

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.accounts.models import Account
from apps.billing.models import Dispute, Invoice, Payment
from apps.billing.services.invoices import credit_note_create, money
from apps.billing.services.payments import payment_locked, payment_tell
from apps.billing.services.plan_lines import lots_given, plan_refund
from apps.billing.services.reclaims import credits_reclaim, credits_restore
from apps.billing.services.telling import staff_tell

PAID = (Payment.Status.SUCCEEDED, Payment.Status.REFUNDED)
State = Payment.DisputeState
FINAL = (State.WON, State.LOST, State.CLOSED)
# What the payment says, when banks dispute it more than once: the first of these that one of them is.
WORST = (State.OPEN, State.INQUIRY, State.LOST, State.WON, State.CLOSED)


def refund_record(*, payment_id: int, refunded: Decimal, reason: str, user_id: int | None = None) -> Payment:
    """In all `refunded` of the payment went back by refunds: a credit note over what is new of it, its share of the
    credits and of the plan taken.

    No more credits are taken than are there. A sum that is recorded already does nothing.
    """
    with transaction.atomic():
        payment, invoice = payment_locked(payment_id)
        new = refunded - (payment.refunded - payment.charged_back)
        if payment.status == Payment.Status.SUCCEEDED:
            _give_back(payment, invoice, new=new, reason=reason, user_id=user_id)
    return payment


def dispute_record(*, payment_id: int, stripe_id: str, state: str, amount: Decimal, reason: str) -> None:
    """How a dispute over a payment stands. The same again, and what is older than its end, does nothing.

    An open one takes the credits of the payment, as far as they are there; a lost one is a refund besides; one that is
    won returns them. An inquiry takes nothing.
    """
    with transaction.atomic():
        payment, invoice = payment_locked(payment_id)
        row = Dispute.objects.filter(stripe_id=stripe_id, payment=payment).first()
        if payment.status not in PAID or (
            row and (state in (row.state, State.INQUIRY) or row.state in FINAL)
        ):
            return
        before = _gone(payment)
        row = row or Dispute(account_id=payment.account_id, payment=payment, stripe_id=stripe_id)
        row.state, row.amount, row.reason = state, min(amount, payment.amount), reason[:60]
        row.closed_at = timezone.now() if state in FINAL else None
        row.save()
        states = set(Dispute.objects.filter(payment=payment).values_list("state", flat=True))
        payment.dispute = next(s for s in WORST if s in states)
        payment.save(update_fields=["dispute"])
        if state == State.OPEN:
            row.credits_taken, row.credits_missing = _credits_take(
                payment, invoice, before, f"dispute:{row.pk}", f"Dispute over invoice {invoice}"
            )
            row.save(update_fields=["credits_taken", "credits_missing"])
        elif state == State.LOST:
            _give_back(
                payment, invoice, new=row.amount, reason="charged back by the bank", before=before, lost=True
            )
        elif state == State.WON:
            credits_restore(
                account_id=payment.account_id,
                reference=f"dispute:{row.pk}",
                note=f"Dispute over invoice {invoice} won",
            )
            payment.credits_missing -= row.credits_missing
            payment.save(update_fields=["credits_missing"])
        _dispute_tell(row, payment, invoice)


def _give_back(
    payment: Payment,
    invoice: Invoice,
    *,
    new: Decimal,
    reason: str,
    user_id: int | None = None,
    before: Fraction | None = None,
    lost: bool = False,
) -> None:
    """`new` money of a locked payment went back, at most what is left of it. `before`: the share for which credits
    were taken already."""
    before = _gone(payment) if before is None else before
    new = money(min(new, payment.amount - payment.refunded), payment.currency)
    if new <= 0:
        return
    payment.refunded += new
    if lost:
        payment.charged_back += new
    if payment.refunded == payment.amount:
        payment.status = Payment.Status.REFUNDED
    payment.save(update_fields=["refunded", "charged_back", "status"])
    if payment.surplus:  # no invoice was paid with it, so there is none to correct
        return
    told = plan_refund(
        invoice=invoice,
        share=Fraction(new) / Fraction(payment.amount),
        whole=payment.status == Payment.Status.REFUNDED,
    )
    note = credit_note_create(
        invoice, total=new, reference=f"refund:{payment.pk}:{payment.refunded}", reason=reason
    )
    _credits_take(
        payment,
        invoice,
        before,
        f"invoice:{note.pk}",
        f"Refund of invoice {invoice.number}: {reason}",
        user_id,
    )
    amount = Account.objects.get(pk=payment.account_id).money(new, payment.currency)
    payment_tell(payment, f"{amount} of invoice {invoice.number} went back: {note.number}. {told}".strip())


def _gone(payment: Payment) -> Fraction:
    """The share of a payment that went back, or that a bank holds back in a dispute."""
    held = Dispute.objects.filter(payment=payment, state=State.OPEN).aggregate(
        n=Sum("amount", default=Decimal(0))
    )
    return min(Fraction(1), Fraction(payment.refunded + held["n"]) / Fraction(payment.amount))


def _credits_take(
    payment: Payment,
    invoice: Invoice,
    before: Fraction,
    reference: str,
    note: str,
    user_id: int | None = None,
) -> tuple[int, int]:
    """Takes the credits up to the share that is gone now; tells staff of those that were spent. (taken, missing)"""
    if payment.surplus:
        return 0, 0
    taken, missing = credits_reclaim(
        account_id=payment.account_id,
        given=lots_given(invoice),
        before=before,
        after=_gone(payment),
        reference=reference,
        note=note,
        user_id=user_id,
    )
    if missing:
        payment.credits_missing += missing
        payment.save(update_fields=["credits_missing"])
        staff_tell(
            notice="credits_missing",
            account_id=payment.account_id,
            key=f"credits_missing:{reference}",
            invoice=str(invoice),
            payment=payment.pk,
            taken=taken,
            missing=missing,
        )
    return taken, missing


SENTENCES = {
    State.INQUIRY: "Your bank asks about {amount} of invoice {invoice}. Nothing has changed; if it is a mistake, "
    "tell your bank.",
    State.OPEN: "Your bank took {amount} of invoice {invoice} back for now. Until this is decided, {taken} credits "
    "that it paid for are taken back.",
    State.WON: "The dispute over {amount} of invoice {invoice} is decided: the payment stands, and {taken} credits are "
    "yours again.",
    State.LOST: "Your bank took {amount} of invoice {invoice} back for good: the payment counts as refunded.",
    State.CLOSED: "Your bank has no more questions about invoice {invoice}.",
}


def _dispute_tell(row: Dispute, payment: Payment, invoice: Invoice) -> None:
    amount = Account.objects.get(pk=payment.account_id).money(row.amount, payment.currency)
    words = {"amount": amount, "invoice": str(invoice), "taken": f"{row.credits_taken:,}"}
    severity = "info" if row.state in (State.WON, State.CLOSED) else "warning"
    payment_tell(payment, SENTENCES[row.state].format(**words), severity)
    staff_tell(
        notice="dispute",
        account_id=payment.account_id,
        key=f"dispute:{row.pk}:{row.state}",
        dispute=row.stripe_id,
        payment=payment.pk,
        state=row.get_state_display().lower(),
        reason=row.reason or "no reason",
        **words,
    )
