from rest_framework import serializers

from apps.core.models import Job
from apps.core.rows import RowSerializer


class ProgressSerializer(serializers.Serializer):
    current = serializers.IntegerField()
    total = serializers.IntegerField()
    percent = serializers.IntegerField()
    message = serializers.CharField()


class JobSerializer(RowSerializer):
    task_id = serializers.UUIDField(source="id")
    progress = ProgressSerializer(source="*")
    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "task_id",
            "kind",
            "state",
            "progress",
            "result",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_error(self, job: Job) -> dict | None:
        return {"code": job.error_code, "message": job.error} if job.error else None


class PartSerializer(serializers.Serializer):
    ok = serializers.BooleanField()
    ms = serializers.FloatField()
    problem = serializers.CharField()


class HealthSerializer(serializers.Serializer):
    status = serializers.ChoiceField(["ok", "degraded"])
    parts = serializers.DictField(child=PartSerializer())
