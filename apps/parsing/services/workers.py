"""Workers by their heartbeats, and the spiders that they bring."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.notifications.services.telegram import telegram_notify
from apps.parsing.models import CrawlWorker, Spider
from apps.parsing.services.runs import runs_renew

GONE_AFTER = timedelta(seconds=90)
FORGOTTEN_AFTER = timedelta(days=1)


def worker_heartbeat(*, hostname: str, pid: int, **fields) -> tuple[CrawlWorker, int]:
    """Notes a sign of life and renews the leases of the worker's crawls: (worker, how many those are)."""
    now = timezone.now()
    worker = CrawlWorker(hostname=hostname, pid=pid, last_seen_at=now, started_at=now, **fields)
    CrawlWorker.objects.bulk_create(
        [worker],
        update_conflicts=True,
        unique_fields=["hostname", "pid"],
        update_fields=["last_seen_at", *fields],
    )
    CrawlWorker.objects.filter(last_seen_at__lt=now - FORGOTTEN_AFTER).delete()
    return worker, runs_renew(worker=f"{hostname}:{pid}")


def workers_alive() -> list[CrawlWorker]:
    alive = CrawlWorker.objects.filter(last_seen_at__gte=timezone.now() - GONE_AFTER)
    return list(alive.order_by("hostname", "pid"))


def spiders_sync(*, names: list[str]) -> list[str]:
    """Notes the spiders that a worker announces; returns those that nobody had before."""
    now = timezone.now()
    with transaction.atomic():
        known = set(Spider.objects.filter(name__in=names).values_list("name", flat=True))
        Spider.objects.bulk_create(
            [Spider(name=name, last_seen_at=now) for name in sorted(set(names))],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["last_seen_at"],
        )
        new = sorted(set(names) - known)
        if new:
            telegram_notify(notice="new_spiders", values={"spiders": ", ".join(new)})
    return new
