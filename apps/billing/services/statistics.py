"""What staff see of the business: money by currency, and credits over all accounts."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum
from django.utils import timezone

from apps.accounts.models import Subscription
from apps.billing.models import CreditBalance, CreditEntry, CreditUsage, Invoice, Payment


def billing_stats(*, date_from: date | None = None, date_to: date | None = None) -> dict:
    """The fields of BillingStatsSerializer over the days in UTC, both included; by default the last 30."""
    date_to = date_to or timezone.now().date()
    date_from = date_from or max(date_to, date.min + timedelta(days=29)) - timedelta(days=29)
    date_to = min(date_to, date.max - timedelta(days=1))
    start = datetime.combine(date_from, time.min, UTC)
    end = datetime.combine(date_to, time.min, UTC) + timedelta(days=1)
    span = Q(paid_at__gte=start, paid_at__lt=end, status=Invoice.Status.PAID)
    is_note = Q(kind=Invoice.Kind.CREDIT_NOTE)
    sums = (
        Invoice.objects.order_by()
        .values("currency")
        .annotate(
            paid=Sum("total", filter=span & ~is_note, default=Decimal(0)),
            credited=Sum("total", filter=span & is_note, default=Decimal(0)),
            tax=Sum("tax", filter=span, default=Decimal(0)),
            open=Sum("total", filter=Q(status=Invoice.Status.OPEN), default=Decimal(0)),
        )
    )
    money = {row["currency"]: row | {"monthly": Decimal(0)} for row in sums}
    paying = Subscription.objects.filter(status=Subscription.Status.ACTIVE, paid_until__isnull=False)
    plans = 0
    for row in paying.order_by().values("plan__currency").annotate(n=Count("pk"), monthly=Sum("plan__price")):
        nothing = dict.fromkeys(("paid", "credited", "tax", "open"), Decimal(0))
        known = money.setdefault(row["plan__currency"], {"currency": row["plan__currency"], **nothing})
        known["monthly"] = row["monthly"]
        plans += row["n"]
    payments = Payment.objects.aggregate(
        pending=Count("pk", filter=Q(status=Payment.Status.PENDING, method=Payment.Method.MANUAL)),
        disputed=Count("pk", filter=Q(dispute__in=("open", "inquiry"))),
        surplus=Count("pk", filter=Q(status=Payment.Status.SUCCEEDED, surplus=True)),
    )
    usage = CreditUsage.objects.filter(created_at__gte=start, created_at__lt=end).aggregate(
        lost=Sum("loss", default=0), cost=Sum("cost", default=Decimal(0))
    )
    kinds = CreditEntry.Kind
    spent = (kinds.RESERVE, kinds.SETTLE, kinds.RELEASE, kinds.CHARGE)
    moved = CreditEntry.objects.filter(created_at__gte=start, created_at__lt=end).aggregate(
        granted=Sum("amount", filter=Q(kind=kinds.GRANT), default=0),
        used=Sum("amount", filter=Q(kind__in=spent), default=0),
    )
    return {
        "date_from": date_from,
        "date_to": date_to,
        "money": [money[currency] for currency in sorted(money)],
        "pending_payments": payments["pending"],
        "surplus_payments": payments["surplus"],
        "open_disputes": payments["disputed"],
        "paid_plans": plans,
        "credits_granted": moved["granted"],
        "credits_used": -moved["used"],
        "credits_lost": usage["lost"],
        "credits_balance": CreditBalance.objects.aggregate(n=Sum("balance", default=0))["n"],
        "provider_cost": usage["cost"],
    }
