"""The lock after repeated failures to log in: counted before the password is looked at, so that guesses side by
side count too."""

import hashlib

from django.conf import settings
from django.db import connection
from django.db.models import F

from apps.core.errors import AppError
from apps.core.models import RateCounter

# A row of the rate counters whose `window` is the minute of the first failure.
ATTEMPT = """
INSERT INTO core_ratecounter AS c (key, "window", hits)
SELECT key, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, 1 FROM unnest(%s::text[]) AS key
ORDER BY key
ON CONFLICT (key) DO UPDATE SET
  hits = CASE WHEN c."window" > EXCLUDED."window" - %s THEN c.hits + 1 ELSE 1 END,
  "window" = CASE WHEN c."window" > EXCLUDED."window" - %s THEN c."window" ELSE EXCLUDED."window" END
RETURNING key, hits, ("window" + %s) * 60 - extract(epoch FROM clock_timestamp())
"""


MAILS_AN_HOUR = 10


class LockedOut(AppError):
    status = 429
    code = "RATE_LIMITED"

    def __init__(self, seconds: int):
        minutes = max(1, round(seconds / 60))
        super().__init__(
            "Too many attempts with a wrong password. "
            f"Try again in {minutes} minute{'s' if minutes > 1 else ''}, or reset the password."
        )
        self.headers = {"Retry-After": str(seconds)}


def _keys(email: str, address: str) -> tuple[str, str]:
    who = hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    where = hashlib.sha256(address.encode()).hexdigest()[:16]
    return f"login:{who}:{where}", f"login:{who}"


def _count(keys: list[str], minutes: int) -> dict[str, tuple[int, float]]:
    """Counts each key once more: how often it came in its minutes, and the seconds until they end."""
    with connection.cursor() as cursor:
        cursor.execute(ATTEMPT, [keys, minutes, minutes, minutes])
        return {key: (hits, float(wait)) for key, hits, wait in cursor.fetchall()}


def mailed_too_often(*, email: str) -> bool:
    """Counts a mail that somebody asked for to an address, which may be a stranger's: ten an hour are enough."""
    key = "mail:" + _keys(email, "")[1]
    return _count([key], 60)[key][0] > MAILS_AN_HOUR


def attempt_take(*, email: str, address: str) -> None:
    """Counts an attempt of an address on a user, who need not exist. Raises LockedOut.

    Locked is the pair, so that a stranger does not lock the user out; all addresses together are held to ten
    times that.
    """
    pair, user = _keys(email, address)
    rows = _count([pair, user], settings.LOGIN_LOCK_MINUTES)
    for key, limit in ((pair, settings.LOGIN_ATTEMPTS), (user, settings.LOGIN_ATTEMPTS * 10)):
        hits, wait = rows[key]
        if hits > limit:
            raise LockedOut(max(1, int(wait) + 1))


def attempt_succeeded(*, email: str, address: str) -> None:
    """Forgets the failures of this address; those of others stay."""
    pair, user = _keys(email, address)
    RateCounter.objects.filter(key=pair).delete()
    RateCounter.objects.filter(key=user, hits__gt=0).update(hits=F("hits") - 1)


def attempts_forget(*, email: str) -> None:
    """Unlocks the user everywhere, as a new password does."""
    RateCounter.objects.filter(key__startswith=_keys(email, "")[1]).delete()
