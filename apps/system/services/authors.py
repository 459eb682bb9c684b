"""In whose voice an article is written."""

from django.db import transaction
from django.db.models import F

from apps.accounts.models import Account
from apps.system.models import AuthorProfile


def author_of(*, account_id: int, site_id: int) -> AuthorProfile | None:
    """The default author of the site, else the account's."""
    rows = AuthorProfile.objects.filter(account_id=account_id, is_default=True, site_id=site_id)
    rows |= AuthorProfile.objects.filter(account_id=account_id, is_default=True, site=None)
    return rows.order_by(F("site_id").asc(nulls_last=True)).first()


def author_save(*, author: AuthorProfile) -> AuthorProfile:
    """Stores the profile; as the default it takes the place of the one that was."""
    with transaction.atomic():
        if author.is_default:
            # Two that become the default at once wait for each other here.
            Account.objects.select_for_update(no_key=True).get(pk=author.account_id)
            others = AuthorProfile.objects.filter(
                account_id=author.account_id, site_id=author.site_id, is_default=True
            )
            others.exclude(pk=author.pk).update(is_default=False)
        author.save()
    return author
