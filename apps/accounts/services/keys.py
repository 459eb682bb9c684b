"""ApiKeys, and taking a site away."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Site
from apps.accounts.services.limits import limit_give


def api_key_create(*, site: Site, name: str, user_id: int | None) -> dict:
    """A new key of the site; the only time that `key` is known."""
    key, prefix, key_hash = ApiKey.generate()
    row = ApiKey.objects.create(
        account_id=site.account_id,
        site=site,
        name=name,
        prefix=prefix,
        key_hash=key_hash,
        created_by_id=user_id,
    )
    return {"id": row.pk, "name": row.name, "prefix": prefix, "key": key, "created_at": row.created_at}


def api_key_revoke(*, key: ApiKey) -> None:
    """Ends a key at once. Revoking it twice does nothing."""
    ApiKey.objects.active().filter(pk=key.pk).update(revoked_at=timezone.now())


def site_delete(*, site: Site) -> None:
    """Deletes a site with all that belongs to it, and gives its place in the plan back."""
    with transaction.atomic():
        _, by_model = site.delete()
        limit_give(account_id=site.account_id, resource="sites", n=by_model.get("accounts.Site", 0))
        limit_give(account_id=site.account_id, resource="keywords", n=by_model.get("planner.Keyword", 0))
