from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.integration.models import (
    DefaultSettings,
    SiteIntegration,
    SiteSettings,
    SiteStructure,
    SyncedPost,
    SyncRun,
    WebhookEvent,
)


@admin.register(DefaultSettings)
class DefaultSettingsAdmin(ModelAdmin):
    """One record: what the settings of new sites begin from."""

    def has_add_permission(self, request) -> bool:
        return not DefaultSettings.objects.exists()

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):
    list_display = ["site", "enabled", "frequency", "auto_approval_enabled", "auto_publish_enabled"]
    list_filter = ["enabled", "frequency", "auto_publish_enabled"]
    search_fields = ["site__name", "site__domain"]
    autocomplete_fields = ["site", "account"]
    list_select_related = ["site"]


@admin.register(SiteIntegration)
class SiteIntegrationAdmin(ModelAdmin):
    list_display = ["site", "platform", "base_url", "username", "is_active", "status", "last_tested_at"]
    list_filter = ["platform", "status", "is_active"]
    search_fields = ["site__name", "base_url", "username"]
    list_select_related = ["site"]
    # Who changes the address has the password sent there: that is the customer's to do, who enters it anew.
    readonly_fields = ["account", "site", "platform", "auth_method", "base_url", "username", "status", "last_error",
                       "last_tested_at", "rest_root"]  # fmt: skip
    exclude = ["app_password"]

    def has_add_permission(self, request) -> bool:
        return False  # the password is the customer's to enter


class ShownAdmin(ModelAdmin):
    """What syncs wrote, to be looked at."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


@admin.register(SiteStructure)
class SiteStructureAdmin(ShownAdmin):
    list_display = ["integration", "account", "fetched_at"]
    search_fields = ["integration__base_url", "account__name"]
    list_select_related = ["integration", "account"]


@admin.register(SyncRun)
class SyncRunAdmin(ShownAdmin):
    list_display = ["integration", "direction", "state", "is_deep", "counts", "started_at", "finished_at"]
    list_filter = ["state", "direction", "is_deep", "by_person"]
    search_fields = ["integration__base_url", "site__name", "account__name", "error"]
    list_select_related = ["integration"]
    date_hierarchy = "started_at"


@admin.register(SyncedPost)
class SyncedPostAdmin(ShownAdmin):
    list_display = [
        "external_id",
        "post_type",
        "site",
        "content",
        "remote_status",
        "agreed_at",
        "conflict_at",
    ]
    list_filter = ["post_type", "remote_status", "is_lossy", ("conflict_at", admin.EmptyFieldListFilter)]
    search_fields = ["external_id", "url", "content__title", "site__name"]
    list_select_related = ["site", "content"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ShownAdmin):
    list_display = ["event", "post_id", "integration", "state", "is_signed", "occurred_at", "received_at"]
    list_filter = ["state", "is_signed", "event"]
    search_fields = ["event_id", "post_id", "integration__base_url", "account__name"]
    list_select_related = ["integration"]
    date_hierarchy = "received_at"
