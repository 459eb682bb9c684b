"""What mails about people say. The link is made when the mail is sent, so that no job holds one."""

from collections.abc import Callable
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.db import transaction

from apps.accounts.models import Account, Invitation, User
from apps.accounts.services.links import HOURS, link_url
from apps.accounts.services.lockout import mailed_too_often
from apps.core.jobs import job_start
from apps.core.mail import mail_send
from apps.core.queues import Queue


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    context: dict


def _verify(payload: dict) -> Mail | None:
    user = User.objects.filter(pk=payload["user_id"], email_verified_at=None).first()
    if user is None:
        return None
    url = link_url(purpose="verify", value=[user.pk, user.email])
    return Mail(user.email, {"user": user, "url": url, "hours": HOURS["verify"]})


def _reset(payload: dict) -> Mail | None:
    user = User.objects.filter(pk=payload["user_id"]).first()
    if user is None:
        return None
    url = link_url(purpose="reset", value=[user.pk, user.email, user.token_generation])
    return Mail(user.email, {"user": user, "url": url, "hours": HOURS["reset"]})


def _change(payload: dict) -> Mail | None:
    user = User.objects.filter(pk=payload["user_id"], email=payload["old"]).first()
    if user is None:
        return None
    value = [user.pk, user.email, payload["new"], user.token_generation]
    url = link_url(purpose="change", value=value)
    return Mail(payload["new"], {"user": user, "url": url, "hours": HOURS["change"]})


def _changed(payload: dict) -> Mail | None:
    user = User.objects.filter(pk=payload["user_id"]).first()
    return user and Mail(payload["old"], {"user": user, "new": payload["new"]})


def _password(payload: dict) -> Mail | None:
    user = User.objects.filter(pk=payload["user_id"]).first()
    return user and Mail(user.email, {"user": user})


def _invitation(payload: dict) -> Mail | None:
    found = Invitation.objects.select_related("invited_by").filter(
        pk=payload["invitation_id"], code=payload["code"], status=Invitation.Status.PENDING
    )
    invitation = found.first()
    if invitation is None:
        return None
    account = Account.objects.get(pk=invitation.account_id)
    context = {
        "account": account,
        "invitation": invitation,
        "url": link_url(purpose="invitation", value=[invitation.pk, str(invitation.code)]),
        "expires": account.moment(invitation.expires_at),
    }
    return Mail(invitation.email, context)


def _staff(payload: dict) -> Mail | None:
    to = settings.STAFF_EMAIL
    return Mail(to, {"text": payload["text"], "url": f"{settings.PUBLIC_URL}/admin/"}) if to else None


# Name of the templates -> who it goes to and what it says; None: nobody waits for it any more.
MAILS: dict[str, Callable[[dict], Mail | None]] = {
    "verify": _verify,
    "reset": _reset,
    "change": _change,
    "changed": _changed,
    "password": _password,
    "invitation": _invitation,
    "staff": _staff,
}


# Nobody asked for these: they warn, and always go.
NOTICES = ("changed", "password", "staff")


def mail_queue(*, name: str, account_id: int, **payload) -> None:
    """A job sends it, after the caller's transaction."""
    job_start(kind="mail.send", account_id=account_id, payload={"mail": name, **payload})


def mail_deliver(*, payload: dict) -> bool:
    """Sends the mail of a job. Raises what `mail_send` does.

    False: there is nothing to say any more, or the address got too many that somebody asked for.
    """
    name = payload["mail"]
    mail = MAILS[name](payload)
    if mail is None or (name not in NOTICES and mailed_too_often(email=mail.to)):
        return False
    mail_send(to=mail.to, template=name, context=mail.context)
    return True


def user_mail(*, name: str, user: User, **payload) -> None:
    """A mail about a user: by a job of the account, or by the worker alone for staff, who have none."""
    payload = {**payload, "user_id": user.pk}
    if user.account_id is not None:
        mail_queue(name=name, account_id=user.account_id, **payload)
        return
    transaction.on_commit(
        lambda: current_app.send_task(
            "apps.accounts.tasks.send_mail", [{"mail": name, **payload}], queue=Queue.DEFAULT
        ),
        robust=True,
    )
