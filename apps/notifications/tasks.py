from celery import shared_task

from apps.core.queues import Queue
from apps.notifications.services.telegram import BATCH, telegram_forget, telegram_send


@shared_task(
    name="apps.notifications.tasks.send_telegram",
    queue=Queue.DEFAULT,
    acks_late=True,
    time_limit=600,
    expires=60,
)
def send_telegram() -> None:
    # A batch at a time, so that a worker that ends gives little back; at most a few minutes of it.
    for _ in range(20):
        if telegram_send() < BATCH:
            return


@shared_task(
    name="apps.notifications.tasks.forget_telegram", queue=Queue.DEFAULT, acks_late=True, time_limit=600
)
def forget_telegram() -> None:
    telegram_forget()
