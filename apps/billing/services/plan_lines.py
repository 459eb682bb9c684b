"""What the payment of a plan's line brings, and what giving it back takes."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from dateutil.relativedelta import relativedelta
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Account, Plan, Subscription
from apps.billing.models import CreditLot, Invoice, InvoiceLine, Payment
from apps.billing.services.lots import balance_lock, catch_up, lot_add, plan_reference
from apps.billing.services.quotes import PLAN_LINES, plan_unpaid
from apps.billing.services.reclaims import Given
from apps.billing.services.subscriptions import (
    plan_begin,
    plan_end,
    plan_tell,
    subscription_locked,
    transfers_waiting,
    unpaid_void,
)


def line_deliver(line: InvoiceLine, now: datetime) -> None:
    """What the payment of a plan's line brings. In the transaction that marks its locked invoice as paid, at `now`."""
    current = subscription_locked(account_id=line.account_id)
    if line.kind == InvoiceLine.Kind.UPGRADE:
        runs = current.paid_until is not None and current.paid_until > now
        if not runs or line.period_end <= now:
            _upgrade_late(current, line, now)
            return
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
        until = now + relativedelta(months=1)
        plan_begin(current, line.account_id, line.plan, anchor=now, paid_until=until)
    catch_up(balance_lock(account_id=line.account_id, now=now), now)


def upgrade_obstacle(*, account_id: int, invoice_id: int) -> str:
    """Why a payment of this invoice can bring nothing any more: it is for an upgrade, and the account has moved on.
    Empty: it can. With the subscription locked."""
    lines = InvoiceLine.objects.select_related("plan").filter(invoice_id=invoice_id)
    line = lines.filter(kind=InvoiceLine.Kind.UPGRADE).first()
    if line is None:
        return ""
    current = subscription_locked(account_id=account_id)
    sold = f"It pays for the upgrade to {line.plan.name} until {line.period_end:%Y-%m-%d}"
    if current is None:
        return f"{sold}, and the account is on no plan."
    if current.plan.price >= line.plan.price or (current.plan.price and current.paid_until is None):
        return f"{sold}, and the account is on the plan {current.plan.name} by now."
    if current.plan.price and current.plan.currency != line.plan.currency:
        return f"{sold}, and the account pays in {current.plan.currency} by now."
    others = set(plan_unpaid(account_id=account_id).exclude(pk=invoice_id).values_list("pk", flat=True))
    if waits := transfers_waiting(others).select_related("invoice").first():
        number = waits.invoice.number
        return f"{sold}. First approve or reject the transfer for {number}, which pays for the month since."
    return ""


def _upgrade_late(current: Subscription, line: InvoiceLine, now: datetime) -> None:
    """Paid when its month was over, as by a transfer that waited: what was paid, with what is left of the month that
    runs now, is time on the dearer plan. Its credits are those that were sold, and end with that time."""
    value = line.amount
    start, end = current.period_at(now)
    if current.paid_until and current.paid_until > now:
        value += current.plan.price * _seconds(now, current.paid_until) / _seconds(start, end)
    until = paid_time(value, line.plan, now)
    unpaid_void(line.account_id, keep=None)
    balance = balance_lock(account_id=line.account_id, now=now)
    catch_up(balance, now)  # what the old plan owes comes first, as the lot names the new one's month
    lot_add(
        balance,
        amount=line.credits,
        kind=CreditLot.Kind.PLAN,
        reference=plan_reference(now),
        expires_at=None if line.plan.rolls_over else until,
    )
    plan_begin(current, line.account_id, line.plan, anchor=now, paid_until=until)
    catch_up(balance, now)
    plan_tell(
        line.account_id,
        "Your plan has changed",
        f"You are on the plan {line.plan.name} now. What you paid for it and for the plan {current.plan.name} lasts "
        f"until {Account.objects.get(pk=line.account_id).day(until)}.",
        "success",
    )


