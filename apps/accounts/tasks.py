from celery import shared_task

from apps.accounts.services.sessions import session_forget
from apps.accounts.services.webapp import webapp_forget
from apps.core.queues import Queue


@shared_task(name="apps.accounts.tasks.forget_sessions", queue=Queue.DEFAULT, acks_late=True, time_limit=600)
def forget_sessions() -> None:
    session_forget()
    webapp_forget()
