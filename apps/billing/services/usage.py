"""How much of what its plan allows an account has used, and what its credits went into."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from apps.accounts.models import LimitCounter
from apps.accounts.services.limits import RESOURCES
from apps.billing.models import CreditEntry, CreditUsage
from apps.billing.services.lots import active_subscription

Kind = CreditEntry.Kind
CURRENCY = "USD"  # of what providers cost
SPENDS = (Kind.RESERVE, Kind.SETTLE, Kind.RELEASE, Kind.CHARGE)


def usage_limits(*, account_id: int) -> dict[str, dict]:
    """{resource: {used, limit, percent}} of sites, users, keywords; of content, images, credits this month.

    Credits that are reserved count as used. `limit` and `percent` are None where the plan sets none. What is
    counted by month is of the current period.
    """
    subscription = active_subscription(account_id=account_id)
    start = subscription.period_at(timezone.now())[0] if subscription else None
    periods = {"", start.date().isoformat()} if start else {""}
    counters = {
        (c.resource, bool(c.period)): c.used
        for c in LimitCounter.objects.filter(account_id=account_id, period__in=periods)
    }
    limits = {
        resource: _row(
            counters.get((resource, monthly), 0), getattr(subscription.plan, field) if subscription else 0
        )
        for resource, (field, monthly) in RESOURCES.items()
    }
    moved = CreditEntry.objects.filter(account_id=account_id, kind__in=SPENDS)
    if start:
        moved = moved.filter(created_at__gte=start)
    credits = max(0, -moved.aggregate(n=Sum("amount", default=0))["n"])
    return limits | {"credits": _row(credits, subscription.plan.monthly_credits if subscription else 0)}


def usage_summary(*, rows: QuerySet[CreditUsage]) -> dict:
    """The sums over `rows`: in all, and by operation, the dearest first. `cost` is the providers', in USD."""
    sums = {
        "count": Count("pk"),
        "credits": Sum("credits", default=0),
        "tokens_in": Sum("tokens_in", default=0),
        "tokens_out": Sum("tokens_out", default=0),
        "cost": Sum("cost", default=0),
    }
    by_operation = rows.order_by().values("operation").annotate(**sums).order_by("-credits", "operation")
    return {
        "currency": CURRENCY,
        "total": rows.order_by().aggregate(**sums),
        "operations": list(by_operation),
    }


def _row(used: int, limit: int) -> dict:
    return {"used": used, "limit": limit or None, "percent": round(100 * used / limit, 1) if limit else None}


CSV = ("created_at", "operation", "provider", "model", "tokens_in", "tokens_out", "cost", "credits", "object_type",
       "object_id", "site_id", "site__name", "user__email", "run_id", "reference")  # fmt: skip


def usage_csv(*, rows: QuerySet[CreditUsage]) -> Iterator[str]:
    """The lines of a CSV file, read from the database in portions; times in UTC. No cell starts a formula."""
    yield _line([name.replace("__", "_") for name in CSV])
    for row in rows.values_list(*CSV).iterator(chunk_size=2000):
        yield _line(row)


def _line(cells: Iterable) -> str:
    out = StringIO()
    csv.writer(out).writerow(_cell(cell) for cell in cells)
    return out.getvalue()


def _cell(value):
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )
