"""When a site's runs are due, by its own clock."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from apps.core.zones import zone_of
from apps.integration.models import WEEKDAYS, SiteSettings

CATCH_UP = timedelta(hours=24)


def _is_run_day(settings: SiteSettings, day) -> bool:
    if settings.frequency == SiteSettings.Frequency.MONTHLY:
        return day.day == 1
    if settings.frequency == SiteSettings.Frequency.WEEKLY:
        first = next((d for d in WEEKDAYS if d in settings.scheduled_days), WEEKDAYS[0])
        return WEEKDAYS[day.weekday()] == first
    return not settings.scheduled_days or WEEKDAYS[day.weekday()] in settings.scheduled_days


def _moments(settings: SiteSettings, first, days: int):
    """The due moments from `first` on, by the site's own clock."""
    zone = zone_of(settings.site.timezone)
    for n in range(days):
        day = first + timedelta(days=n)
        if _is_run_day(settings, day):
            yield datetime.combine(day, settings.scheduled_time, tzinfo=zone)


def next_run_at(settings: SiteSettings, now: datetime | None = None) -> datetime | None:
    """When the scheduler will start the next run; None when it is switched off."""
    if not settings.enabled:
        return None
    now = now or timezone.now()
    today = now.astimezone(zone_of(settings.site.timezone)).date()
    return next((m.astimezone(UTC) for m in _moments(settings, today, 40) if m > now), None)


def last_due_at(settings: SiteSettings, now: datetime) -> datetime | None:
    """The last due moment of the past day, if the settings were as they are by then."""
    first = now.astimezone(zone_of(settings.site.timezone)).date() - timedelta(days=1)
    due = [
        m for m in _moments(settings, first, 2) if now - CATCH_UP < m <= now and m > settings.schedule_set_at
    ]
    return due[-1].astimezone(UTC) if due else None
