"""The settings of a site, made on first touch from the record that staff edit."""

from apps.accounts.models import Site
from apps.core.errors import NotFound
from apps.integration.models import DefaultSettings, SettingsFields, SiteSettings

_COPIED = [f.name for f in SettingsFields._meta.get_fields()]


def default_settings() -> DefaultSettings:
    """The one record of defaults."""
    return DefaultSettings.objects.get_or_create(singleton=True)[0]


def site_settings(*, site_id: int, account_id: int) -> SiteSettings:
    """The settings of a site of the account. Two first touches at once make one record. Raises NotFound."""
    settings = SiteSettings.objects.filter(site_id=site_id, account_id=account_id).first()
    if settings is None:
        if not Site.objects.filter(pk=site_id, account_id=account_id).exists():
            raise NotFound("There is no such site in the account.")
        defaults = default_settings()
        settings, _ = SiteSettings.objects.get_or_create(
            site_id=site_id,
            defaults={"account_id": account_id, **{name: getattr(defaults, name) for name in _COPIED}},
        )
        settings.refresh_from_db()
    return settings
