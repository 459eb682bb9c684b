from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.notifications.models import (
    Notification,
    NotificationPreference,
    TelegramMessage,
    WebhookDelivery,
    WebhookEndpoint,
)


@admin.register(TelegramMessage)
class TelegramMessageAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "subscriber", "topic", "state", "attempts", "sent_at", "error"]
    list_filter = ["state", "topic"]
    list_select_related = ["subscriber"]
    search_fields = ["text", "subscriber__name", "subscriber__slug"]
    date_hierarchy = "created_at"


@admin.register(Notification)
class NotificationAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "account", "user", "notification_type", "severity", "title", "is_read"]
    list_filter = ["notification_type", "severity", "is_read"]
    list_select_related = ["account", "user"]
    search_fields = ["title", "message", "account__name"]
    date_hierarchy = "created_at"


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(ReadOnly, ModelAdmin):
    list_display = ["user", "notification_type", "in_app", "mail"]
    list_filter = ["notification_type", "in_app", "mail"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnly, ModelAdmin):
    list_display = ["account", "url", "is_active", "failing_since", "disabled_reason", "created_at"]
    list_filter = ["is_active"]
    list_select_related = ["account"]
    search_fields = ["url", "account__name"]
    exclude = ["secret"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "account", "endpoint", "event", "state", "attempts", "status_code", "error"]
    list_filter = ["state", "event"]
    list_select_related = ["account", "endpoint"]
    search_fields = ["endpoint__url", "account__name", "event_id"]
    date_hierarchy = "created_at"
