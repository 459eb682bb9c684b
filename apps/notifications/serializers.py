from urllib.parse import urlsplit

from rest_framework import serializers

from apps.core.http import AddressRefused, check_url
from apps.core.rows import RowSerializer
from apps.core.serializers import TenantSerializer
from apps.notifications.models import GROUPS, Notification, Type, WebhookDelivery, WebhookEndpoint
from apps.notifications.services.webhooks import EVENTS


class NotificationSerializer(RowSerializer):
    class Meta:
        model = Notification
        fields = ["id", "notification_type", "severity", "title", "message", "is_read", "created_at",
                  "read_at", "action_label", "action_url", "metadata"]  # fmt: skip
        read_only_fields = fields


class UpdatedSerializer(serializers.Serializer):
    updated = serializers.IntegerField()


class UnreadCountSerializer(serializers.Serializer):
    unread_count = serializers.IntegerField()


class PreferenceSerializer(serializers.Serializer):
    notification_type = serializers.ChoiceField(Type.choices)
    group = serializers.CharField()
    in_app = serializers.BooleanField()
    mail = serializers.BooleanField()


class PreferenceChangeSerializer(serializers.Serializer):
    notification_type = serializers.ChoiceField(
        sorted({*Type.values, *GROUPS}), help_text="A type, or a group for all of its types."
    )
    in_app = serializers.BooleanField(required=False)
    mail = serializers.BooleanField(required=False, help_text="In the daily digest.")


class PreferencesSerializer(serializers.Serializer):
    preferences = PreferenceChangeSerializer(many=True, allow_empty=False, max_length=100)


class EndpointSerializer(TenantSerializer):
    url = serializers.CharField(max_length=600, help_text="Public; https is advised.")
    events = serializers.ListField(
        child=serializers.ChoiceField(EVENTS),
        required=False,
        max_length=len(EVENTS),
        help_text="What it is told of; empty: everything.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "name", "events", "is_active", "failing_since", "disabled_reason", "created_at",
                  "updated_at"]  # fmt: skip
        read_only_fields = ["failing_since", "disabled_reason"]

    def validate_url(self, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or parts.username or parts.fragment:
            raise serializers.ValidationError("Enter an address such as https://example.com/hooks/igny8.")
        try:
            check_url(url.strip())
        except AddressRefused as error:
            raise serializers.ValidationError(str(error)) from error
        return url.strip()

    def validate_events(self, events: list[str]) -> list[str]:
        return sorted(set(events))

    def update(self, endpoint: WebhookEndpoint, data: dict) -> WebhookEndpoint:
        if data.get("is_active") and not endpoint.is_active:
            endpoint.failing_since, endpoint.disabled_reason = None, ""
        return super().update(endpoint, data)


class NewEndpointSerializer(EndpointSerializer):
    """With the secret, this once."""

    secret = serializers.CharField(
        read_only=True, help_text="Checks the signatures. Shown this once; keep it as you keep a password."
    )

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]


class DeliverySerializer(RowSerializer):
    class Meta:
        model = WebhookDelivery
        fields = ["id", "endpoint", "site", "event_id", "event", "body", "state", "attempts", "status_code",
                  "response_excerpt", "error", "next_try_at", "created_at", "ended_at"]  # fmt: skip
        read_only_fields = fields
