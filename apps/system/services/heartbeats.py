"""Signs of life: each worker for the queues that it serves, beat for itself, a row each."""

import logging
import time
from datetime import timedelta

from django.db import Error, connection
from django.utils import timezone

from apps.core.queues import Queue
from apps.system.models import Heartbeat

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
# Three signs missed.
LATE_SECONDS = 35.0
FORGOTTEN_AFTER = timedelta(days=1)
BEAT = "beat"
_told: dict[str, float] = {}


def queue_name(queue: str) -> str:
    return f"queue:{queue}"


def heartbeat_due(*, host: str) -> bool:
    """Whether `host` has not been asked for EVERY_SECONDS; asking counts as the sign."""
    now = time.monotonic()
    if now - _told.get(host, -EVERY_SECONDS) < EVERY_SECONDS:
        return False
    _told[host] = now
    return True


def heartbeat(*, names: list[str], host: str, close: bool = True) -> bool:
    """Writes that `host` lives. It never raises: a sign that fails is a missing one.

    `close`: the connection is given back, as a worker's first process must keep none that its children inherit.
    """
    at = timezone.now()
    try:
        Heartbeat.objects.bulk_create(
            [Heartbeat(name=name, host=host[:200], at=at) for name in names],
            update_conflicts=True,
            unique_fields=["name", "host"],
            update_fields=["at"],
        )
    except Error:
        log.warning("the sign of life of %s was not written", host, exc_info=True)
        return False
    finally:
        if close:
            connection.close()
    return True


def heartbeat_ages() -> dict[str, float | None]:
    """Seconds since the newest sign of beat and of each queue; None where there never was one."""
    newest: dict[str, float | None] = dict.fromkeys([BEAT, *map(queue_name, Queue)])
    now = timezone.now()
    for name, at in Heartbeat.objects.order_by("at").values_list("name", "at"):
        if name in newest:
            newest[name] = (now - at).total_seconds()
    return newest


def heartbeats_forget() -> None:
    """Of workers that are gone."""
    Heartbeat.objects.filter(at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
