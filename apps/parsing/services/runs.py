"""Crawls: made, sent to the queue, taken by a worker, ended. The row is the truth, the message a hint to look at it."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.core.errors import Conflict, NotFound
from apps.notifications.services.telegram import telegram_notify
from apps.parsing.clients import queue
from apps.parsing.models import Source, SourceRun
from apps.parsing.services.sources import source_locked, statuses_mend

log = logging.getLogger(__name__)
BATCH = 500
MAX_ATTEMPTS = 5  # workers that took a crawl and were not heard of again
MAX_FAILURES = 5  # runs in a row, after which a source is broken
SENDING_SECONDS = 30  # how long a run is its sender's
FIRST_RETRY = timedelta(minutes=15)
LOG_CHARACTERS = 64_000
ERROR_CHARACTERS = 10_000
LONGEST_UNNAMED = timedelta(hours=6)  # for which heartbeats that name no runs keep one; its batches always do
NO_BROKER = "The broker did not take the task; it is tried again."


def due_enqueue() -> int:
    """Makes a run of each due source, the most urgent first, and sends what waits. Returns how many are new."""
    now, made = timezone.now(), 0
    while True:
        with transaction.atomic():
            due = list(
                Source.objects.filter(
                    is_active=True,
                    status__in=[Source.Status.WAITING, Source.Status.ERROR],
                    next_sync_at__lte=now,
                )
                .order_by("-priority", "next_sync_at", "pk")
                .select_for_update(skip_locked=True, no_key=True)[:BATCH]
            )
            SourceRun.objects.bulk_create(
                [SourceRun(source=s, strategy=s.strategy, priority=s.priority) for s in due],
                ignore_conflicts=True,  # one that is open already is the one
            )
            running = SourceRun.objects.filter(source__in=due, status=SourceRun.Status.RUNNING)
            begun = set(running.values_list("source_id", flat=True))  # by batches, while it was switched off
            Source.objects.filter(pk__in=begun).update(status=Source.Status.RUNNING)
            Source.objects.filter(pk__in=[s.pk for s in due if s.pk not in begun]).update(
                status=Source.Status.QUEUED
            )
        made += len(due)
        if len(due) < BATCH:
            break
    runs_send()
    return made


def source_force(*, source_id: int, strategy: str | None) -> SourceRun:
    """Queues a source now, whatever its schedule says; a run that nobody has taken yet becomes this one."""
    with transaction.atomic():
        source = source_locked(source_id)
        run = _open_run(source, None) or _new_run(source)
        if run.status == SourceRun.Status.RUNNING:
            raise Conflict("It is being crawled now. Wait for its end, or for its worker's lease to run out.")
        run.strategy = strategy or source.strategy
        run.priority, run.forced, run.sent_at = 100, True, None
        run.save()
        source.status, source.error_message = Source.Status.QUEUED, ""
        source.save(update_fields=["status", "error_message", "updated_at"])
    runs_send(only=run.pk)
    run.refresh_from_db()
    return run


_CLAIM = """
UPDATE parsing_sourcerun SET lease_until = now() + make_interval(secs => %s)
WHERE id = ANY(ARRAY(
  SELECT id FROM parsing_sourcerun WHERE status = 'queued' AND sent_at IS NULL
    AND (lease_until IS NULL OR lease_until < now()) AND (%s::bigint IS NULL OR id = %s)
  ORDER BY priority DESC, id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id
"""


def runs_send(*, only: int | None = None) -> int:
    """Sends a message for each run that has none. A broker that is down loses nothing: the next sweep tries again."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [SENDING_SECONDS, only, only, BATCH])
        claimed = [pk for (pk,) in cursor.fetchall()]
    if not claimed:
        return 0
    runs = list(SourceRun.objects.filter(pk__in=claimed).select_related("source").order_by("-priority", "pk"))
    sent: list[int] = []
    try:
        with queue.producer(settings.CELERY_BROKER_URL) as send:
            for run in runs:
                send(message_of(run), run.priority)
                sent.append(run.pk)
    except queue.QueueUnavailable as error:
        log.warning("the broker did not take %s crawls: %s", len(runs) - len(sent), error)
    # Whoever was quick has taken it already, and his lease stands.
    SourceRun.objects.filter(pk__in=sent).update(sent_at=timezone.now())
    SourceRun.objects.filter(pk__in=claimed, status=SourceRun.Status.QUEUED).update(lease_until=None)
    taken = [r.source_id for r in runs if r.pk in set(sent)]
    Source.objects.filter(pk__in=taken, error_message=NO_BROKER).update(error_message="")
    left = [r.source_id for r in runs if r.pk not in set(sent)]
    Source.objects.filter(pk__in=left, status=Source.Status.QUEUED).update(error_message=NO_BROKER)
    return len(sent)


def message_of(run: SourceRun) -> dict:
    source = run.source
    return {
        "source_id": source.pk,
        "url": source.url,
        "site_key": source.site_key,
        "type": source.type,
        "strategy": run.strategy,
        "config": source.config,
        "run_id": run.pk,
    }


def sweep() -> None:
    """Takes up what was lost: crawls whose worker is silent, tasks that no worker took, messages not sent."""
    now = timezone.now()
    lapsed = SourceRun.objects.filter(status=SourceRun.Status.RUNNING, lease_until__lt=now)
    for run in lapsed.order_by("pk")[:BATCH]:
        with transaction.atomic():
            source = source_locked(run.source_id)
            run = lapsed.filter(pk=run.pk).select_for_update().first()
            if run is None:
                continue
            if run.attempts == 0:  # opened by batches that named none; they have stopped
                _finish(source, run)
            elif run.attempts >= MAX_ATTEMPTS:
                _fail(source, run, f"No worker finished it in {run.attempts} attempts.", broken=False)
            else:
                _requeue(source, run)
    SourceRun.objects.filter(
        status=SourceRun.Status.QUEUED, sent_at__lt=now - timedelta(seconds=settings.PARSING_TASK_SECONDS)
    ).update(sent_at=None)
    statuses_mend()
    while runs_send() == BATCH:
        pass


def run_claim(*, source_id: int, run_id: int | None, worker: str) -> SourceRun:
    """A worker begins, or goes on. Raises Conflict where the run is over or another worker's: drop the message."""
    now = timezone.now()
    with transaction.atomic():
        source = source_locked(source_id)
        run = _open_run(source, run_id) or _new_run(source)
        held = run.status == SourceRun.Status.RUNNING and run.worker not in ("", worker)
        if held and run.lease_until and run.lease_until > now:
            raise Conflict(f"{run.worker} is crawling it. Drop this task.")
        if run.status == SourceRun.Status.QUEUED or run.worker != worker or not run.attempts:
            run.attempts += 1
        seconds = settings.PARSING_LEASE_SECONDS if worker else settings.PARSING_TASK_SECONDS
        run.status, run.worker, run.lease_until = (
            SourceRun.Status.RUNNING,
            worker,
            now + timedelta(seconds=seconds),
        )
        run.started_at = run.started_at or now
        run.save()
        source.status, source.error_message = Source.Status.RUNNING, ""
        source.save(update_fields=["status", "error_message", "updated_at"])
    return run


def run_complete(*, source_id: int, run_id: int | None, worker: str) -> Source:
    with transaction.atomic():
        source = source_locked(source_id)
        run = _open_run(source, run_id, worker)
        if run is not None:
            _finish(source, run)
    return source


def run_hand_back(*, source_id: int, run_id: int | None, worker: str) -> Source:
    """A worker that stops gives its crawl to the next one."""
    with transaction.atomic():
        source = source_locked(source_id)
        run = _open_run(source, run_id, worker)
        if run is None:
            raise Conflict("Nothing of it is open. Use force-run to queue it.")
        if run.status == SourceRun.Status.RUNNING:
            _requeue(source, run)
            run.attempts = max(0, run.attempts - 1)  # handed back in order, not lost
            run.save(update_fields=["attempts"])
    runs_send()
    return source


def run_report_error(
    *, source_id: int, error: str, is_broken: bool, run_id: int | None, worker: str = ""
) -> Source:
    """A crawl failed: tried again later each time, at last given up; `is_broken` gives it up at once."""
    with transaction.atomic():
        source = source_locked(source_id)
        run = _open_run(source, run_id, worker)
        if run is None:
            now = timezone.now()
            run = SourceRun(source=source, strategy=source.strategy, priority=source.priority)
            run.created_at = run.started_at = now
        _fail(source, run, error, broken=is_broken)
    return source


def run_log(*, source_id: int, run_id: int | None, logs: str) -> None:
    """Appends to the logs of the present run, or of the last one; only their end is kept."""
    with transaction.atomic():
        source = source_locked(source_id)
        runs = source.runs.select_for_update().order_by("-created_at", "-pk")
        run = runs.filter(pk=run_id).first() if run_id else runs.first()
        if run is None:
            raise NotFound("There is no run to log for. Report the status running first.")
        run.logs = (run.logs + logs)[-LOG_CHARACTERS:]
        run.save(update_fields=["logs"])


def runs_renew(*, worker: str, run_ids: list[int] | None = None) -> list[int]:
    """A worker's heartbeat: what it crawls stays its own. Returns which crawls those are.

    Of a worker that says what it crawls only that. One that was started anew may have the name of the one before it
    (a container keeps its host name, and its first process the number) and must not keep alive what died with it.
    """
    now = timezone.now()
    rows = SourceRun.objects.filter(status=SourceRun.Status.RUNNING, worker=worker)
    rows = (
        rows.filter(started_at__gt=now - LONGEST_UNNAMED) if run_ids is None else rows.filter(pk__in=run_ids)
    )
    renewed = list(rows.values_list("pk", flat=True))
    rows.filter(pk__in=renewed).update(lease_until=now + timedelta(seconds=settings.PARSING_LEASE_SECONDS))
    return renewed


def _open_run(source: Source, run_id: int | None, worker: str = "") -> SourceRun | None:
    """The run that is meant, locked; None where none is open and none was named."""
    runs = source.runs.select_for_update()
    run = runs.filter(pk=run_id).first() if run_id else runs.filter(status__in=SourceRun.OPEN).first()
    if run is None and run_id is None:
        return None
    if run is None:
        raise NotFound(f"Source {source.pk} has no run {run_id}.")
    if run.status not in SourceRun.OPEN:
        raise Conflict("That run is over. Drop this task.")
    if worker and run.worker not in ("", worker):
        raise Conflict(f"{run.worker} is crawling it. Drop this task.")
    return run


def _new_run(source: Source) -> SourceRun:
    """A run of a source that is locked and has none open; the one that a batch opens at the same moment, if any."""
    run = SourceRun(
        source=source, strategy=source.strategy, priority=source.priority, created_at=timezone.now()
    )
    SourceRun.objects.bulk_create([run], ignore_conflicts=True)
    return source.runs.select_for_update().get(status__in=SourceRun.OPEN)


def _finish(source: Source, run: SourceRun) -> None:
    now = timezone.now()
    run.status, run.finished_at, run.lease_until = SourceRun.Status.COMPLETED, now, None
    run.save()
    source.status = source.status_at_rest
    source.last_synced_at = now
    source.next_sync_at = now + timedelta(hours=source.refresh_interval_hours)
    source.failures, source.error_message, source.last_run_new = 0, "", run.items_new
    source.save()


def _fail(source: Source, run: SourceRun, error: str, *, broken: bool) -> None:
    now = timezone.now()
    run.status, run.finished_at, run.lease_until = SourceRun.Status.ERROR, now, None
    error = error[:ERROR_CHARACTERS]
    run.error_message = error
    run.save()
    source.failures, source.error_message, source.last_run_new = source.failures + 1, error, run.items_new
    if broken or source.failures >= MAX_FAILURES:
        source.status, source.is_active = Source.Status.BROKEN, False
        telegram_notify(
            notice="source_broken",
            values={"site_key": source.site_key, "url": source.url, "error": error},
            key=f"broken:{run.pk}",
        )
    else:
        source.status = Source.Status.ERROR if source.is_active else source.status_at_rest
        interval = timedelta(hours=source.refresh_interval_hours)
        source.next_sync_at = now + min(interval, FIRST_RETRY * 2 ** (source.failures - 1))
    source.save()


def _requeue(source: Source, run: SourceRun) -> None:
    run.status, run.worker, run.lease_until, run.sent_at = SourceRun.Status.QUEUED, "", None, None
    run.save()
    source.status = Source.Status.QUEUED
    source.save(update_fields=["status", "updated_at"])
