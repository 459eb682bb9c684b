"""An account's plan: how it is changed, renewed, and how it ends. What a change costs: quotes.py.
What a payment for it brings, and a refund takes: plan_lines.py.

A plan with a price is paid by the month, before it begins; `paid_until` says how far. What is unpaid then is
billed, and has PAYMENT_GRACE_DAYS to be paid; after them the account is on the default plan again. A free plan,
and one that staff gave, has no `paid_until` and does not end.
"""

import logging
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Account, Plan, Subscription
from apps.accounts.services.limits import default_plan
from apps.billing.models import Invoice, InvoiceLine, Payment
from apps.billing.services.invoices import (
    UNPAID,
    Item,
    invoice_draft,
    invoice_finalise,
    invoice_locked,
    invoice_void,
)
from apps.billing.services.lots import balance_lock, catch_up
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
                unpaid_void(account_id, keep=None)
            _move(current, quote)
            return quote, None
        unpaid = plan_unpaid(account_id=account_id).filter(
            lines__plan=quote.plan, created_at__gt=timezone.now() - REUSED_FOR
        )
        invoice = unpaid.exclude(reference__startswith="renewal:").order_by("-pk").first()
        unpaid_void(account_id, keep=invoice)
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
        account = Account.objects.get(pk=account_id)
        if account.status == Account.Status.CLOSED:
            return _unpaid_end(current)
        if not plan.price:
            plan_begin(current, account_id, plan, anchor=current.paid_until)
            plan_tell(account_id, "Your plan has changed", f"You are on the plan {plan.name} now.", "info")
            return True
        start, end = current.period_at(current.paid_until)
        if start != current.paid_until:  # part of a month was given back, or staff gave some days
            current.anchor = current.paid_until
            current.save(update_fields=["anchor"])
            start, end = current.period_at(current.anchor)
        reference = f"renewal:{current.pk}:{start:%Y-%m-%d}"
        billed = Invoice.objects.filter(account_id=account_id, reference=reference).first()
        if billed is not None:
            waits = transfers_waiting(set(plan_unpaid(account_id=account_id).values_list("pk", flat=True)))
            return now >= billed.due_at and not waits.exists() and _unpaid_end(current)
        unpaid_void(account_id, keep=None, transfers="keep")
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
            message=f"Invoice {invoice.number} over {account.money(invoice.total, invoice.currency)} "
            f"is to be paid by {account.day(due)}.",
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


def _unpaid_end(current: Subscription) -> bool:
    plan_end(current, why="was not paid and has ended")
    return True


def plan_end(current: Subscription, *, why: str) -> None:
    """A locked plan ends at the end of what is paid; the account keeps its data and the credits it bought."""
    unpaid_void(current.account_id, keep=None, transfers="void")
    plan = default_plan()
    plan_begin(current, current.account_id, plan, anchor=current.paid_until)
    plan_tell(
        current.account_id,
        "Your plan has ended",
        f"The plan {current.plan.name} {why}. You are on the plan {plan.name} now; "
        "choose a plan under billing to go on.",
        "error",
    )


def plan_begin(
    current: Subscription | None,
    account_id: int,
    plan: Plan,
    *,
    anchor: datetime,
    paid_until: datetime | None = None,
) -> None:
    """Another plan from `anchor` on; `paid_until` None: nothing is to be paid for it."""
    if current is not None:
        # What the old plan still owes, where nobody looked before.
        now = timezone.now()
        catch_up(balance_lock(account_id=account_id, now=now), now)
        current.status = Subscription.Status.ENDED
        current.save(update_fields=["status"])
    Subscription.objects.create(account_id=account_id, plan=plan, anchor=anchor, paid_until=paid_until)


def transfers_waiting(invoice_ids: set[int]) -> QuerySet[Payment]:
    """Those that wait for their approval."""
    return Payment.objects.filter(
        invoice__in=invoice_ids, method=Payment.Method.MANUAL, status=Payment.Status.PENDING
    )


def unpaid_void(
    account_id: int, *, keep: Invoice | None, transfers: Literal["refuse", "keep", "void"] = "refuse"
) -> None:
    """Voids what was billed for a plan and is not wanted any more. Where a transfer waits it raises Conflict, or is
    told to keep that invoice, or to void it as well: the transfer is a surplus then."""
    ids = set(plan_unpaid(account_id=account_id).values_list("pk", flat=True)) - {keep.pk if keep else None}
    if transfers == "keep":
        ids -= set(transfers_waiting(ids).values_list("invoice_id", flat=True))
    if transfers == "refuse" and (payment := transfers_waiting(ids).select_related("invoice").first()):
        raise Conflict(
            f"Your transfer for invoice {payment.invoice.number} waits for its approval. Change the plan after it."
        )
    for invoice in Invoice.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"):
        if invoice.status in UNPAID:
            invoice_void(invoice)


def plan_tell(account_id: int, title: str, message: str, severity: str) -> None:
    notify(
        account_id=account_id,
        notification_type="system_info",
        severity=severity,
        title=title,
        message=message,
        action_label="View billing",
        action_url="/billing",
    )
