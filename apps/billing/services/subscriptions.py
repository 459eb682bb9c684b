"""An account's plan: how it is changed, renewed, and how it ends. What a change costs: quotes.py.

A plan with a price is paid by the month, before it begins; `paid_until` says how far. What is unpaid then is
billed, and has PAYMENT_GRACE_DAYS to be paid; after them the account is on the default plan again. A free plan,
and one that staff gave, has no `paid_until` and does not end.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Account, Plan, Subscription
from apps.accounts.services.limits import default_plan
from apps.billing.models import CreditLot, Invoice, InvoiceLine, Payment
from apps.billing.services.invoices import (
    UNPAID,
    Item,
    invoice_draft,
    invoice_finalise,
    invoice_locked,
    invoice_void,
)
from apps.billing.services.lots import balance_lock, catch_up, lot_add
from apps.billing.services.quotes import Quote, plan_quote, plan_unpaid
from apps.billing.services.telling import owners_tell
from apps.core.errors import Conflict
from apps.core.jobs import job_start
from apps.notifications.services import notify

log = logging.getLogger(__name__)
REUSED_FOR = timedelta(hours=24)


def plan_change(*, account_id: int, plan_id: int) -> tuple[Quote, Invoice | None]:
    """Moves the account to the plan, or says with which invoice it will be paid.

    An unpaid invoice for the same change is taken again for a day; one for another is void. Raises Invalid, and
    Conflict while a transfer for such an invoice waits for its approval.
    """
    with transaction.atomic():
        current = subscription_locked(account_id=account_id)
        quote = plan_quote(account_id=account_id, plan_id=plan_id)
        if quote.item is None:
            if current is None or quote.plan.pk != current.plan_id:
                _unpaid_void(account_id, keep=None)
            _move(current, quote)
            return quote, None
        unpaid = plan_unpaid(account_id=account_id).filter(
            lines__plan=quote.plan, created_at__gt=timezone.now() - REUSED_FOR
        )
        invoice = unpaid.exclude(reference__startswith="renewal:").order_by("-pk").first()
        _unpaid_void(account_id, keep=invoice)
        if invoice is None:
            invoice = invoice_draft(
                account_id=account_id,
                items=[quote.item],
                currency=quote.plan.currency,
                reference=f"plan:{quote.plan.pk}:{timezone.now():%Y%m%dT%H%M%S%f}",
            )
        return quote, invoice


def _move(current: Subscription | None, quote: Quote) -> None:
    """A change that costs nothing: of a paid plan at its end, of an unpaid one in place, so no month begins anew."""
    if current is None:
        return
    if quote.at_once and quote.plan.pk != current.plan_id:
        current.plan, current.next_plan = quote.plan, None
    else:
        current.next_plan = None if quote.plan.pk == current.plan_id else quote.plan
    current.save(update_fields=["plan", "next_plan"])


def subscription_locked(*, account_id: int) -> Subscription | None:
    """The account's plan, locked until the transaction ends: before invoices, payments and credits."""
    return (
        Subscription.objects.select_for_update(no_key=True, of=("self",))
        .select_related("plan", "next_plan")
        .filter(account_id=account_id, status=Subscription.Status.ACTIVE)
        .first()
    )


def line_deliver(line: InvoiceLine) -> None:
    """What the payment of a plan's line brings. In the transaction that marks its locked invoice as paid."""
    now = timezone.now()
    current = subscription_locked(account_id=line.account_id)
    if line.kind == InvoiceLine.Kind.UPGRADE:
        current.plan, current.next_plan = line.plan, None
        current.save(update_fields=["plan", "next_plan"])
        balance = balance_lock(account_id=line.account_id, now=now)
        if line.credits:
            lot_add(
                balance,
                amount=line.credits,
                kind=CreditLot.Kind.PLAN,
                reference=f"invoice:{line.invoice_id}:{line.pk}",
                expires_at=None if line.plan.rolls_over else line.period_end,
            )
        catch_up(balance, now)
        return
    if line.period_end:  # a renewal
        current.plan, current.next_plan, current.paid_until = line.plan, None, line.period_end
        current.save(update_fields=["plan", "next_plan", "paid_until"])
    else:
        _begin(current, line.account_id, line.plan, anchor=now, paid=True)
    catch_up(balance_lock(account_id=line.account_id, now=now), now)


