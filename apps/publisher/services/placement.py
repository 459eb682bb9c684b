"""Where on a site's calendar the next article goes: publish days, time slots and limits, in the site's own time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from apps.core.errors import Conflict
from apps.integration.models import WEEKDAYS, SettingsFields, SiteSettings

HORIZON_DAYS = 730
# Without a daily limit a slot takes an article each quarter of an hour.
UNLIMITED_STEP = timedelta(minutes=15)


def next_slot(*, settings: SiteSettings, zone: tzinfo, now: datetime, placed: Iterable[datetime]) -> datetime:
    """The first free time after `now`, in UTC.

    `placed` are the times of all that is published or scheduled, which count against the limits. A slot holds as many
    articles as the daily limit needs, spread evenly over it. Raises Conflict when there is no day, no slot, or no
    room within two years.
    """
    if not settings.publish_days or not settings.publish_time_slots:
        missing = "time slots" if settings.publish_days else "publish days"
        raise Conflict(
            f"The publishing settings of the site name no {missing}. Add some, or say when to publish."
        )
    at = next(free_slots(settings=settings, zone=zone, now=now, placed=placed), None)
    if at is None:
        raise Conflict(
            "The publishing limits of the site leave no free slot within two years. Raise them, or say when to publish."
        )
    return at


def free_slots(
    *, settings: SiteSettings, zone: tzinfo, now: datetime, placed: Iterable[datetime]
) -> Iterator[datetime]:
    """The times after `now` that articles would get one after the other, in UTC and in order, for two years."""
    days = {WEEKDAYS.index(day) for day in settings.publish_days if day in WEEKDAYS}
    slots = [(_time(slot["start"]), _time(slot["end"])) for slot in settings.publish_time_slots]
    placed = list(placed)
    taken = set(placed)
    limits = Limits(settings, zone, placed)
    first = now.astimezone(zone).date() - timedelta(days=1)  # a slot may run past midnight
    ahead: set[datetime] = set()  # past midnight, where the next day's slots may come before them
    for offset in range(HORIZON_DAYS if days and slots else 0):
        day = first + timedelta(days=offset)
        if day.weekday() in days:
            ahead.update(_times(day, slots, zone, settings.daily_publish_limit))
        end_of_day = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
        for at in sorted(at for at in ahead if at < end_of_day):
            if at > now and at not in taken and not limits.full(at):
                limits.add(at)
                yield at
        ahead = {at for at in ahead if at >= end_of_day}


class Limits:
    """What each local day, week (from Monday) and month holds already."""

    def __init__(self, settings: SettingsFields, zone: tzinfo, placed: Iterable[datetime]):
        self._of_day, self._of_week, self._of_month = Counter(), Counter(), Counter()
        self._settings, self._zone = settings, zone
        for at in placed:
            self.add(at)

    def add(self, at: datetime) -> None:
        day = at.astimezone(self._zone).date()
        self._of_day[day] += 1
        self._of_week[day.isocalendar()[:2]] += 1
        self._of_month[day.year, day.month] += 1

    def left(self, day: date) -> int | None:
        """How many more fit on this day; None: no limit."""
        counts = (
            (self._settings.daily_publish_limit, self._of_day[day]),
            (self._settings.weekly_publish_limit, self._of_week[day.isocalendar()[:2]]),
            (self._settings.monthly_publish_limit, self._of_month[day.year, day.month]),
        )
        return min((max(0, limit - count) for limit, count in counts if limit), default=None)

    def full(self, at: datetime) -> bool:
        return self.left(at.astimezone(self._zone).date()) == 0


def _times(day: date, slots: list[tuple[time, time]], zone: tzinfo, daily: int) -> Iterator[datetime]:
    """The times that a day offers. Steps are elapsed time, so a change of the clock neither doubles nor drops one."""
    for start, end in slots:
        begin = datetime.combine(day, start, zone).astimezone(UTC)
        closing = day if end > start else day + timedelta(days=1)
        length = (
            datetime.combine(closing, end, zone).astimezone(UTC) - begin if end != start else timedelta(0)
        )
        step = length / -(-daily // len(slots)) if daily else UNLIMITED_STEP
        yield begin
        step = max(step, timedelta(minutes=1))
        at = begin + step
        while at < begin + length:
            yield at.replace(second=0, microsecond=0)
            at += step


def _time(text: str) -> time:
    return time.fromisoformat(text)


def periods_start(*, zone: tzinfo, now: datetime) -> datetime:
    """The first moment of the earliest day, week or month that `now` is part of, in UTC, with a day's margin."""
    day = now.astimezone(zone).date()
    first = min(day - timedelta(days=day.weekday()), day.replace(day=1)) - timedelta(days=1)
    return datetime.combine(first, time(), zone).astimezone(UTC)
