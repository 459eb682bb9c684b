"""The dashboard's log-in: what Telegram signed for its Mini App, against a token for the internal routes."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from init_data_py import InitData, validate_by_hash
from init_data_py.errors import ExpiredError, InvalidInitDataError
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import Token

from apps.accounts.models import TelegramSubscriber, WebAppLogin
from apps.core.errors import AppError

MAX_AGE = timedelta(days=1)
# A phone's clock may be ahead of ours; Telegram's own is what it signs, so this is ample.
MAX_AHEAD = timedelta(minutes=5)


class WebAppRefused(AppError):
    status = 403
    code = "PERMISSION_DENIED"


class DashboardToken(Token):
    """Names a subscriber. It says nothing of the role, which is read anew with every request."""

    token_type = "dashboard"  # noqa: S105  the kind of a token
    lifetime = settings.DASHBOARD_TOKEN_LIFETIME


def webapp_login(*, init_data: str) -> tuple[TelegramSubscriber, DashboardToken]:
    """Who opened the Mini App, and a token for the dashboard. Raises WebAppRefused.

    The signature must be our bot's, at most a day old, used for the first time, and the user an active admin.
    """
    if not settings.TELEGRAM_BOT_TOKEN:
        raise WebAppRefused("The dashboard's log-in is closed: the operator has set no TELEGRAM_BOT_TOKEN.")
    data = _checked(init_data)
    subscriber = TelegramSubscriber.objects.filter(chat_id=data.user.id).first()
    if subscriber is None or not subscriber.reaches_dashboard:
        raise WebAppRefused(
            "Only admins and superadmins may open the dashboard. Ask one of them for an invite."
        )
    _use_once(data)
    token = DashboardToken()
    token["chat_id"] = subscriber.chat_id
    return subscriber, token


def dashboard_subscriber(*, token: str) -> TelegramSubscriber | None:
    """The admin whom a dashboard's token names, as he stands now; None for any other token."""
    try:
        chat_id = DashboardToken(token)["chat_id"]
    except (TokenError, KeyError):
        return None
    subscriber = TelegramSubscriber.objects.filter(chat_id=chat_id).first()
    return subscriber if subscriber is not None and subscriber.reaches_dashboard else None


def webapp_forget() -> int:
    """Deletes what could not be used again anyway."""
    return WebAppLogin.objects.filter(expires_at__lt=timezone.now()).delete()[0]


def _checked(raw: str) -> InitData:
    now = timezone.now()
    try:
        data = validate_by_hash(raw, settings.TELEGRAM_BOT_TOKEN, expires_in=MAX_AGE, now=now)
    except ExpiredError:
        raise WebAppRefused("The initData is older than a day. Open the Mini App anew.") from None
    except (InvalidInitDataError, OverflowError):
        raise WebAppRefused("The initData is not what our bot signed. Open the Mini App anew.") from None
    if data.issued_at > now + MAX_AHEAD:
        raise WebAppRefused("The initData is from the future. Open the Mini App anew.")
    if data.user is None:
        raise WebAppRefused("The initData names no user. Open the Mini App from a chat with the bot.")
    return data


def _use_once(data: InitData) -> None:
    # The hash covers all that was signed; digested again, so that the table holds no credential.
    digest = hashlib.sha256(data.hash.encode()).hexdigest()
    expires: datetime = data.issued_at + MAX_AGE
    _, created = WebAppLogin.objects.get_or_create(hash=digest, defaults={"expires_at": expires})
    if not created:
        raise WebAppRefused("This initData was used before. Open the Mini App anew.")
