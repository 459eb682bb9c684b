"""Long actions: a row that is claimed, leased, renewed, ended once. Celery's message is only a hint to look at it.

The functions that do the work are named in `settings.JOB_KINDS`, so that whoever starts a job imports none of them.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery.exceptions import OperationalError
from django.conf import settings
from django.db import InterfaceError, close_old_connections, connection, transaction
from django.db import OperationalError as DatabaseDown
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.core.errors import AppError, Conflict, Invalid
from apps.core.models import Job

log = logging.getLogger(__name__)

MAX_KEY_LENGTH = 200


class LeaseLost(Exception):
    """Another execution holds the job now: everything this one has in its transaction must be rolled back."""


class JobCancelled(Exception):
    """The user asked to cancel it."""


class GoOnLater(Exception):
    """Long work gives the worker back; the job is taken up again at once, which counts as no attempt."""


class TemporaryError(Exception):
    """Worth another try. `retry_after` in seconds, else a back-off."""

    def __init__(self, message: str, *, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


def job_start(
    *,
    kind: str,
    account_id: int,
    payload: dict,
    user_id: int | None = None,
    idempotency_key: str | None = None,
    total: int = 0,
    run_after: datetime | None = None,
    max_attempts: int = 5,
) -> Job:
    """Writes the row and enqueues it on commit. Same key: same job; same key and another payload: `Conflict`."""
    if idempotency_key and len(idempotency_key) > MAX_KEY_LENGTH:
        raise Invalid("Idempotency-Key", f"It may hold at most {MAX_KEY_LENGTH} characters.")
    if kind not in settings.JOB_KINDS:
        raise LookupError(f"{kind} is no kind of JOB_KINDS")
    job = Job(
        kind=kind,
        account_id=account_id,
        user_id=user_id,
        payload=payload,
        idempotency_key=idempotency_key or None,
        total=total,
        run_after=run_after or timezone.now(),
        max_attempts=max_attempts,
    )
    with transaction.atomic():
        created = Job.objects.bulk_create([job], ignore_conflicts=True)
        if idempotency_key:
            job = Job.objects.get(account_id=account_id, idempotency_key=job.idempotency_key)
            if (job.kind, job.payload) != (kind, payload):
                raise Conflict("This Idempotency-Key was used for another request. Use a new one.")
            if job.pk != created[0].pk:
                return job
        transaction.on_commit(lambda: enqueue(job.pk, kind))
    return job


def enqueue(job_id: uuid.UUID, kind: str) -> None:
    """Sends the message. A broker that is down loses nothing: the sweep sends it again."""
    from apps.core.tasks import run_job  # the task calls execute() below

    try:
        run_job.apply_async([str(job_id)], queue=settings.JOB_KINDS[kind]["queue"], retry=False)
        Job.objects.filter(pk=job_id).update(enqueued_at=timezone.now())
    except (OSError, OperationalError):
        log.warning("the broker did not take job %s; the sweep will send it again", job_id, exc_info=True)


class JobRun:
    """One execution of a job, handed to the function of its kind."""

    def __init__(self, job: Job, token: uuid.UUID):
        self.job = job
        self.payload: dict = job.payload
        self.account_id: int = job.account_id
        self.user_id: int | None = job.user_id
        self.finished = False
        self.token = token
        self._told_at = 0.0

    def _mine(self):
        return Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING, lease_token=self.token)

    def progress(
        self, current: int, total: int | None = None, message: str = "", *, force: bool = False
    ) -> None:
        """Tells the progress, at most twice a second. Raises JobCancelled or LeaseLost when it is over."""
        now = time.monotonic()
        if not force and now - self._told_at < 0.5 and current != total:
            return
        self._told_at = now
        fields: dict[str, Any] = {"current": current, "message": message[:300]}
        if total is not None:
            fields["total"] = total
        if not self._mine().update(**fields):
            state = Job.objects.filter(pk=self.job.pk).values_list("state", flat=True).first()
            raise JobCancelled if state == Job.State.CANCELLED else LeaseLost

    def check(self) -> None:
        """Raises unless the job is still ours and wanted."""
        if not self._mine().exists():
            raise LeaseLost

    def finish(self, result: Any = None) -> None:
        """Ends the job. Call it in the transaction that stores the result, so that both happen or neither."""
        done = self._mine().update(
            state=Job.State.SUCCEEDED,
            current=Greatest("current", "total"),
            result=result,
            finished_at=timezone.now(),
            lease_until=None,
            error="",
        )
        if not done:
            raise LeaseLost
        self.finished = True


def claim(job_id: uuid.UUID | str) -> JobRun | None:
    """Takes the job, or None when there is nothing to take: done, held by another, not due."""
    now = timezone.now()
    token = uuid.uuid4()
    free = Q(state=Job.State.PENDING, run_after__lte=now) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    taken = Job.objects.filter(free, pk=job_id).update(
        state=Job.State.RUNNING,
        lease_token=token,
        lease_until=now + timedelta(seconds=settings.JOB_LEASE_SECONDS),
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", now),
    )
    if not taken:
        return None
    return JobRun(Job.objects.get(pk=job_id), token)


class _Renewal:
    """Keeps the lease alive from a thread of its own while the work goes on."""

    def __init__(self, run: JobRun):
        self._run = run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True, name=f"lease-{run.job.pk}")

    def _loop(self) -> None:
        try:
            while not self._stop.wait(settings.JOB_RENEW_SECONDS):
                until = timezone.now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)
                try:
                    if not self._run._mine().update(lease_until=until):
                        return
                except Exception:
                    # The database is away: the lease may run out, and finish() will then refuse.
                    log.warning("could not renew the lease of %s", self._run.job.pk, exc_info=True)
                    close_old_connections()
        finally:
            connection.close()

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()


def execute(job_id: uuid.UUID | str) -> None:
    """Claims the job and does it: what the one Celery task of all kinds calls."""
    run = claim(job_id)
    if run is None:
        return
    job, kind = run.job, settings.JOB_KINDS[run.job.kind]
    if job.attempts > job.max_attempts:
        fail(
            run, "It was started too often without an end; the worker may have run out of memory.", "GAVE_UP"
        )
        return
    function: Callable[[JobRun], Any] = import_string(kind["run"])
    try:
        with _Renewal(run):
            result = function(run)
        if not run.finished:
            run.finish(result)
    except (LeaseLost, JobCancelled):
        log.info("job %s is no longer ours", job.pk)
    except GoOnLater:
        if run._mine().update(
            state=Job.State.PENDING, lease_until=None, attempts=job.attempts - 1, run_after=timezone.now()
        ):
            enqueue(job.pk, job.kind)
    except TemporaryError as error:
        if job.attempts >= job.max_attempts:
            fail(run, str(error), "UPSTREAM_ERROR")
        else:
            retry(run, str(error), error.retry_after)
    except AppError as error:
        fail(run, error.message, error.code)
    except (DatabaseDown, InterfaceError):
        # The database went away in the middle: nobody's fault, and nothing to give up for.
        log.warning("job %s (%s) lost the database", job.pk, job.kind, exc_info=True)
        close_old_connections()
        retry(run, "The database was away for a moment; trying again.", None)
    except Exception:
        log.exception("job %s (%s) failed", job.pk, job.kind)
        if job.attempts >= min(job.max_attempts, 3):
            fail(run, f"Something went wrong on our side. Tell us this job id: {job.pk}", "INTERNAL_ERROR")
        else:
            retry(run, "An internal error; trying again.", None)


def retry_delay(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next try after so many. A Retry-After of nothing must not use up the attempts in a minute."""
    return max(retry_after or 0, min(300, 2**attempts))


