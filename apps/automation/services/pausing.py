"""A run that stops with a reason, and goes on by itself where the site asks for that."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.automation.models import Run, RunItem, RunLog
from apps.automation.services.runs import run_resume
from apps.billing.services.ledger import credits_balance
from apps.core.errors import Conflict
from apps.notifications.services import notify

FIRST_TRY = timedelta(minutes=1)
LAST_TRY = timedelta(hours=1)
BATCH = 200


class PauseRun(Exception):
    """The run can not go on now; the sentence says why. `needs` are credits, `retry_after` seconds."""

    def __init__(self, message: str, reason: str, *, needs: int = 0, retry_after: float | None = None):
        super().__init__(message)
        self.message, self.reason, self.needs, self.retry_after = message, reason, needs, retry_after


def run_stop(*, run: Run, job_id, stop: PauseRun) -> bool:
    """Pauses the run for a reason and tells the account. False when a resume was faster: the run goes on.

    A run that was tried again by itself and got no further is not told of again.
    """
    # Only while the run is still this job's, and a user's wish only while it stands: a resume wins over both.
    runs = Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, job_id=job_id)
    by_user = stop.reason == Run.Reason.USER
    if by_user:
        runs = runs.filter(pause_asked=True)
    run.refresh_from_db()
    tried = run.resume_attempts if run.resumed_at and not _did_something(run) else 0
    wait = max(min(FIRST_TRY * 2 ** min(tried, 10), LAST_TRY), timedelta(seconds=stop.retry_after or 0))
    with transaction.atomic():
        return _paused(run, runs, stop, tried, wait)


def _paused(run: Run, runs: QuerySet, stop: PauseRun, tried: int, wait: timedelta) -> bool:
    by_user, goes_on = stop.reason == Run.Reason.USER, stop.reason in Run.GOES_ON
    paused = runs.update(
        status=Run.Status.PAUSED,
        pause_asked=False,
        error_message=None if by_user else stop.message,
        pause_reason=stop.reason,
        resume_at=timezone.now() + wait if goes_on else None,
        resume_needs=stop.needs,
        resume_attempts=tried,
    )
    if not paused:
        return False
    RunLog.objects.create(
        account_id=run.account_id,
        run=run,
        level=RunLog.Level.INFO if by_user else RunLog.Level.WARNING,
        message="Paused by a user." if by_user else stop.message[:500],
    )
    if not by_user and not tried:
        notify(
            account_id=run.account_id,
            notification_type="system_info",
            severity="warning",
            title="A run has paused",
            message=f"{stop.message} The run goes on where it stopped when you resume it"
            + (", or by itself where its site is set so." if goes_on else "."),
            action_label="Open the run",
            action_url=f"/automation/runs/{run.pk}",
            metadata={"run_id": run.pk, "site_id": run.site_id, "reason": stop.reason},
            event="run.paused",
        )
    return True


def _did_something(run: Run) -> bool:
    return RunItem.objects.filter(run=run, state=RunItem.State.DONE, finished_at__gte=run.resumed_at).exists()


def _affordable(run: Run) -> bool:
    return credits_balance(account_id=run.account_id)["available"] >= max(1, run.resume_needs)


def runs_resume_due(*, now: datetime | None = None) -> list[int]:
    """Resumes the paused runs whose next try is due, once each however many schedulers there are. Returns their ids.

    One that was short of credits waits on, without a try, while they are not there.
    """
    now = now or timezone.now()
    due = Run.objects.filter(
        status=Run.Status.PAUSED,
        resume_at__lte=now,
        site__settings__auto_resume=True,
        site__is_active=True,
        account__status="active",
    ).exclude(account__disabled_modules__contains=["automation"])
    resumed = []
    for run in due.order_by("resume_at")[:BATCH]:
        # Whoever moves the time on has it: two schedulers do not both try.
        if not Run.objects.filter(pk=run.pk, status=Run.Status.PAUSED, resume_at=run.resume_at).update(
            resume_at=now + FIRST_TRY
        ):
            continue
        if run.pause_reason == Run.Reason.CREDITS and not _affordable(run):
            continue
        try:
            run_resume(run=run, by_itself=True)
        except Conflict:
            continue  # ended meanwhile
        resumed.append(run.pk)
    return resumed
