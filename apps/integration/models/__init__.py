"""The settings of a site, what a site is connected to, and how the two are kept alike."""

from apps.integration.models.connections import (
    LIMIT_FIELDS,
    STAGES,
    WEEKDAYS,
    DefaultSettings,
    SettingsFields,
    SiteIntegration,
    SiteSettings,
    default_slots,
    default_stages,
    secret_new,
    workdays,
)
from apps.integration.models.sync import SiteStructure, SyncedPost, SyncRun, WebhookEvent

__all__ = [
    "LIMIT_FIELDS",
    "STAGES",
    "WEEKDAYS",
    "DefaultSettings",
    "SettingsFields",
    "SiteIntegration",
    "SiteSettings",
    "SiteStructure",
    "SyncRun",
    "SyncedPost",
    "WebhookEvent",
    "default_slots",
    "default_stages",
    "secret_new",
    "workdays",
]
