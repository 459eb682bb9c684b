from celery import shared_task

from apps.billing.services import ledger
from apps.core.queues import Queue


@shared_task(
    name="apps.billing.tasks.sweep_holds", queue=Queue.DEFAULT, acks_late=True, time_limit=120, expires=60
)
def sweep_holds() -> None:
    """Gives back what was reserved by something that never came to its end."""
    ledger.sweep_holds()
