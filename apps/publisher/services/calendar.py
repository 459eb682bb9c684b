"""A site's calendar: what was published, what is to come, and what the limits leave."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice, takewhile

from django.db.models import Case, QuerySet, When
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.zones import zone_of
from apps.integration.models import WEEKDAYS
from apps.integration.services.settings import site_settings
from apps.publisher.services.placement import Limits, free_slots, periods_start
from apps.writer.models import Content

SHOWN_ITEMS = 1000
SHOWN_SLOTS = 500
WAITING = (Content.SiteStatus.SCHEDULED, Content.SiteStatus.PUBLISHING)


def times_placed(*, site_id: int, zone: tzinfo, now: datetime, but: Collection[int] = ()) -> list[datetime]:
    """The times of all that counts against the site's limits from the present day, week and month on."""
    rows = _dated(site_id, since=periods_start(zone=zone, now=now)).exclude(pk__in=but)
    return list(rows.values_list("at", flat=True))


def site_calendar(*, site: Site, first: date, last: date) -> dict:
    """The days from `first` to `last` of the site's own time: items in order, what each day holds and leaves, and the
    times that articles without a time would get, one after the other."""
    zone, now = zone_of(site.timezone), timezone.now()
    settings = site_settings(site_id=site.pk, account_id=site.account_id)
    start, end = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    since = min(periods_start(zone=zone, now=now), periods_start(zone=zone, now=start))
    rows = _dated(site.pk, since=since)
    placed = list(rows.values_list("at", "site_status"))
    items = rows.filter(at__gte=start, at__lt=end).order_by("at", "pk")
    items = items.values("pk", "title", "status", "site_status", "at", "external_url")[:SHOWN_ITEMS]
    limits = Limits(settings, zone, (at for at, _ in placed))
    held = Counter((at.astimezone(zone).date(), status in WAITING) for at, status in placed)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    ahead = free_slots(settings=settings, zone=zone, now=max(now, start), placed=[at for at, _ in placed])
    return {
        "site_id": site.pk,
        "timezone": site.timezone,
        "items": [
            {**item, "content_id": item["pk"], "is_late": item["at"] < now and item["site_status"] in WAITING}
            for item in items
        ],
        "items_count": sum(start <= at < end for at, _ in placed),
        "days": [
            {
                "date": day,
                "is_publish_day": WEEKDAYS[day.weekday()] in settings.publish_days,
                "published": held[day, False],
                "scheduled": held[day, True],
                "left": limits.left(day),
            }
            for day in days
        ],
        "free_slots": list(islice(takewhile(lambda at: at < end, ahead), SHOWN_SLOTS)) if end > now else [],
    }


def _dated(site_id: int, *, since: datetime) -> QuerySet[Content]:
    """What the site publishes itself, by its time `at`: what came from its WordPress is no part of the plan."""
    at = Case(When(site_status__in=WAITING, then="scheduled_publish_at"), default="published_at")
    return Content.objects.ours().filter(site_id=site_id).annotate(at=at).filter(at__gte=since)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
