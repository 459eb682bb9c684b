from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.core import jobs
from apps.core.models import Job, RateCounter
from apps.core.queues import Queue


@shared_task(name="apps.core.tasks.run_job", queue=Queue.DEFAULT, acks_late=True, time_limit=3600)
def run_job(job_id: str) -> None:
    jobs.execute(job_id)


@shared_task(
    name="apps.core.tasks.sweep_jobs", queue=Queue.DEFAULT, acks_late=True, time_limit=60, expires=10
)
def sweep_jobs() -> None:
    jobs.sweep()


@shared_task(name="apps.core.tasks.clean_up", queue=Queue.DEFAULT, acks_late=True, time_limit=600)
def clean_up() -> None:
    """Forgets the counters of callers that have been away for an hour, and jobs that ended three months ago."""
    Job.objects.filter(finished_at__lt=timezone.now() - timedelta(days=90)).delete()
    RateCounter.objects.filter(window__lt=timezone.now().timestamp() // 60 - 60).delete()
