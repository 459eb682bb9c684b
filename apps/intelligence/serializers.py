from rest_framework import serializers

from apps.core.rows import RowSerializer
from apps.intelligence.models import AIModel


class AIModelSerializer(RowSerializer):
    default = serializers.BooleanField(
        source="is_chosen", read_only=True, help_text="What work of its kind is done with now."
    )

    class Meta:
        model = AIModel
        fields = ["id", "name", "provider", "kind", "testing", "default"]
