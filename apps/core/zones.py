"""The time zone of a site, by its name, or by its offset where it has none: WordPress knows zones such as UTC+5.5."""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::([0-5]\d)|\.(\d{1,2}))?")
_FURTHEST = timedelta(hours=14)


def offset_of(name: str) -> timezone | None:
    """The zone of an offset from UTC, such as UTC+5.5, UTC-03:30 or +02:00; None for anything else."""
    match = _OFFSET.fullmatch(name)
    if not match or not name.isascii():
        return None
    sign, hours, minutes, part = match.groups()
    distance = timedelta(hours=int(hours), minutes=int(minutes or 0) or 60 * float(f"0.{part or 0}"))
    if distance > _FURTHEST or distance % timedelta(minutes=1):
        return None
    return timezone(-distance if sign == "-" else distance)


def zone_of(name: str) -> tzinfo:
    """The time zone of a name or an offset; UTC when it is not known here."""
    try:
        return offset_of(name) or ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC
