from celery import shared_task
from django.utils import timezone

from apps.core import jobs
from apps.core.models import RateCounter
from apps.core.queues import Queue


@shared_task(name="apps.core.tasks.run_job", queue=Queue.DEFAULT, acks_late=True)
def run_job(job_id: str) -> None:
    jobs.execute(job_id)


@shared_task(
    name="apps.core.tasks.sweep_jobs", queue=Queue.DEFAULT, acks_late=True, time_limit=60, expires=10
)
def sweep_jobs() -> None:
    jobs.sweep()


@shared_task(name="apps.core.tasks.clean_up", queue=Queue.DEFAULT, acks_late=True, time_limit=600)
def clean_up() -> None:
    """Forgets the counters of callers that have been away for an hour."""
    RateCounter.objects.filter(window__lt=timezone.now().timestamp() // 60 - 60).delete()
