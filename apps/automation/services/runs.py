"""Starting, pausing, resuming and cancelling runs; the runs that are due."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Site
from apps.automation.models import Run, RunLog
from apps.core.errors import Conflict
from apps.core.jobs import job_start
from apps.core.models import Job
from apps.integration.models import WEEKDAYS, SiteSettings

# A crash counts as an attempt of the run's job; its items have limits of their own.
RUN_JOB_ATTEMPTS = 10_000
CATCH_UP = timedelta(hours=24)


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
    """A new run of the site. Raises Conflict while another one is active: the database allows one."""
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
    if not runs.filter(status=Run.Status.PENDING).update(status=Run.Status.PAUSED):
        runs.filter(status=Run.Status.RUNNING).update(pause_asked=True)
    run.refresh_from_db()
    if run.status not in Run.ACTIVE:
        raise Conflict(f"The run is {run.status}; there is nothing to pause.")
    return run


def run_resume(*, run: Run) -> Run:
    """Goes on at the item where the run stopped. Resuming what runs does nothing."""
    with transaction.atomic():
        resumed = Run.objects.filter(pk=run.pk, status=Run.Status.PAUSED).update(
            status=Run.Status.RUNNING, pause_asked=False, error_message=None, started_at=F("started_at")
        )
        if resumed:
            Run.objects.filter(pk=run.pk, started_at__isnull=True).update(started_at=timezone.now())
            run.refresh_from_db()
            _start_job(run)
            RunLog.objects.create(account_id=run.account_id, run=run, message="Resumed.")
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


def _is_run_day(settings: SiteSettings, day) -> bool:
    if settings.frequency == SiteSettings.Frequency.MONTHLY:
        return day.day == 1
    if settings.frequency == SiteSettings.Frequency.WEEKLY:
        first = next((d for d in WEEKDAYS if d in settings.scheduled_days), WEEKDAYS[0])
        return WEEKDAYS[day.weekday()] == first
    return not settings.scheduled_days or WEEKDAYS[day.weekday()] in settings.scheduled_days


def _moments(settings: SiteSettings, first, days: int):
    """The due moments from `first` on, by the site's own clock."""
    zone = ZoneInfo(settings.site.timezone)
    for n in range(days):
        day = first + timedelta(days=n)
        if _is_run_day(settings, day):
            yield datetime.combine(day, settings.scheduled_time, tzinfo=zone)


def next_run_at(settings: SiteSettings, now: datetime | None = None) -> datetime | None:
    """When the scheduler will start the next run; None when it is switched off."""
    if not settings.enabled:
        return None
    now = now or timezone.now()
    today = now.astimezone(ZoneInfo(settings.site.timezone)).date()
    return next((m.astimezone(ZoneInfo("UTC")) for m in _moments(settings, today, 40) if m > now), None)


def last_due_at(settings: SiteSettings, now: datetime) -> datetime | None:
    """The last due moment of the past day, if the settings were as they are by then."""
    first = now.astimezone(ZoneInfo(settings.site.timezone)).date() - timedelta(days=1)
    due = [m for m in _moments(settings, first, 2) if now - CATCH_UP < m <= now and m > settings.updated_at]
    return due[-1].astimezone(ZoneInfo("UTC")) if due else None


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
