"""Accounts, their owners, and their sites."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from slugify import slugify

from apps.accounts.models import Account, IndustrySector, LimitCounter, Sector, Site, Subscription, User
from apps.accounts.services.limits import default_plan, limit_take
from apps.accounts.services.mails import user_mail
from apps.core.errors import Conflict, Invalid
from apps.core.jobs import job_start

SLUG_ATTEMPTS = 5


def account_register(
    *, email: str, password: str, first_name: str = "", last_name: str = "", account_name: str = ""
) -> User:
    """A new account on the default plan, and its owner. Raises Invalid for a taken address or a weak password."""
    email = email.strip().lower()
    user = User(email=email, first_name=first_name, last_name=last_name)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password", " ".join(error.messages)) from None
    try:
        with transaction.atomic():
            name = account_name or f"{first_name} {last_name}".strip() or email.split("@")[0]
            account = Account.objects.create(name=name[:120])
            Subscription.objects.create(account=account, plan=default_plan())
            LimitCounter.objects.create(account=account, resource="users", used=1)
            user = User.objects.create_user(
                email,
                password,
                account=account,
                first_name=first_name,
                last_name=last_name,
                role=User.Role.OWNER,
            )
            user_mail(name="verify", user=user)
            return user
    except IntegrityError:
        if not User.objects.filter(email=email).exists():
            raise
        raise Invalid(
            "email", "There is a user with this address already. Log in, or reset the password."
        ) from None


def site_slug(name: str) -> str:
    """A free slug for a site's name."""
    stem = slugify(name, max_length=60, word_boundary=True) or "site"
    taken = set(Site.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    if stem not in taken:
        return stem
    return next(s for s in (f"{stem}-{n}" for n in range(2, len(taken) + 3)) if s not in taken)


def site_set_up(*, account_id: int, site_id: int) -> None:
    """Has the account told when the site has its first sectors: with them its work can begin."""
    if Sector.objects.filter(site_id=site_id).exists():
        job_start(
            kind="notifications.site_setup",
            account_id=account_id,
            payload={"site_id": site_id},
            idempotency_key=f"site_setup:{site_id}",
        )


def site_create(*, account_id: int, industry_sectors: list[IndustrySector] = (), **fields) -> Site:
    """A site with its sectors, within the plan."""
    for _ in range(SLUG_ATTEMPTS):
        slug = site_slug(fields["name"])
        try:
            with transaction.atomic():
                limit_take(account_id=account_id, resource="sites")
                site = Site.objects.create(account_id=account_id, slug=slug, **fields)
                Sector.objects.bulk_create(
                    Sector(account_id=account_id, site=site, industry_sector=s, name=s.name)
                    for s in industry_sectors
                )
                site_set_up(account_id=account_id, site_id=site.pk)
            return site
        except IntegrityError:
            # Somebody took the slug in between: take the next one. Anything else is the caller's to hear of.
            if not Site.objects.filter(slug=slug).exists():
                raise
    raise Conflict("No free address was found for this name. Try again, or change the name a little.")
