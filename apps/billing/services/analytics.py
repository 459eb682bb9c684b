"""What an account's credits went into, by the days of its own time zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.accounts.models import Account
from apps.billing.models import CreditUsage
from apps.billing.services.usage import CURRENCY
from apps.core.errors import Invalid

DEFAULT_DAYS = 30
MAX_DAYS = 400
SUMS = {"credits": Sum("credits", default=0), "count": Count("pk"), "cost": Sum("cost", default=0)}


def usage_analytics(
    *,
    account_id: int,
    rows: QuerySet[CreditUsage],
    date_from: date | None = None,
    date_to: date | None = None,
) -> dict:
    """Sums over `rows` of the account from the first to the last day, both included, ready for a chart.

    Each has `credits`, `count` and `cost` (the providers', in USD): `days` one for every day, also those without
    use; `operations`, `models`, `sites`, `users` the dearest first. Without dates: the last 30 days. A day is one
    of the account's time zone, 23 to 25 hours long. Raises Invalid for a range that is empty or too long.
    """
    zone = ZoneInfo(Account.objects.values_list("timezone", flat=True).get(pk=account_id))
    if date_to is None:
        today = timezone.now().astimezone(zone).date()
        date_to = today if date_from is None else max(today, date_from)
    default = timedelta(days=DEFAULT_DAYS - 1)
    date_from = date_from or max(date_to, date.min + default) - default
    length = (date_to - date_from).days + 1
    if not 1 <= length <= MAX_DAYS or date_to == date.max:
        raise Invalid(
            "date_from", f"Give a range of 1 to {MAX_DAYS} days that does not end before it begins."
        )
    rows = rows.order_by().filter(
        created_at__gte=datetime.combine(date_from, time.min, zone),
        created_at__lt=datetime.combine(date_to + timedelta(days=1), time.min, zone),
    )
    by_day = {
        row["date"]: row for row in rows.values(date=TruncDate("created_at", tzinfo=zone)).annotate(**SUMS)
    }
    days = [date_from + timedelta(days=n) for n in range(length)]
    return {
        "timezone": zone.key,
        "date_from": date_from,
        "date_to": date_to,
        "currency": CURRENCY,
        "total": rows.aggregate(**SUMS),
        "days": [by_day.get(day, {"date": day, "credits": 0, "count": 0, "cost": 0}) for day in days],
        "operations": _by(rows, operation=F("operation")),
        "models": _by(rows, model=F("model")),
        "sites": _by(rows, id=F("site_id"), name=F("site__name")),
        "users": _by(rows, id=F("user_id"), name=F("user__email")),
    }


def _by(rows: QuerySet[CreditUsage], **parts: F) -> list[dict]:
    # A column of the same name would hide the alias.
    aliases = {f"by_{name}": part for name, part in parts.items()}
    found = rows.values(**aliases).annotate(**SUMS).order_by("-credits", *aliases)
    return [{key.removeprefix("by_"): value for key, value in row.items()} for row in found]
