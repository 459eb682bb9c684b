"""Starting, pausing, resuming and cancelling runs; the runs that are due."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import Site
from apps.automation.models import Run, RunLog
from apps.core.errors import Conflict
from apps.core.jobs import job_start
from apps.core.models import Job
from apps.integration.models import SiteSettings
from apps.integration.services.run_times import last_due_at

# A crash counts as an attempt of the run's job; its items have limits of their own.
RUN_JOB_ATTEMPTS = 10_000


def _start_job(run: Run) -> None:
    job = job_start(
        kind="automation.run",
        account_id=run.account_id,
        user_id=run.user_id,
        payload={"run_id": run.pk},
        total=700,
        max_attempts=RUN_JOB_ATTEMPTS,
    )
    Run.objects.filter(pk=run.pk).update(job_id=job.pk)
    run.job_id = job.pk


def run_start(
    *,
    site: Site,
    user_id: int | None = None,
    trigger: str = Run.Trigger.MANUAL,
    scheduled_for: datetime | None = None,
) -> Run:
    """A new run of the site. Raises Conflict for a site that is switched off, and while another run is active: the
    database allows one."""
    if not site.is_active:
        raise Conflict(f"The site {site.name} is switched off. Turn on is_active, then start a run.")
    try:
        with transaction.atomic():
            run = Run.objects.create(
                account_id=site.account_id,
                site=site,
                user_id=user_id,
                trigger=trigger,
                scheduled_for=scheduled_for,
            )
            _start_job(run)
    except IntegrityError:
        raise Conflict("This site has a run already. Wait for its end, or cancel it.") from None
    return run


def run_pause(*, run: Run) -> Run:
    """Pauses after the items in hand. Pausing what is paused does nothing."""
    runs = Run.objects.filter(pk=run.pk)
    paused = {"status": Run.Status.PAUSED, "pause_reason": Run.Reason.USER}
    # Paused for a reason and now by somebody: it is not to go on by itself any more.
    runs.filter(status=Run.Status.PAUSED).update(pause_reason=Run.Reason.USER, resume_at=None)
    if not runs.filter(status=Run.Status.PENDING).update(**paused):
        runs.filter(status=Run.Status.RUNNING).update(pause_asked=True)
    run.refresh_from_db()
    if run.status not in Run.ACTIVE:
        raise Conflict(f"The run is {run.status}; there is nothing to pause.")
    return run


def run_resume(*, run: Run, by_itself: bool = False) -> Run:
    """Goes on at the item where the run stopped. Resuming what runs does nothing."""
    with transaction.atomic():
        resumed = Run.objects.filter(pk=run.pk, status=Run.Status.PAUSED).update(
            status=Run.Status.RUNNING,
            pause_asked=False,
            error_message=None,
            pause_reason="",
            resume_at=None,
            resumed_at=timezone.now(),
            resume_attempts=F("resume_attempts") + 1 if by_itself else 0,
            started_at=Coalesce("started_at", timezone.now()),
        )
        if resumed:
            run.refresh_from_db()
            _start_job(run)
            message = "Resumed by itself." if by_itself else "Resumed."
            RunLog.objects.create(account_id=run.account_id, run=run, message=message)
        else:
            Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING).update(pause_asked=False)
            run.refresh_from_db()
    if run.status not in Run.ACTIVE:
        raise Conflict(f"The run is {run.status} and can not be resumed. Start a new one.")
    return run


def run_cancel(*, run: Run) -> Run:
    """Ends the run; what it made stays. Cancelling what is cancelled does nothing."""
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, status__in=Run.ACTIVE).update(
            status=Run.Status.CANCELLED, completed_at=timezone.now(), pause_asked=False
        ):
            RunLog.objects.create(account_id=run.account_id, run=run, message="Cancelled.")
            Job.objects.filter(pk=run.job_id, state__in=[Job.State.PENDING, Job.State.RUNNING]).update(
                state=Job.State.CANCELLED, finished_at=timezone.now(), lease_until=None
            )
    run.refresh_from_db()
    if run.status != Run.Status.CANCELLED:
        raise Conflict(f"The run is {run.status}; there is nothing to cancel.")
    return run


def runs_start_due(*, now: datetime | None = None) -> list[int]:
    """Starts every run that is due, once each: the due time is unique by site. Returns the ids of the runs."""
    now = now or timezone.now()
    started = []
    due = SiteSettings.objects.filter(enabled=True, site__is_active=True, account__status="active")
    due = due.exclude(account__disabled_modules__contains=["automation"])
    for settings in due.select_related("site").iterator():
        moment = last_due_at(settings, now)
        if moment is None or Run.objects.filter(site_id=settings.site_id, scheduled_for=moment).exists():
            continue
        try:
            run = run_start(site=settings.site, trigger=Run.Trigger.SCHEDULED, scheduled_for=moment)
        except Conflict:
            continue  # another scheduler was first, or the last run is still at work
        started.append(run.pk)
    return started
