"""Invitations: asked by mail, accepted once, given up or run out."""

import uuid
from collections import Counter
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Account, Invitation, Site, SiteAccess, User
from apps.accounts.services.limits import limit_give, limit_take
from apps.accounts.services.links import HOURS, link_read, link_refused
from apps.accounts.services.mails import mail_queue
from apps.accounts.services.passwords import ADDRESS_TAKEN, password_check
from apps.accounts.services.users import role_allow, user_add
from apps.core.errors import Conflict, Forbidden, Invalid

Status = Invitation.Status


def verified_only(*, user: User, what: str) -> None:
    """Raises Forbidden for a user whose address is not proved yet. `what` ends the sentence."""
    if user.email_verified_at is None:
        raise Forbidden(
            f"Verify your e-mail address first, then {what}. auth/email/verify/ sends the link again."
        )


def invitation_send(
    *, actor: User, email: str, role: str, all_sites: bool = True, site_ids: list[int] = ()
) -> Invitation:
    """Asks an address into the actor's account. The same address again: a new mail, whose link alone is good."""
    verified_only(user=actor, what="invite people")
    role_allow(actor=actor, role=role)
    email = email.strip().lower()
    taken = User.objects.filter(email=email).first()
    if taken is not None and taken.account_id == actor.account_id:
        raise Invalid("email", "This person is in your team already.")
    if taken is not None:
        raise Invalid("email", f"{ADDRESS_TAKEN} One address belongs to one account: use another.")
    fields = {
        "role": role,
        "all_sites": all_sites,
        "site_ids": list(site_ids),
        "invited_by": actor,
        "code": uuid.uuid4(),
        "expires_at": timezone.now() + timedelta(hours=HOURS["invitation"]),
    }
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=actor.account_id)
        invitation, made = Invitation.objects.update_or_create(
            account_id=actor.account_id, email=email, status=Status.PENDING, defaults=fields
        )
        if made:
            limit_take(account_id=actor.account_id, resource="users")
        mail_queue(
            name="invitation",
            account_id=actor.account_id,
            invitation_id=invitation.pk,
            code=str(invitation.code),
        )
    return invitation


def _waiting(token: str):
    invitation_id, code = link_read(purpose="invitation", token=token)
    return Invitation.objects.filter(
        pk=invitation_id, code=code, status=Status.PENDING, expires_at__gt=timezone.now()
    )


def invitation_read(*, token: str) -> Invitation:
    """The invitation of a link, with its account. Raises Invalid for one that is no longer good."""
    invitation = _waiting(token).select_related("account").first()
    if invitation is None:
        raise link_refused()
    return invitation


def invitation_accept(*, token: str, password: str, first_name: str = "", last_name: str = "") -> User:
    """Makes the user that the link stands for, once."""
    with transaction.atomic():
        invitation = _waiting(token).select_for_update().first()
        if invitation is None:
            raise link_refused()
        if Account.objects.get(pk=invitation.account_id).status != Account.Status.ACTIVE:
            raise Conflict("This account is suspended. Ask those who invited you.")
        user = User(
            account_id=invitation.account_id,
            email=invitation.email,
            first_name=first_name,
            last_name=last_name,
            role=invitation.role,
            all_sites=invitation.all_sites,
            email_verified_at=timezone.now(),
        )
        password_check(password=password, user=user, field="password")
        user_add(user=user, password=password, takes_place=False)
        sites = Site.objects.filter(account_id=user.account_id, pk__in=invitation.site_ids)
        SiteAccess.objects.bulk_create(
            SiteAccess(account_id=user.account_id, user=user, site=site) for site in sites
        )
        invitation.status, invitation.accepted_at = Status.ACCEPTED, timezone.now()
        invitation.save(update_fields=["status", "accepted_at"])
    return user


def _end(invitations, status: str) -> int:
    """Ends those that still wait, and gives their places back."""
    with transaction.atomic():
        waiting = invitations.filter(status=Status.PENDING).select_for_update()
        accounts = dict(waiting.values_list("pk", "account_id"))
        Invitation.objects.filter(pk__in=accounts).update(status=status)
        for account_id, places in sorted(Counter(accounts.values()).items()):
            limit_give(account_id=account_id, resource="users", n=places)
    return len(accounts)


def invitation_withdraw(*, invitation: Invitation) -> None:
    """Its link is no longer good. Doing it twice does nothing."""
    _end(Invitation.objects.filter(pk=invitation.pk), Status.WITHDRAWN)


def invitations_expire() -> int:
    """Gives the places back of those that nobody accepted in time."""
    return _end(Invitation.objects.filter(expires_at__lte=timezone.now()), Status.EXPIRED)
