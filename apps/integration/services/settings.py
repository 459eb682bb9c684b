"""The settings of a site, made on first touch from the record that staff edit."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import Invalid, NotFound
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


def settings_change(
    *, site_id: int, account_id: int, values: dict, stages: dict[int, dict] | None = None
) -> SiteSettings:
    """Writes the fields `values`, and of each stage what `stages` names, over what is there; the rest stays.

    The row is locked meanwhile, so that changes of different parts at once all hold. Raises NotFound, and Invalid
    when the record would not hold together; then nothing is changed.
    """
    site_settings(site_id=site_id, account_id=account_id)
    with transaction.atomic():
        rows = SiteSettings.objects.select_for_update(of=("self",)).select_related("site")
        settings = rows.get(site_id=site_id, account_id=account_id)
        before = [getattr(settings, name) for name in SiteSettings.SCHEDULE]
        for name, value in values.items():
            setattr(settings, name, value)
        settings.stages = [{**stage, **(stages or {}).get(stage["number"], {})} for stage in settings.stages]
        _check(settings)
        if before != [getattr(settings, name) for name in SiteSettings.SCHEDULE]:
            settings.schedule_set_at = timezone.now()
        settings.save()
    return settings


def _check(settings: SiteSettings) -> None:
    """What no field can tell by itself."""
    planned = (
        settings.publish_time_slots
        or settings.daily_publish_limit
        or settings.weekly_publish_limit
        or settings.monthly_publish_limit
    )
    if settings.auto_publish_enabled and planned:
        for name, what in (("publish_days", "day"), ("publish_time_slots", "time slot")):
            if not getattr(settings, name):
                raise Invalid(
                    name,
                    f"With auto_publish_enabled at least one {what} is needed; without slots and with limits "
                    "of 0 articles are published at once.",
                )


def _of_account(account_id: int) -> dict:
    """What the account saved as its own defaults for publishing."""
    saved = saved_settings(account_id=account_id, key="publishing")
    values: dict = {}
    if "auto_schedule" in saved:
        values["auto_publish_enabled"] = saved["auto_schedule"]
    if "schedule_frequency" in saved:
        values["publish_days"] = list(DAYS[saved["schedule_frequency"]])
    if "schedule_times" in saved:
        values["publish_time_slots"] = [slot_of(start) for start in saved["schedule_times"]]
    return values


def slot_of(start: str) -> dict:
    """The slot that begins at HH:MM or HH:MM:SS: an hour; the last of a day ends on the next."""
    hours, rest = start.split(":", 1)
    return {"start": start, "end": f"{(int(hours) + 1) % 24:02}:{rest}"}
