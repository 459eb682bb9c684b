"""The users of an account: made, changed, removed, and which sites they see."""

from django.apps import apps
from django.db import IntegrityError, transaction

from apps.accounts.models import Account, AuditRecord, Site, SiteAccess, User
from apps.accounts.services.audit import audit
from apps.accounts.services.limits import limit_give, limit_take
from apps.accounts.services.mails import user_mail
from apps.accounts.services.passwords import ADDRESS_TAKEN, password_check
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.models import TenantModel


def role_allow(*, actor: User, role: str) -> None:
    """Owners alone make, change and remove owners."""
    if role == User.Role.OWNER and actor.role != User.Role.OWNER:
        raise Forbidden("Only an owner makes, changes or removes an owner.")


def user_create(*, actor: User, email: str, password: str, role: str, **fields) -> User:
    """A user with a password, who is asked to prove the address. Raises Invalid, Forbidden, PlanLimitReached."""
    role_allow(actor=actor, role=role)
    user = User(email=email.strip().lower(), account_id=actor.account_id, role=role, **fields)
    password_check(password=password, user=user, field="password")
    return user_add(user=user, password=password)


def user_add(*, user: User, password: str, takes_place: bool = True) -> User:
    """Stores a new user of the account it names. `takes_place` False: an invitation holds its place already."""
    user.set_password(password)
    try:
        with transaction.atomic():
            if takes_place:
                limit_take(account_id=user.account_id, resource="users")
            user.save(force_insert=True)
            if user.email_verified_at is None:
                user_mail(name="verify", user=user)
    except IntegrityError:
        if not User.objects.filter(email=user.email).exists():
            raise
        raise Invalid("email", ADDRESS_TAKEN) from None
    return user


def _locked(user_id: int, account_id: int) -> User:
    """The user as it is now; changes of an account's users go one after the other."""
    Account.objects.select_for_update().get(pk=account_id)
    return User.objects.get(pk=user_id)


def _owner_remains(user: User) -> None:
    owners = User.objects.filter(account_id=user.account_id, role=User.Role.OWNER, is_active=True)
    if user.role == User.Role.OWNER and not owners.exclude(pk=user.pk).exists():
        raise Conflict("The account needs an owner who is not suspended. Make somebody else owner first.")


def user_update(*, user: User, actor: User, **fields) -> User:
    """Changes names, role, sites seen, or suspends. Raises Forbidden, and Conflict for the last owner."""
    with transaction.atomic():
        user = _locked(user.pk, user.account_id)
        role_allow(actor=actor, role=user.role)
        role_allow(actor=actor, role=fields.get("role", user.role))
        if fields.get("role", user.role) != User.Role.OWNER or not fields.get("is_active", True):
            _owner_remains(user)
        for name, value in fields.items():
            setattr(user, name, value)
        user.save(update_fields=list(fields))
    return user


def user_remove(*, user: User, actor: User, heir: User, address: str = "") -> int:
    """Takes a user out of the account; what they owned becomes the heir's. Returns how many rows went over."""
    if user.pk == actor.pk:
        raise Conflict("You can not remove yourself. Ask another owner or admin.")
    if user.pk == heir.pk:
        raise Invalid("hand_over_to", "It is the user who is removed. Name another one.")
    with transaction.atomic():
        user = _locked(user.pk, user.account_id)
        role_allow(actor=actor, role=user.role)
        _owner_remains(user)
        moved = 0
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                for name in model.handed_over:
                    moved += model._base_manager.filter(**{name: user}).update(**{name: heir})
        audit(
            action=AuditRecord.Action.USER_REMOVED,
            actor=actor,
            account_id=user.account_id,
            subject=user.email,
            details={"role": user.role, "heir": heir.email, "handed_over": moved},
            address=address,
        )
        account_id = user.account_id
        user.delete()
        limit_give(account_id=account_id, resource="users")
    return moved


def site_access_grant(*, user: User, site: Site) -> SiteAccess:
    """Lets a user see a site. It tells once `all_sites` is taken from them; a grant never narrows."""
    access, _ = SiteAccess.objects.get_or_create(account_id=site.account_id, user=user, site=site)
    return access
