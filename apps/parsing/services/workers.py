"""Workers by their heartbeats, and the spiders that they bring."""

from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from apps.notifications.services.telegram import telegram_notify
from apps.parsing.models import CrawlWorker
from apps.parsing.services.runs import runs_renew

GONE_AFTER = timedelta(seconds=90)
FORGOTTEN_AFTER = timedelta(days=1)
_ANNOUNCE = """
INSERT INTO parsing_spider (name) SELECT unnest(%s::text[])
ON CONFLICT (name) DO UPDATE SET last_seen_at = now()
RETURNING name, xmax = 0
"""


def worker_heartbeat(
    *, hostname: str, pid: int, run_ids: list[int] | None = None, **fields
) -> tuple[list[int], list[int]]:
    """Notes a sign of life and renews the leases of the worker's crawls: (those, what it named and has lost).

    run_ids: what it crawls, where it says so; see `runs_renew`.
    """
    now = timezone.now()
    worker = CrawlWorker(hostname=hostname, pid=pid, last_seen_at=now, started_at=now, **fields)
    CrawlWorker.objects.bulk_create(
        [worker],
        update_conflicts=True,
        unique_fields=["hostname", "pid"],
        update_fields=["last_seen_at", *fields],
    )
    CrawlWorker.objects.filter(last_seen_at__lt=now - FORGOTTEN_AFTER).delete()
    renewed = runs_renew(worker=f"{hostname}:{pid}", run_ids=run_ids)
    return renewed, sorted(set(run_ids or ()) - set(renewed))


def workers_alive() -> list[CrawlWorker]:
    alive = CrawlWorker.objects.filter(last_seen_at__gte=timezone.now() - GONE_AFTER)
    return list(alive.order_by("hostname", "pid"))


def spiders_sync(*, names: list[str]) -> list[str]:
    """Notes the spiders that a worker announces; returns those that nobody had before."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The database says who was first: of workers that start together one tells.
            cursor.execute(_ANNOUNCE, [sorted(set(names))])
            new = sorted(name for name, is_new in cursor.fetchall() if is_new)
        if new:
            telegram_notify(notice="new_spiders", values={"spiders": ", ".join(new)})
    return new
