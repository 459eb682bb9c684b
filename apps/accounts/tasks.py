import logging

from celery import shared_task

from apps.accounts.services.audit import audit_forget
from apps.accounts.services.mails import mail_deliver
from apps.accounts.services.passwords import password_reset_mail
from apps.accounts.services.sessions import session_forget
from apps.accounts.services.team import invitations_expire
from apps.accounts.services.webapp import webapp_forget
from apps.core.jobs import JobRun, TemporaryError
from apps.core.queues import Queue

log = logging.getLogger(__name__)


@shared_task(name="apps.accounts.tasks.forget_sessions", queue=Queue.DEFAULT, acks_late=True, time_limit=600)
def forget_sessions() -> None:
    session_forget()
    webapp_forget()
    audit_forget()


@shared_task(
    name="apps.accounts.tasks.expire_invitations", queue=Queue.DEFAULT, acks_late=True, time_limit=600
)
def expire_invitations() -> None:
    invitations_expire()


@shared_task(
    name="apps.accounts.tasks.request_password_reset", queue=Queue.DEFAULT, acks_late=True, time_limit=60
)
def request_password_reset(email: str) -> None:
    """Whether there is such a user is looked up here, so that no answer and no time of one tells it."""
    password_reset_mail(email=email)


@shared_task(
    name="apps.accounts.tasks.send_mail",
    queue=Queue.DEFAULT,
    acks_late=True,
    time_limit=120,
    autoretry_for=(TemporaryError,),
    retry_backoff=10,
    max_retries=5,
)
def send_mail(payload: dict) -> None:
    """A mail to a member of staff, who has no account that a job could belong to."""
    mail_deliver(payload=payload)


def run_mail(run: JobRun) -> dict:
    """Kind `mail.send`. A worker that dies after the mail server took it sends it once more."""
    return {"sent": mail_deliver(payload=run.payload)}


def mail_failed(run: JobRun) -> None:
    log.error("mail %s of account %s was not sent: %s", run.payload["mail"], run.account_id, run.job.error)
