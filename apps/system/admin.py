from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.system.models import AuthorProfile, ContentSettings, Heartbeat


@admin.register(ContentSettings)
class ContentSettingsAdmin(ReadOnly, ModelAdmin):
    list_display = ["account", "key", "updated_at"]
    list_filter = ["key"]
    list_select_related = ["account"]
    search_fields = ["account__name"]


@admin.register(AuthorProfile)
class AuthorProfileAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "account", "site", "is_default", "updated_at"]
    list_filter = ["is_default"]
    list_select_related = ["account", "site"]
    search_fields = ["name", "account__name"]


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "host", "at"]
    list_filter = ["name"]
    search_fields = ["name", "host"]
    ordering = ["-at"]
