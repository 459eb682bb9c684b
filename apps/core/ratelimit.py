"""Rate limits: a fixed window of a minute, counted in one row per key that all processes share.

The row is taken in one autocommitted statement, which authentication makes part of its own (`COUNTER`), so
that a request pays one round trip for both.
"""

from dataclasses import dataclass

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from apps.core.sql import first_row

WINDOW_SECONDS = 60

COUNTER = """
INSERT INTO core_ratecounter AS c (key, "window", hits)
VALUES (%(rate_key)s, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, 1)
ON CONFLICT (key) DO UPDATE SET
  hits = CASE WHEN c."window" = EXCLUDED."window" THEN c.hits + 1 ELSE 1 END, "window" = EXCLUDED."window"
RETURNING hits, "window", extract(epoch FROM clock_timestamp())::float8 AS now
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Where a caller stands in its minute. `reset` is a Unix time in seconds."""

    limit: int
    hits: int
    reset: int
    now: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.hits)

    @property
    def exceeded(self) -> bool:
        return bool(self.limit) and self.hits > self.limit

    @property
    def wait(self) -> float:
        return max(0.0, self.reset - self.now)

    @classmethod
    def of(cls, scope: str, hits: int, window: int, now: float) -> "Rate":
        return cls(settings.RATE_LIMITS[scope], hits, (window + 1) * WINDOW_SECONDS, now)


def scope_of(view) -> str:
    """The scope of a view: by action in `rate_scopes`, else `rate_scope`, else general."""
    action = getattr(view, "action", None)
    return getattr(view, "rate_scopes", {}).get(action) or getattr(view, "rate_scope", "general")


def client_address(request) -> str:
    """The caller's address: the one that the last trusted proxy saw, where there is one."""
    if settings.TRUSTED_PROXIES:
        forwarded = [a.strip() for a in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if a.strip()]
        if len(forwarded) >= settings.TRUSTED_PROXIES:
            return forwarded[-settings.TRUSTED_PROXIES][:45]
    return request.META.get("REMOTE_ADDR", "")[:45] or "unknown"


def take(scope: str, key: str) -> Rate:
    """Counts one request of `key` in `scope`."""
    return Rate.of(scope, *first_row(COUNTER, {"rate_key": f"{scope}:{key}"}))


def take_by_address(request, scope: str) -> Rate:
    return take(scope, f"ip:{client_address(request)}")


class ScopedRateLimit(BaseThrottle):
    """Reads the counter that authentication took; takes one by address for a stranger."""

    def allow_request(self, request, view) -> bool:
        rate = getattr(request, "rate", None)
        if rate is None:
            rate = take_by_address(request, scope_of(view))
            request._request.rate = rate
        self.rate = rate
        return not rate.exceeded

    def wait(self) -> float:
        return self.rate.wait
