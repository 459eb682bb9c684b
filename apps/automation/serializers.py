import re

from rest_framework import serializers

from apps.automation.models import Run, RunItem, RunLog
from apps.automation.services.runs import next_run_at
from apps.automation.services.stages import STAGES
from apps.core.rows import RowSerializer
from apps.core.serializers import TenantSerializer
from apps.integration.models import STAGES as STAGE_NUMBERS
from apps.integration.models import WEEKDAYS, SiteSettings

# stage -> the name of its per-run limit in the config
LIMIT_FIELDS = {
    1: "max_keywords_per_run",
    2: "max_clusters_per_run",
    3: "max_ideas_per_run",
    4: "max_tasks_per_run",
    5: "max_content_per_run",
    6: "max_image_prompts_per_run",
    7: "max_approvals_per_run",
}
_STAGE_FIELD = re.compile(r"stage_(\d)_(enabled|batch_size)")


class ConfigSerializer(serializers.ModelSerializer):
    """The automation part of a site's settings; a stage is `stage_N_enabled`, `stage_N_batch_size`, `max_…_per_run`."""

    scheduled_days = serializers.ListField(
        child=serializers.ChoiceField(WEEKDAYS), required=False, help_text="Empty: every day."
    )
    scheduled_time = serializers.TimeField(
        format="%H:%M:%S",
        input_formats=["%H:%M", "%H:%M:%S"],
        required=False,
        help_text="HH:MM, by the site's clock.",
    )
    next_run_at = serializers.SerializerMethodField()

    class Meta:
        model = SiteSettings
        fields = [
            "enabled",
            "frequency",
            "scheduled_days",
            "scheduled_time",
            "next_run_at",
            "auto_approval_enabled",
            "auto_publish_enabled",
        ]

    def get_fields(self):
        fields = super().get_fields()
        for n in STAGE_NUMBERS:
            fields[f"stage_{n}_enabled"] = serializers.BooleanField(required=False)
            fields[f"stage_{n}_batch_size"] = serializers.IntegerField(
                required=False, min_value=1, max_value=1000
            )
            fields[LIMIT_FIELDS[n]] = serializers.IntegerField(
                required=False, min_value=0, max_value=1_000_000, help_text="0: no limit."
            )
        return fields

    def to_internal_value(self, data) -> dict:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({name: ["There is no such setting."] for name in unknown[:20]})
        return super().to_internal_value(data)

    def validate_scheduled_days(self, days: list[str]) -> list[str]:
        return [day for day in WEEKDAYS if day in days]

    def get_next_run_at(self, settings: SiteSettings) -> str | None:
        moment = next_run_at(settings)
        return moment.isoformat().replace("+00:00", "Z") if moment else None

    def to_representation(self, settings: SiteSettings) -> dict:
        for stage in settings.stages:
            n = stage["number"]
            setattr(settings, f"stage_{n}_enabled", stage["enabled"])
            setattr(settings, f"stage_{n}_batch_size", stage["batch_size"])
            setattr(settings, LIMIT_FIELDS[n], stage["per_run_limit"])
        return super().to_representation(settings)

    def update(self, settings: SiteSettings, validated_data: dict) -> SiteSettings:
        stages = {s["number"]: s for s in settings.stages}
        limits = {name: n for n, name in LIMIT_FIELDS.items()}
        for name in list(validated_data):
            if match := _STAGE_FIELD.fullmatch(name):
                stages[int(match[1])][match[2]] = validated_data.pop(name)
            elif name in limits:
                stages[limits[name]]["per_run_limit"] = validated_data.pop(name)
        settings.stages = [stages[n] for n in sorted(stages)]
        return super().update(settings, validated_data)


class RunSerializer(TenantSerializer):
    """`items_processed` and `credits_used` are summed by the view's queryset."""

    total_stages = serializers.SerializerMethodField()
    items_processed = serializers.IntegerField(read_only=True)
    credits_used = serializers.IntegerField(read_only=True)
    task_id = serializers.UUIDField(source="job_id", read_only=True, allow_null=True)

    class Meta:
        model = Run
        fields = [
            "id",
            "site",
            "status",
            "trigger",
            "pause_asked",
            "task_id",
            "started_at",
            "completed_at",
            "current_stage",
            "total_stages",
            "items_processed",
            "credits_used",
            "error_message",
            "created_at",
        ]
        read_only_fields = fields

    def get_total_stages(self, run: Run) -> int:
        return len(STAGES)


class RunStageSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.CharField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    credits = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)


class RunLogSerializer(RowSerializer):
    class Meta:
        model = RunLog
        fields = ["id", "run", "level", "stage", "message", "created_at"]
        read_only_fields = fields


class FailedItemSerializer(RowSerializer):
    class Meta:
        model = RunItem
        fields = ["stage", "object_id", "attempts", "error"]


class RunDetailSerializer(RunSerializer):
    stages = RunStageSerializer(many=True, source="stage_rows")
    failed_items = FailedItemSerializer(many=True)
    logs = RunLogSerializer(many=True, source="newest_logs")

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "stages", "failed_items", "logs"]
        read_only_fields = fields


class StageCountSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    waiting = serializers.IntegerField()
