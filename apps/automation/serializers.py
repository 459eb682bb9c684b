from rest_framework import serializers

from apps.automation.models import Run, RunItem, RunLog
from apps.automation.services.stages import STAGES
from apps.core.rows import RowSerializer
from apps.core.serializers import TenantSerializer
from apps.integration.config_serializers import AutomationConfigSerializer


class ConfigSerializer(AutomationConfigSerializer):
    """The automation part of a site's settings, and what its last stage may do."""

    class Meta(AutomationConfigSerializer.Meta):
        fields = [*AutomationConfigSerializer.Meta.fields, "auto_approval_enabled", "auto_publish_enabled",
                  "credits_limit", "auto_resume"]  # fmt: skip


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
            "pause_reason",
            "resume_at",
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
    skipped = serializers.IntegerField(
        help_text="Left for another run: the stage's share of the credits was spent."
    )
    credits = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why it was skipped, or ended early.")
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


class StageEstimateSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    waiting = serializers.IntegerField(help_text="What is there already; stage 1 counts keywords.")
    items = serializers.IntegerField(
        help_text="With what the stages before it would make, within its limits."
    )
    credits_per_item = serializers.FloatField()
    credits = serializers.IntegerField()
    basis = serializers.ChoiceField(
        ["price", "usage"], help_text="The price list, or what the site's runs used."
    )
    samples = serializers.IntegerField(help_text="Items of earlier runs that were looked at.")
    confidence = serializers.ChoiceField(["low", "medium", "high"])


class EstimateSerializer(serializers.Serializer):
    site = serializers.IntegerField()
    stages = StageEstimateSerializer(many=True)
    total_items = serializers.IntegerField()
    total_credits = serializers.IntegerField()
    credits_limit = serializers.IntegerField(help_text="Of the site's runs; 0: none.")
    available_credits = serializers.IntegerField()
    enough = serializers.BooleanField()
    confidence = serializers.ChoiceField(["low", "medium", "high"], help_text="Of the least sure stage.")


class ItemAtWorkSerializer(serializers.Serializer):
    item_id = serializers.IntegerField()
    stage = serializers.IntegerField()
    object_type = serializers.CharField()
    object_id = serializers.IntegerField()
    title = serializers.CharField()
    since = serializers.DateTimeField()
    attempt = serializers.IntegerField()


class ProcessingSerializer(serializers.Serializer):
    run_id = serializers.IntegerField()
    status = serializers.CharField()
    pause_asked = serializers.BooleanField()
    stage = serializers.IntegerField()
    stage_name = serializers.CharField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    items = ItemAtWorkSerializer(many=True, help_text="What the workers are on right now.")


class StageCountSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    waiting = serializers.IntegerField()
