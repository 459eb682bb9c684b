from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "account", "user", "notification_type", "severity", "title", "is_read"]
    list_filter = ["notification_type", "severity", "is_read"]
    list_select_related = ["account", "user"]
    search_fields = ["title", "message", "account__name"]
    date_hierarchy = "created_at"