def paid_time(value: Decimal, plan: Plan, start: datetime) -> datetime:
    """Until when `value` pays for the plan from `start`: at most a month."""
    month = start + relativedelta(months=1) - start
    return start + timedelta(seconds=int(month.total_seconds() * float(min(1, value / plan.price))))


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def lots_given(invoice: Invoice) -> list[Given]:
    """The lots that the payment of an invoice brought. What was spent of a plan's is not owed: the plan was there."""
    found = []
    for line in InvoiceLine.objects.filter(invoice=invoice):
        own = f"invoice:{invoice.pk}:{line.pk}"
        if line.kind == InvoiceLine.Kind.PACKAGE:
            found.append(Given(own, owed=True))
        else:
            upgraded = line.kind == InvoiceLine.Kind.UPGRADE and _in_time(line, invoice)
            found.append(Given(own if upgraded else plan_reference(_begins(line, invoice)), owed=False))
    return found


def plan_refund(*, invoice: Invoice, share: Fraction, whole: bool) -> str:
    """What giving back `share` of a paid invoice does to the plan that it paid for, as a sentence; else empty.

    The time that it paid for gets shorter by that share, and a plan of which no time is left ends now. An upgrade is
    undone when the `whole` of it has gone back. A month that is over, and a plan that staff gave, stay as they are.
    With the subscription, the invoice and its payment locked.
    """
    now = timezone.now()
    line = InvoiceLine.objects.select_related("plan").filter(invoice=invoice, kind__in=PLAN_LINES).first()
    current = subscription_locked(account_id=invoice.account_id)
    if line is None or current is None or current.paid_until is None or current.paid_until <= now:
        return ""
    start = _begins(line, invoice)
    in_time = _in_time(line, invoice)
    if in_time:
        end, worth = line.period_end, line.period_end - start
    elif current.anchor == invoice.paid_at:
        end = min(current.paid_until, start + relativedelta(months=1))
        worth = paid_time(line.amount, line.plan, start) - start
    else:
        return ""
    if not start <= now < end:
        return ""
    if line.kind == InvoiceLine.Kind.UPGRADE and in_time:
        return _upgrade_undo(current, line, invoice) if whole else ""
    seconds = worth.total_seconds() * float(share)
    left = current.paid_until - timedelta(seconds=seconds)
    current.paid_until = max(left, now)
    current.save(update_fields=["paid_until"])
    if left <= now:
        plan_end(current, why="was given back and has ended")
        return f"The plan {current.plan.name} has ended."
    day = Account.objects.get(pk=invoice.account_id).day(left)
    return f"The plan {current.plan.name} is paid until {day} now."


def _begins(line: InvoiceLine, invoice: Invoice) -> datetime:
    """When the time begins that the payment of a line brought."""
    return line.period_start if _in_time(line, invoice) else invoice.paid_at


def _in_time(line: InvoiceLine, invoice: Invoice) -> bool:
    """Whether the payment brought the span that the line names, and not one of its own from then on."""
    if line.period_end is None or line.period_end <= invoice.paid_at:
        return False
    own = CreditLot.objects.filter(account_id=invoice.account_id, reference=plan_reference(invoice.paid_at))
    return line.kind == InvoiceLine.Kind.PLAN or not own.exists()


def _upgrade_undo(current: Subscription, line: InvoiceLine, invoice: Invoice) -> str:
    """Back to the plan that was paid for when it was bought, unless the account has moved on since."""
    if current.plan_id != line.plan_id:
        return ""
    gone = Payment.objects.filter(
        account_id=invoice.account_id, status=Payment.Status.REFUNDED, surplus=False
    )
    before = InvoiceLine.objects.select_related("plan").filter(
        account_id=invoice.account_id,
        kind__in=PLAN_LINES,
        invoice__kind=Invoice.Kind.INVOICE,
        invoice__status=Invoice.Status.PAID,
        invoice__paid_at__lt=invoice.paid_at,
    )
    month = invoice.paid_at - relativedelta(months=1)
    before = before.filter(Q(period_end__gt=invoice.paid_at) | Q(invoice__paid_at__gte=month))
    before = before.exclude(invoice__in=gone.values("invoice")).order_by("-invoice__paid_at").first()
    if before is None:  # staff gave it
        return ""
    current.plan = before.plan
    if current.next_plan_id == before.plan_id:
        current.next_plan = None
    current.save(update_fields=["plan", "next_plan"])
    now = timezone.now()
    catch_up(balance_lock(account_id=invoice.account_id, now=now), now)
    return f"The plan is {before.plan.name} again."
