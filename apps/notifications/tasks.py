from datetime import date

from celery import shared_task
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.jobs import JobRun
from apps.core.queues import Queue
from apps.notifications.models import WebhookDelivery
from apps.notifications.services import notify
from apps.notifications.services.deliveries import deliveries_forget, delivery_try
from apps.notifications.services.digest import digest_send, digests_start, notifications_forget
from apps.notifications.services.telegram import BATCH, telegram_forget, telegram_send


def run_digest(run: JobRun) -> dict:
    """One user's mail of one day. A mail server that is away is asked again later."""
    sent = digest_send(user_id=run.payload["user_id"], day=date.fromisoformat(run.payload["day"]))
    return {"notifications": sent}


def digest_failed(run: JobRun) -> None:
    """What it would have told stands in the app."""


def run_webhook(run: JobRun) -> dict:
    """One event to one endpoint: one try."""
    return delivery_try(delivery_id=run.payload["delivery_id"])


def webhook_failed(run: JobRun) -> None:
    """Its row says so; it does already where the other side was the reason."""
    WebhookDelivery.objects.filter(pk=run.payload["delivery_id"], state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.FAILED,
        error=run.job.error[:500],
        next_try_at=None,
        ended_at=timezone.now(),
    )


def run_site_setup(run: JobRun) -> None:
    """A site has what it writes about: its work can begin."""
    site = Site.objects.filter(account_id=run.account_id, pk=run.payload["site_id"]).first()
    if site is None:
        return
    notify(
        account_id=run.account_id,
        notification_type="site_setup_complete",
        severity="success",
        title="Site set up",
        message=f"“{site.name}” is set up. Add keywords of the library, or upload your own.",
        action_label="Add keywords",
        action_url=f"/planner/keywords?site_id={site.pk}",
        metadata={"site_id": site.pk},
        key=f"site_setup:{site.pk}",
    )


def site_setup_failed(run: JobRun) -> None:
    """Only a word of welcome is missing."""


@shared_task(
    name="apps.notifications.tasks.start_digests", queue=Queue.DEFAULT, acks_late=True, time_limit=600
)
def start_digests() -> None:
    digests_start()


@shared_task(
    name="apps.notifications.tasks.forget_notifications", queue=Queue.DEFAULT, acks_late=True, time_limit=600
)
def forget_notifications() -> None:
    notifications_forget()
    deliveries_forget()


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
