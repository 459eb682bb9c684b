from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.system.models import AuthorProfile, ContentSettings, Heartbeat


class LookedAt(ModelAdmin):
    """What accounts set and processes tell: staff look at it."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(ContentSettings)
class ContentSettingsAdmin(LookedAt):
    list_display = ["account", "key", "updated_at"]
    list_filter = ["key"]
    list_select_related = ["account"]
    search_fields = ["account__name"]


@admin.register(AuthorProfile)
class AuthorProfileAdmin(LookedAt):
    list_display = ["name", "account", "site", "is_default", "updated_at"]
    list_filter = ["is_default"]
    list_select_related = ["account", "site"]
    search_fields = ["name", "account__name"]


@admin.register(Heartbeat)
class HeartbeatAdmin(LookedAt):
    list_display = ["name", "host", "at"]
    list_filter = ["name"]
    search_fields = ["name", "host"]
    ordering = ["-at"]
