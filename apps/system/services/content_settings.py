"""The account's defaults for writing and publishing, over the product's."""

from copy import deepcopy
from typing import Any

from django.db import transaction

from apps.system.models import ContentSettings

Key = ContentSettings.Key
DEFAULTS: dict[str, dict[str, Any]] = {
    Key.CONTENT_GENERATION: {
        "default_article_length": 1200,
        "default_tone": "clear and friendly",
        "include_faq": True,
        "enable_internal_linking": True,
    },
    Key.PUBLISHING: {
        "default_publish_status": "publish",
        "auto_schedule": False,
        "schedule_frequency": "weekdays",
        "schedule_times": ["09:00", "14:00", "18:00"],
    },
}


def content_settings(*, account_id: int, key: str) -> dict[str, Any]:
    """All values of `key`: what the account saved over the defaults."""
    return {**deepcopy(DEFAULTS[key]), **saved_settings(account_id=account_id, key=key)}


def saved_settings(*, account_id: int, key: str) -> dict[str, Any]:
    """Only what the account saved itself."""
    rows = ContentSettings.objects.filter(account_id=account_id, key=key)
    return rows.values_list("values", flat=True).first() or {}


def content_settings_save(*, account_id: int, key: str, values: dict[str, Any]) -> dict[str, Any]:
    """Stores `values` over those that are there. Returns all of the key."""
    with transaction.atomic():
        ContentSettings.objects.get_or_create(account_id=account_id, key=key)
        row = ContentSettings.objects.select_for_update().get(account_id=account_id, key=key)
        row.values = {**row.values, **values}
        row.save()
    return content_settings(account_id=account_id, key=key)
