from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.accounts.models import TelegramInvite, TelegramSubscriber


@admin.register(TelegramSubscriber)
class TelegramSubscriberAdmin(ModelAdmin):
    list_display = ["chat_id", "name", "slug", "role", "language", "is_active", "created_at"]
    list_filter = ["role", "is_active", "language"]
    search_fields = ["=chat_id", "name", "slug"]


@admin.register(TelegramInvite)
class TelegramInviteAdmin(ModelAdmin):
    list_display = ["username", "name", "role", "created_at", "expires_at", "claimed_at", "claimed_by"]
    list_filter = ["role"]
    list_select_related = ["claimed_by"]
    search_fields = ["username", "name"]
    exclude = ["password"]

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
