"""Log-in sessions: families of refresh tokens of which only the newest is good."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from apps.accounts.models import AuditRecord, LoginSession, User
from apps.accounts.services.audit import audit
from apps.core.errors import AppError, Forbidden, Invalid


class RefreshRefused(AppError):
    status = 401
    code = "INVALID_TOKEN"


def _tokens(user: User, session_id: uuid.UUID) -> tuple[dict, str]:
    refresh = RefreshToken()
    for claim, value in {
        "user_id": user.pk,
        "account_id": user.account_id,
        "session_id": str(session_id),
        "generation": user.token_generation,
    }.items():
        refresh[claim] = value
    return {"access": str(refresh.access_token), "refresh": str(refresh)}, refresh["jti"]


def session_open(*, user: User, address: str = "", user_agent: str = "") -> dict:
    """Opens a family and returns its first {access, refresh}."""
    session_id = uuid.uuid4()
    tokens, jti = _tokens(user, session_id)
    LoginSession.objects.create(
        id=session_id,
        user=user,
        jti=jti,
        address=address,
        user_agent=user_agent.replace("\x00", "")[:200],
        expires_at=timezone.now() + settings.REFRESH_TOKEN_LIFETIME,
    )
    return tokens


def session_impersonate(*, user: User, staff: User, reason: str, address: str = "") -> str:
    """An access token of the user for a member of staff, which can not be refreshed; it leaves a record.

    Raises Forbidden for users who are staff themselves: nobody gets more than they have.
    """
    if user.is_staff or user.account_id is None:
        raise Forbidden("Nobody acts as a member of staff.")
    session_id = uuid.uuid4()
    with transaction.atomic():
        LoginSession.objects.create(
            id=session_id,
            user=user,
            # Not the refresh token's: what is never handed out is never good.
            jti=uuid.uuid4().hex,
            address=address,
            impersonator=staff,
            expires_at=timezone.now() + settings.ACCESS_TOKEN_LIFETIME,
        )
        audit(
            action=AuditRecord.Action.IMPERSONATED,
            actor=staff,
            account_id=user.account_id,
            subject=user.email,
            details={"reason": reason, "session": str(session_id)},
            address=address,
        )
    return _tokens(user, session_id)[0]["access"]


def _decode(raw: str) -> RefreshToken:
    try:
        token = RefreshToken(raw)
        for claim in ("user_id", "session_id", "generation"):
            token[claim]
        return token
    except (TokenError, KeyError):
        raise RefreshRefused("The refresh token is not valid or has expired. Log in again.") from None


def session_refresh(*, refresh: str) -> dict:
    """The next {access, refresh} of a family. A token used twice ends the whole family."""
    token = _decode(refresh)
    user = User.objects.filter(pk=token["user_id"], token_generation=token["generation"]).first()
    if user is None:
        raise RefreshRefused("This session was ended. Log in again.")
    tokens, jti = _tokens(user, uuid.UUID(token["session_id"]))
    live = LoginSession.objects.filter(pk=token["session_id"], user=user, ended_at__isnull=True)
    now = timezone.now()
    # One statement decides who of two callers with the same token was first.
    moved = live.filter(jti=token["jti"]).update(
        jti=jti, refreshed_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFETIME
    )
    if not moved:
        if not live.update(ended_at=now):
            raise RefreshRefused("This session was ended. Log in again.")
        raise RefreshRefused("This refresh token was used before, so its session was ended. Log in again.")
    return tokens


def session_end(*, user: User, refresh: str) -> None:
    """Ends the family of a refresh token of this user. Ending it twice does nothing."""
    token = _decode(refresh)
    if token["user_id"] != user.pk:
        raise Invalid("refresh", "This refresh token belongs to somebody else.")
    LoginSession.objects.filter(pk=token["session_id"], ended_at__isnull=True).update(ended_at=timezone.now())


def session_end_all(*, user: User) -> None:
    """Ends every token of the user, access tokens included."""
    LoginSession.objects.filter(user=user, ended_at__isnull=True).update(ended_at=timezone.now())
    User.objects.filter(pk=user.pk).update(token_generation=F("token_generation") + 1)
    user.refresh_from_db(fields=["token_generation"])


def password_change(*, user: User, password: str) -> None:
    """Sets the password and ends every token of the user, both or neither."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        session_end_all(user=user)


def session_forget(*, older_than: timedelta = timedelta(days=30)) -> int:
    """Deletes families that ended or ran out long ago."""
    deleted, _ = LoginSession.objects.filter(expires_at__lt=timezone.now() - older_than).delete()
    return deleted