def retry(run: JobRun, message: str, retry_after: float | None) -> None:
    """Puts the job back for a later try."""
    delay = retry_delay(run.job.attempts, retry_after)
    run._mine().update(
        state=Job.State.PENDING,
        run_after=timezone.now() + timedelta(seconds=delay),
        message=message[:300],
        lease_until=None,
        enqueued_at=None,
    )


def fail(run: JobRun, message: str, code: str) -> None:
    """Ends the job as failed and tells the kind's `on_failed`, in one transaction.

    An `on_failed` that breaks is logged, and the job ends without it: else it would be begun again for ever.
    """
    on_failed = settings.JOB_KINDS[run.job.kind].get("on_failed")
    run.job.error, run.job.error_code = message, code
    try:
        with transaction.atomic():
            if _end_as_failed(run) and on_failed:
                import_string(on_failed)(run)
    except Exception:
        log.exception("on_failed of job %s (%s) broke", run.job.pk, run.job.kind)
        _end_as_failed(run)


def _end_as_failed(run: JobRun) -> bool:
    return bool(
        run._mine().update(
            state=Job.State.FAILED,
            error=run.job.error,
            error_code=run.job.error_code,
            finished_at=timezone.now(),
            lease_until=None,
        )
    )


def sweep(limit: int = 500) -> int:
    """Sends again what nobody works on: expired leases, lost messages, retries that are due. Returns how many."""
    now = timezone.now()
    grace = now - timedelta(seconds=max(settings.JOB_LEASE_SECONDS, 2 * settings.JOB_SWEEP_SECONDS))
    known = Job.objects.filter(kind__in=list(settings.JOB_KINDS))
    stale = Q(state=Job.State.RUNNING, lease_until__lt=now) & (
        Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=grace)
    )
    lost = Q(state=Job.State.PENDING, run_after__lte=now) & (
        Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=grace)
    )
    jobs = list(known.filter(stale | lost).order_by("run_after").values_list("pk", "kind")[:limit])
    for job_id, kind in jobs:
        enqueue(job_id, kind)
    return len(jobs)
