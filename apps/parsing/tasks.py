from celery import shared_task

from apps.core.queues import Queue
from apps.parsing.services import runs


@shared_task(queue=Queue.PARSING, acks_late=True, time_limit=120, expires=30)
def enqueue_due() -> None:
    """Queues the sources that are due."""
    runs.due_enqueue()


@shared_task(queue=Queue.PARSING, acks_late=True, time_limit=120, expires=30)
def sweep_runs() -> None:
    """Takes up crawls that were lost."""
    runs.sweep()
