"""A forgotten password, and an address that is proved or changed: each by a link in a mail."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services.links import link_read, link_refused
from apps.accounts.services.lockout import attempts_forget
from apps.accounts.services.mails import user_mail
from apps.accounts.services.sessions import password_change, session_end_all
from apps.core.errors import Conflict, Invalid

ADDRESS_TAKEN = "There is a user with this address already."


def password_check(*, password: str, user: User, field: str) -> None:
    """Raises Invalid for a password that is too easy to guess."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(field, " ".join(error.messages)) from None


def password_reset_mail(*, email: str) -> None:
    """Sends the link where there is such a user, and says nothing to anybody where there is none."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is not None:
        user_mail(name="reset", user=user)


def password_reset(*, token: str, new_password: str) -> User:
    """Sets the password by a link, once; ends every token of the user and every lock."""
    user_id, email, generation = link_read(purpose="reset", token=token)
    with transaction.atomic():
        # Whoever comes second with the same link finds another generation.
        user = (
            User.objects.select_for_update(of=["self"])
            .filter(pk=user_id, email=email, token_generation=generation)
            .first()
        )
        if user is None:
            raise link_refused()
        password_check(password=new_password, user=user, field="new_password")
        password_change(user=user, password=new_password)
        User.objects.filter(pk=user.pk, email_verified_at=None).update(email_verified_at=timezone.now())
        user_mail(name="password", user=user)
    attempts_forget(email=email)
    return user


def address_verify_mail(*, user: User) -> None:
    """Raises Conflict for an address that is proved already."""
    if user.email_verified_at is not None:
        raise Conflict("Your e-mail address is verified already.")
    user_mail(name="verify", user=user)


def address_change_mail(*, user: User, email: str) -> None:
    """Asks the new address. Nothing changes before its link is followed."""
    email = email.strip().lower()
    if email == user.email:
        raise Invalid("email", "This is your address already.")
    if User.objects.filter(email=email).exists():
        raise Invalid("email", ADDRESS_TAKEN)
    user_mail(name="change", user=user, old=user.email, new=email)


def address_verify(*, token: str) -> None:
    """Marks the address of the link as proved. Doing it twice does nothing."""
    user_id, email = link_read(purpose="verify", token=token)
    users = User.objects.filter(pk=user_id, email=email)
    if not users.update(email_verified_at=Coalesce("email_verified_at", timezone.now())):
        raise link_refused()


def address_change(*, token: str) -> None:
    """Moves the user to the new address, tells the old one, and ends every token of the user."""
    user_id, old, new, generation = link_read(purpose="change", token=token)
    try:
        with transaction.atomic():
            moved = User.objects.filter(pk=user_id, email=old, token_generation=generation).update(
                email=new, email_verified_at=timezone.now()
            )
            if not moved:
                raise link_refused()
            user = User.objects.get(pk=user_id)
            session_end_all(user=user)
            user_mail(name="changed", user=user, old=old, new=new)
    except IntegrityError:
        raise Invalid("token", f"{ADDRESS_TAKEN} The address stays as it was.") from None
