from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.integration.models import DefaultSettings, SiteIntegration, SiteSettings


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
