"""Subscribers of the Telegram bot, and the invites that make somebody one with a role."""

from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import TelegramInvite, TelegramSubscriber
from apps.core.errors import AppError, Conflict, NotFound

INVITE_DAYS = 7


class InviteRefused(AppError):
    """The password is wrong, or the invite is locked after too many wrong ones."""

    status = 403
    code = "PERMISSION_DENIED"


def telegram_username(raw: str) -> str:
    """A Telegram user name as it is kept: lower case, without @."""
    return raw.strip().lstrip("@").lower()


def subscriber_get(*, chat_id: int) -> TelegramSubscriber:
    """Raises NotFound."""
    subscriber = TelegramSubscriber.objects.filter(chat_id=chat_id).first()
    if subscriber is None:
        raise NotFound(f"There is no subscriber with the chat {chat_id}.")
    return subscriber


def subscriber_save(*, chat_id: int, **fields) -> TelegramSubscriber:
    """Makes the subscriber, or changes what is given of the one who is there; the rest of it stays."""
    return TelegramSubscriber.objects.update_or_create(chat_id=chat_id, defaults=fields)[0]


def subscriber_change(*, chat_id: int, **fields) -> TelegramSubscriber:
    """Sets fields of a subscriber. Raises NotFound."""
    TelegramSubscriber.objects.filter(chat_id=chat_id).update(**fields, updated_at=timezone.now())
    return subscriber_get(chat_id=chat_id)


def subscriber_delete(*, chat_id: int) -> None:
    """Raises NotFound."""
    subscriber_get(chat_id=chat_id).delete()


def subscriber_topic(*, chat_id: int, topic: str, wanted: bool) -> TelegramSubscriber:
    """Subscribes to a topic, or no longer; doing it twice changes nothing. Raises NotFound."""
    rows = TelegramSubscriber.objects.filter(chat_id=chat_id)
    rows.subscribe(topic) if wanted else rows.unsubscribe(topic)
    return subscriber_get(chat_id=chat_id)


def invite_create(
    *, username: str, password: str, name: str = "", role: str, permissions: list[str] = ()
) -> TelegramInvite:
    """An invite for a user name, good for INVITE_DAYS. Raises Conflict while there is an open one."""
    username = telegram_username(username)
    now = timezone.now()
    open_ones = TelegramInvite.objects.filter(username=username, claimed_at__isnull=True)
    try:
        with transaction.atomic():
            open_ones.filter(expires_at__lte=now).delete()
            return TelegramInvite.objects.create(
                username=username,
                password=make_password(password),
                name=name,
                role=role,
                permissions=list(permissions),
                expires_at=now + timedelta(days=INVITE_DAYS),
            )
    except IntegrityError:
        raise Conflict(
            f"There is an open invite for {username} already. Delete it, or let it be claimed."
        ) from None


def invite_delete(*, invite_id: int) -> None:
    """Raises NotFound for one that does not exist or was claimed."""
    deleted, _ = TelegramInvite.objects.filter(pk=invite_id, claimed_at__isnull=True).delete()
    if not deleted:
        raise NotFound(f"There is no open invite {invite_id}.")


def invite_claim(*, username: str, password: str, chat_id: int, name: str = "") -> TelegramSubscriber:
    """Turns an invite into its role, once: of two callers at a time one gets it.

    Raises NotFound without an open invite, InviteRefused for a wrong password; after MAX_ATTEMPTS of them the invite
    is locked. A locked one says the same, so that guessing on tells nothing.
    """
    username = telegram_username(username)
    now = timezone.now()
    rows = TelegramInvite.objects.open().filter(username=username)
    # The attempt is taken before the password is looked at: guesses side by side get no more than the limit.
    if not rows.filter(attempts__lt=TelegramInvite.MAX_ATTEMPTS).update(attempts=F("attempts") + 1):
        if rows.exists():
            raise InviteRefused("The password is wrong, or was wrong too often. Ask for a new invite.")
        raise NotFound(f"There is no open invite for {username}.")
    invite = rows.first()
    if invite is None or not check_password(password, invite.password):
        raise InviteRefused("The password is wrong, or was wrong too often. Ask for a new invite.")
    with transaction.atomic():
        if not TelegramInvite.objects.filter(pk=invite.pk, claimed_at__isnull=True).update(claimed_at=now):
            raise NotFound(f"There is no open invite for {username}.")
        subscriber = subscriber_save(
            chat_id=chat_id,
            slug=username,
            role=invite.role,
            permissions=invite.permissions,
            is_active=True,
            **({"name": name or invite.name} if name or invite.name else {}),
        )
        TelegramInvite.objects.filter(pk=invite.pk).update(claimed_by=subscriber)
    return subscriber
