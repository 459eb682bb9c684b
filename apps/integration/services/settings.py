"""The settings of a site, made on first touch from the record that staff edit."""

from apps.accounts.models import Site
from apps.core.errors import NotFound
from apps.integration.models import WEEKDAYS, DefaultSettings, SettingsFields, SiteSettings
from apps.system.services.content_settings import saved_settings

_COPIED = [f.name for f in SettingsFields._meta.get_fields()]
# The days on which a new site publishes, by the account's frequency.
DAYS = {"daily": WEEKDAYS, "weekdays": WEEKDAYS[:5], "weekly": WEEKDAYS[:1]}


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
        values = {name: getattr(defaults, name) for name in _COPIED}
        settings, _ = SiteSettings.objects.get_or_create(
            site_id=site_id, defaults={"account_id": account_id, **values, **_of_account(account_id)}
        )
        settings.refresh_from_db()
    return settings


def _of_account(account_id: int) -> dict:
    """What the account saved as its own defaults for publishing."""
    saved = saved_settings(account_id=account_id, key="publishing")
    values: dict = {}
    if "auto_schedule" in saved:
        values["auto_publish_enabled"] = saved["auto_schedule"]
    if "schedule_frequency" in saved:
        values["publish_days"] = list(DAYS[saved["schedule_frequency"]])
    if "schedule_times" in saved:
        values["publish_time_slots"] = [_slot(start) for start in saved["schedule_times"]]
    return values


def _slot(start: str) -> dict:
    """An hour; the last of a day ends on the next."""
    hours, minutes = start.split(":")
    return {"start": start, "end": f"{(int(hours) + 1) % 24:02}:{minutes}"}
