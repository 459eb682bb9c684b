from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.notifications.models import Notification, TelegramMessage


@admin.register(Notification)
class NotificationAdmin(ModelAdmin):
    list_display = ["created_at", "account", "user", "notification_type", "severity", "title", "is_read"]
    list_filter = ["notification_type", "severity", "is_read"]
    list_select_related = ["account", "user"]
    search_fields = ["title", "message", "account__name"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(TelegramMessage)
class TelegramMessageAdmin(ModelAdmin):
    list_display = ["created_at", "subscriber", "topic", "state", "attempts", "sent_at", "error"]
    list_filter = ["state", "topic"]
    list_select_related = ["subscriber"]
    search_fields = ["text", "subscriber__name", "subscriber__slug"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
