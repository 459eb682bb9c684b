from celery import shared_task

from apps.core.errors import AppError
from apps.core.jobs import JobRun
from apps.core.queues import Queue
from apps.integration.models import SyncRun
from apps.integration.services import webhooks
from apps.integration.services.sync import start
from apps.integration.services.sync.passes import sync_go


@shared_task(queue=Queue.SYNC, acks_late=True, time_limit=60, expires=240)
def start_due_syncs() -> None:
    """Looks after connections that nobody looked after for hours."""
    start.sync_due()


@shared_task(queue=Queue.SYNC, acks_late=True, time_limit=600)
def forget_syncs() -> None:
    """Forgets passes and events that ended long ago."""
    start.sync_forget()


def run_sync(run: JobRun) -> None:
    """One pass over a WordPress, from where it stands."""
    sync = SyncRun.objects.select_related("integration__structure", "site").filter(job_id=run.job.pk).first()
    if sync is None:
        raise AppError("The connection was deleted meanwhile.")
    if sync.state == SyncRun.State.RUNNING:
        sync_go(run, sync)


def run_sync_failed(run: JobRun) -> None:
    start.sync_failed(job_id=run.job.pk, error=run.job.error)


def run_webhook(run: JobRun) -> dict:
    """Looks into what a WordPress told."""
    return webhooks.events_handle(run)


def run_webhook_failed(run: JobRun) -> None:
    webhooks.events_failed(integration_id=run.payload["integration_id"], error=run.job.error)
