"""Checks of single values that several resources have."""

import re
import zoneinfo
from functools import cache

from babel import Locale
from rest_framework import serializers

from apps.core.zones import offset_of

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# Names of the time zone database that are no place.
NO_PLACES = {"localtime", "Factory", "posixrules"}
COUNTRIES = {c for c in Locale("en").territories if len(c) == 2 and c.isalpha()} - {
    "EU",
    "EZ",
    "UN",
    "XA",
    "XB",
    "ZZ",
}


def a_language(value: str) -> None:
    if not LANGUAGE.fullmatch(value):
        raise serializers.ValidationError("Give a language code, such as en or pt-BR.")


@cache
def timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - NO_PLACES)


def a_timezone(value: str) -> None:
    if value not in timezones():
        raise serializers.ValidationError("Give an IANA time zone, such as Europe/London.")


def a_site_timezone(value: str) -> None:
    """WordPress knows zones without a name too."""
    if offset_of(value) is None:
        a_timezone(value)


def a_country(value: str) -> None:
    if value and value not in COUNTRIES:
        raise serializers.ValidationError("Give a country as two capital letters, such as GB.")