def renewals_due() -> int:
    """Bills the months that begin, moves to the plan that was chosen for them, ends what nobody paid.

    All of them each time: those in grace come first, and must not keep the others from their turn. So must not one
    that fails.
    """
    due = Subscription.objects.filter(status=Subscription.Status.ACTIVE, paid_until__lte=timezone.now())
    done = 0
    for account_id, pk in list(due.order_by("paid_until").values_list("account_id", "pk")):
        try:
            done += _renew(account_id, pk)
        except Exception:
            log.exception("the plan of account %s could not be renewed", account_id)
    return done


def _renew(account_id: int, subscription_id: int) -> bool:
    now = timezone.now()
    with transaction.atomic():
        current = subscription_locked(account_id=account_id)
        if current is None or current.pk != subscription_id or current.paid_until > now:
            return False
        plan = current.next_plan or current.plan
        if Account.objects.get(pk=account_id).status == Account.Status.CLOSED:
            return _expire(current)
        if not plan.price:
            _begin(current, account_id, plan, anchor=current.paid_until, paid=False)
            _tell(account_id, "Your plan has changed", f"You are on the plan {plan.name} now.", "info")
            return True
        start, end = current.period_at(current.paid_until)
        reference = f"renewal:{current.pk}:{start:%Y-%m-%d}"
        billed = Invoice.objects.filter(account_id=account_id, reference=reference).first()
        if billed is not None:
            return now >= billed.due_at and not _transfers({billed.pk}).exists() and _expire(current)
        _unpaid_void(account_id, keep=None, waiting=True)
        item = Item(
            InvoiceLine.Kind.PLAN,
            f"Plan {plan.name}, {start:%Y-%m-%d} to {end:%Y-%m-%d}",
            plan.price,
            plan=plan,
            period_start=start,
            period_end=end,
        )
        invoice = invoice_draft(
            account_id=account_id, items=[item], currency=plan.currency, reference=reference
        )
        # From the day of the bill: who is billed late has as many days to pay.
        due = now + timedelta(days=settings.PAYMENT_GRACE_DAYS)
        invoice = invoice_finalise(invoice_locked(invoice_id=invoice.pk), due_at=due)
        owners_tell(
            account_id=account_id,
            title="Your plan is to be renewed",
            message=f"Invoice {invoice.number} over {invoice.total} {invoice.currency} "
            f"is to be paid by {due:%Y-%m-%d}.",
            severity="warning",
            action_label="View billing",
            action_url="/billing",
        )
        job_start(
            kind="billing.autopay",
            account_id=account_id,
            payload={"invoice_id": invoice.pk},
            idempotency_key=f"autopay:{invoice.pk}",
        )
    return True


def _expire(current: Subscription) -> bool:
    """What was not paid ends; the account keeps its data and the credits it bought."""
    ended = current.plan.name
    _unpaid_void(current.account_id, keep=None, waiting=True)
    plan = default_plan()
    _begin(current, current.account_id, plan, anchor=current.paid_until, paid=False)
    _tell(
        current.account_id,
        "Your plan has ended",
        f"The plan {ended} was not paid and has ended. You are on the plan {plan.name} now; "
        "choose a plan under billing to go on.",
        "error",
    )
    return True


def _begin(
    current: Subscription | None, account_id: int, plan: Plan, *, anchor: datetime, paid: bool
) -> None:
    if current is not None:
        # What the old plan still owes, where nobody looked before.
        now = timezone.now()
        catch_up(balance_lock(account_id=account_id, now=now), now)
        current.status = Subscription.Status.ENDED
        current.save(update_fields=["status"])
    new = Subscription(account_id=account_id, plan=plan, anchor=anchor)
    if paid:
        new.paid_until = new.period_at(anchor)[1]
    new.save()


def _transfers(invoice_ids: set[int]) -> QuerySet[Payment]:
    """Those that wait for their approval."""
    return Payment.objects.filter(
        invoice__in=invoice_ids, method=Payment.Method.MANUAL, status=Payment.Status.PENDING
    )


def _unpaid_void(account_id: int, *, keep: Invoice | None, waiting: bool = False) -> None:
    """Voids what was billed for a plan and is not wanted any more; `waiting`: also where a transfer waits."""
    ids = set(plan_unpaid(account_id=account_id).values_list("pk", flat=True)) - {keep.pk if keep else None}
    if not waiting and (payment := _transfers(ids).select_related("invoice").first()):
        raise Conflict(
            f"Your transfer for invoice {payment.invoice.number} waits for its approval. Change the plan after it."
        )
    for invoice in Invoice.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"):
        if invoice.status in UNPAID:
            invoice_void(invoice)


def _tell(account_id: int, title: str, message: str, severity: str) -> None:
    notify(
        account_id=account_id,
        notification_type="system_info",
        severity=severity,
        title=title,
        message=message,
        action_label="View billing",
        action_url="/billing",
    )
