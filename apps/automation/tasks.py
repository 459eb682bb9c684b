from celery import shared_task

from apps.automation.models import Run
from apps.automation.services.engine import Engine
from apps.automation.services.pausing import runs_resume_due
from apps.automation.services.runs import runs_start_due
from apps.core.jobs import JobRun
from apps.core.queues import Queue
from apps.notifications.services import notify


def run_run(job: JobRun) -> dict:
    """Works on a run until it ends, pauses, or the shift is over."""
    run_id = job.payload["run_id"]
    try:
        return Engine(job, Run.objects.get(pk=run_id, account_id=job.account_id)).work()
    except Run.DoesNotExist:  # deleted with its site
        return {"run_id": run_id, "status": "deleted"}


def run_failed(job: JobRun) -> None:
    """The job ended without the run: the run says so."""
    run_id = job.payload["run_id"]
    if Run.objects.filter(pk=run_id, status__in=Run.ACTIVE).update(
        status=Run.Status.PAUSED, error_message=job.job.error, pause_reason=Run.Reason.ERROR, resume_at=None
    ):
        notify(
            account_id=job.account_id,
            notification_type="system_info",
            severity="error",
            title="A run has stopped",
            message=f"{job.job.error} Resume it to go on where it stopped.",
            metadata={"run_id": run_id, "reason": Run.Reason.ERROR},
            event="run.paused",
        )


@shared_task(
    name="apps.automation.tasks.start_due_runs",
    queue=Queue.DEFAULT,
    acks_late=True,
    time_limit=60,
    expires=20,
)
def start_due_runs() -> None:
    runs_resume_due()
    runs_start_due()
