from rest_framework import serializers

from apps.core.rows import RowSerializer
from apps.notifications.models import GROUPS, Notification, Type


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
