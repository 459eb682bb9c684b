import logging

from celery import shared_task

from apps.billing.services import ledger, stripe_events, subscriptions
from apps.billing.services import stripe as by_stripe
from apps.billing.services.papers import paper_send
from apps.core.jobs import JobRun
from apps.core.queues import Queue

log = logging.getLogger(__name__)


@shared_task(
    name="apps.billing.tasks.sweep_holds", queue=Queue.DEFAULT, acks_late=True, time_limit=120, expires=60
)
def sweep_holds() -> None:
    """Gives back what was reserved by something that never came to its end."""
    ledger.sweep_holds()


@shared_task(
    name="apps.billing.tasks.renew_plans", queue=Queue.DEFAULT, acks_late=True, time_limit=600, expires=300
)
def renew_plans() -> None:
    """Bills the months of paid plans that begin, and ends what was not paid."""
    subscriptions.renewals_due()


@shared_task(
    name="apps.billing.tasks.tidy_payments", queue=Queue.DEFAULT, acks_late=True, time_limit=600, expires=3000
)
def tidy_payments() -> None:
    """Ends what was left: purchases that nobody paid, and payments of invoices that are void."""
    by_stripe.payments_tidy()


@shared_task(name="apps.billing.tasks.forget_events", queue=Queue.DEFAULT, acks_late=True, time_limit=600)
def forget_events() -> None:
    stripe_events.events_forget()


def run_stripe_event(run: JobRun) -> None:
    stripe_events.event_handle(event_id=run.payload["event_id"], payment_id=run.payload["payment_id"])


def stripe_event_failed(run: JobRun) -> None:
    """The event is kept; its payment stays as it was until the next event, or until staff look at it."""
    log.error("the Stripe event %s could not be handled: %s", run.payload["event_id"], run.job.error)


def run_paper(run: JobRun) -> dict:
    """A worker that dies after the mail server took it sends it once more."""
    return {"sent": paper_send(account_id=run.account_id, **run.payload)}


def paper_failed(run: JobRun) -> None:
    log.error("invoice %s was not mailed: %s", run.payload["invoice_id"], run.job.error)


def run_autopay(run: JobRun) -> dict:
    return {"paid": by_stripe.autopay(account_id=run.account_id, invoice_id=run.payload["invoice_id"])}


def autopay_failed(run: JobRun) -> None:
    """The invoice stays open, as the account was told when it was issued."""
    log.warning("invoice %s could not be charged: %s", run.payload["invoice_id"], run.job.error)
