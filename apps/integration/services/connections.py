"""The connection of a site to WordPress: opened for whoever publishes, and tested for whoever set it up."""

from collections.abc import Collection

from django.utils import timezone

from apps.core.locks import Busy
from apps.integration.clients.wordpress import Diagnosis, WordPress, diagnose, diagnose_collection
from apps.integration.models import SiteIntegration, SiteStructure
from apps.planner.services.topics import topics_release


class ConnectionMoved(Busy):
    """The connection leads to another address than the one that was asked: what was read there is of no use here."""


def connected_sites(site_ids: Collection[int]) -> set[int]:
    """Those of the sites that have an active connection."""
    active = SiteIntegration.objects.filter(site_id__in=site_ids, is_active=True)
    return set(active.values_list("site_id", flat=True))


def integration_of(*, site_id: int) -> SiteIntegration | None:
    """The active connection of a site, or None."""
    return SiteIntegration.objects.filter(
        site_id=site_id, is_active=True, platform=SiteIntegration.Platform.WORDPRESS
    ).first()


def wordpress_of(integration: SiteIntegration) -> WordPress:
    """The site behind a connection. Close it, or use it as a context manager."""
    return WordPress(
        url=integration.base_url,
        rest_root=integration.rest_root,
        finds_root=True,
        **credentials_of(integration),
    )


def credentials_of(integration: SiteIntegration) -> dict[str, str]:
    """What a client of this WordPress identifies itself with."""
    if integration.auth_method == SiteIntegration.AuthMethod.PLUGIN:
        return {"secret": integration.signing_secret}
    return {"username": integration.username, "password": integration.app_password}


def connection_hold(integration: SiteIntegration) -> None:
    """Keeps a connection as it was read until the caller's transaction ends, so that numbers of posts of one WordPress
    are not stored as those of another. Raises ConnectionMoved."""
    now = SiteIntegration.objects.select_for_update(no_key=True).filter(pk=integration.pk).first()
    if now is None or now.place != integration.place:
        raise ConnectionMoved("The address of the connection was changed meanwhile.")


def connection_moved(*, integration: SiteIntegration) -> None:
    """Forgets what is known of the posts of a connection whose address is another one now: there the same numbers may
    be other posts. Those that are the same are known again by the next sync."""
    topics_release(
        account_id=integration.account_id,
        site_id=integration.site_id,
        source="post",
        source_ids=integration.synced_posts.values("external_id"),
    )
    integration.synced_posts.all().delete()
    integration.sync_runs.all().delete()
    SiteStructure.objects.filter(integration=integration).delete()


def connection_test(*, integration: SiteIntegration) -> Diagnosis:
    """Looks into the connection and keeps what was found: its state, and where the REST API stands."""
    found = diagnose(url=integration.base_url, **credentials_of(integration))
    status = SiteIntegration.Status.CONNECTED if found.connected else SiteIntegration.Status.FAILED
    # What was tested is what was read above: credentials that were changed meanwhile keep their own state.
    SiteIntegration.objects.filter(pk=integration.pk, updated_at=integration.updated_at).update(
        status=status,
        last_error="" if found.connected else found.message,
        last_tested_at=timezone.now(),
        rest_root=found.rest_root or integration.rest_root,
        plugin_version=found.plugin_version if found.rest_root else integration.plugin_version,
    )
    return found


def collection_test(*, integration: SiteIntegration, post_type: str, taxonomy: str) -> Diagnosis:
    """Looks whether posts of a type, or terms of a taxonomy, can be read and written. Makes nothing, keeps nothing."""
    site = WordPress(
        url=integration.base_url,
        rest_root=integration.rest_root,
        timeout=10.0,
        attempts=1,  # somebody waits for the diagnosis
        **credentials_of(integration),
    )
    with site:
        return diagnose_collection(site, post_type=post_type, taxonomy=taxonomy)
