from rest_framework import serializers

from apps.core.rows import RowSerializer
from apps.notifications.models import Notification


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
