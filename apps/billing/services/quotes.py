"""What a change of plan means: its price, when it holds, what it brings."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Plan, Subscription
from apps.billing.models import Invoice, InvoiceLine
from apps.billing.services.invoices import UNPAID, Item, money
from apps.billing.services.lots import active_subscription
from apps.core.errors import Invalid

PLAN_LINES = (InvoiceLine.Kind.PLAN, InvoiceLine.Kind.UPGRADE)


@dataclass(frozen=True)
class Quote:
    """What a change of plan means. `effective`: when; `amount`: without tax; `credits`: those it brings at once."""

    plan: Plan
    effective: datetime
    at_once: bool
    amount: Decimal
    credits: int
    item: Item | None


def plan_quote(*, account_id: int, plan_id: int) -> Quote:
    """What moving to the plan would cost now.

    A dearer plan holds as soon as it is paid: the difference for the rest of the period, with the difference of
    the credits. A cheaper one holds from the end of what is paid, and costs nothing before. Raises Invalid.
    """
    now = timezone.now()
    plan = Plan.objects.filter(pk=plan_id, is_active=True).first()
    if plan is None or (not plan.price and not plan.is_default):
        raise Invalid("plan_id", "There is no plan with this id to choose.")
    current = active_subscription(account_id=account_id)
    paid_until = current.paid_until if current else None
    if current and plan.pk == current.plan_id and not _lapsed(current, now):
        return Quote(plan, now, True, Decimal(0), 0, None)
    if paid_until and paid_until > now and plan.currency == current.plan.currency:
        if plan.price <= current.plan.price:
            return Quote(plan, paid_until, False, Decimal(0), 0, None)
        return _upgrade(current, plan, now)
    if paid_until and paid_until > now:  # another currency: nothing to set the one off against the other
        return Quote(plan, paid_until, False, Decimal(0), 0, None)
    if not plan.price:
        return Quote(plan, now, True, Decimal(0), 0, None)
    item = Item(InvoiceLine.Kind.PLAN, f"Plan {plan.name}, the first month", plan.price, plan=plan)
    return Quote(plan, now, True, money(plan.price, plan.currency), plan.monthly_credits, item)


def _lapsed(current: Subscription, now: datetime) -> bool:
    """Its month is over, and the invoice for the next one was void: another plan was chosen, and not paid."""
    if current.paid_until is None or current.paid_until > now:
        return False
    return not plan_unpaid(account_id=current.account_id).filter(lines__plan=current.plan_id).exists()


def _upgrade(current: Subscription, plan: Plan, now: datetime) -> Quote:
    start, end = current.period_at(now)
    month = int((end - start).total_seconds())
    end = min(end, current.paid_until)  # which is earlier where part of the month was given back
    left = int((end - now).total_seconds())
    days = -(-(end - now) // timedelta(days=1))
    amount = money((plan.price - current.plan.price) * left / month, plan.currency)
    credits = max(0, (plan.monthly_credits - current.plan.monthly_credits) * left // month)
    item = Item(
        InvoiceLine.Kind.UPGRADE,
        f"From plan {current.plan.name} to {plan.name}, the {days} days to {end:%Y-%m-%d}",
        amount,
        credits=credits,
        plan=plan,
        period_start=now,
        period_end=end,
    )
    return Quote(plan, now, True, amount, credits, item)


def plan_unpaid(*, account_id: int) -> QuerySet[Invoice]:
    """What was billed for a plan and is neither paid nor void."""
    lines = InvoiceLine.objects.filter(account_id=account_id, kind__in=PLAN_LINES)
    return Invoice.objects.filter(account_id=account_id, status__in=UNPAID, pk__in=lines.values("invoice_id"))
