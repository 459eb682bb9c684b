"""Days and money as people of a language and a time zone write them."""

from datetime import datetime
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency

from apps.core.zones import zone_of


def locale_of(name: str) -> Locale:
    """The locale of a language code such as pt-BR; English when it is not known here."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")


def day_text(moment: datetime, *, timezone: str, locale: str) -> str:
    return format_date(moment.astimezone(zone_of(timezone)), "long", locale=locale_of(locale))


def moment_text(moment: datetime, *, timezone: str, locale: str) -> str:
    time = format_datetime(moment, "HH:mm ZZZZ", tzinfo=zone_of(timezone), locale=locale_of(locale))
    return f"{day_text(moment, timezone=timezone, locale=locale)}, {time}"


def money_text(amount: Decimal, currency: str, *, locale: str) -> str:
    return format_currency(amount, currency, locale=locale_of(locale))
