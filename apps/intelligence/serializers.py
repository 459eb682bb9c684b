from rest_framework import serializers

from apps.intelligence.models import AIModel


class AIModelSerializer(serializers.ModelSerializer):
    class Meta:
        model = AIModel
        fields = ["id", "name", "provider", "kind", "testing", "default"]
