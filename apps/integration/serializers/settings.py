from datetime import time

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import KnownFields
from apps.integration.config_serializers import (
    MAX_BATCH,
    MAX_PER_RUN,
    AutomationConfigSerializer,
    DaysField,
    SettingsSerializer,
)
from apps.integration.models import STAGES, SiteSettings
from apps.integration.services.settings import slot_of
from apps.intelligence.models import AIModel

MAX_SLOTS = 48
MAX_DELAY_SECONDS = 3600


def _clock(value: object) -> str:
    """HH:MM, with seconds where there are any. Raises ValueError."""
    if not isinstance(value, str) or len(value) not in (5, 8):
        raise ValueError
    moment = time.fromisoformat(value)
    return moment.isoformat("seconds" if moment.second else "minutes")


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "object",
                "required": ["start", "end"],
                "properties": {"start": {"type": "string"}, "end": {"type": "string"}},
                "example": {"start": "09:00", "end": "17:00"},
            },
            {"type": "string", "description": "The start of a slot of an hour.", "example": "09:00"},
        ]
    }
)
class SlotField(serializers.Field):
    """A span of the day: {start, end}, or its start alone, which lasts an hour. One that ends before it starts ends
    on the next day."""

    def to_internal_value(self, data) -> dict:
        if isinstance(data, str):
            try:
                return slot_of(_clock(data))
            except ValueError:
                raise serializers.ValidationError("Write HH:MM or HH:MM:SS, such as 09:00.") from None
        if not isinstance(data, dict):
            raise serializers.ValidationError('Write {"start": "09:00", "end": "17:00"}, or the start alone.')
        slot, wrong = {}, {}
        for name in ("start", "end"):
            try:
                slot[name] = _clock(data.get(name))
            except ValueError:
                wrong[name] = ["Write HH:MM or HH:MM:SS, such as 09:00."]
        for name in sorted(str(n) for n in data.keys() - {"start", "end"})[:5]:
            wrong[name[:60]] = ["There is no such name; there are start, end."]
        if not wrong and slot["start"] == slot["end"]:
            wrong["end"] = ["A slot must not end when it starts."]
        if wrong:
            raise serializers.ValidationError(wrong)
        return slot

    def to_representation(self, slot: dict) -> dict:
        return slot


@extend_schema_field({"oneOf": [{"type": "string", "example": "09:00"}, {"type": "object"}]})
class StartField(SlotField):
    """A slot that is shown as its start."""

    def to_representation(self, slot: dict) -> str:
        return slot["start"]


class SlotsField(serializers.ListField):
    def __init__(self, **kwargs):
        super().__init__(max_length=MAX_SLOTS, **{"child": SlotField(), **kwargs})

    def to_internal_value(self, data) -> list[dict]:
        slots = super().to_internal_value(data)
        starts = [slot["start"] for slot in slots]
        for i, start in enumerate(starts):
            if start in starts[:i]:
                raise serializers.ValidationError({i: {"start": ["Another slot starts at this time."]}})
        return sorted(slots, key=lambda slot: slot["start"])


class PublishingSerializer(SettingsSerializer):
    publish_days = DaysField(required=False)
    publish_time_slots = SlotsField(required=False, help_text="By the site's clock.")
    total_items_per_run = serializers.IntegerField(
        read_only=True, help_text="The limits of the enabled stages together; 0: one of them has none."
    )

    class Meta:
        model = SiteSettings
        fields = ["auto_approval_enabled", "auto_publish_enabled", "daily_publish_limit", "weekly_publish_limit",
                  "monthly_publish_limit", "publish_days", "publish_time_slots", "total_items_per_run"]  # fmt: skip


class PublishingSettingsSerializer(SettingsSerializer):
    """Deprecated: publishing_settings of the unified settings; a slot is its start."""

    publish_days = DaysField()
    publish_time_slots = SlotsField(child=StartField(), help_text="A start lasts an hour.")

    class Meta:
        model = SiteSettings
        fields = ["id", "site", "auto_approval_enabled", "auto_publish_enabled", "daily_publish_limit",
                  "weekly_publish_limit", "monthly_publish_limit", "publish_days", "publish_time_slots",
                  "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["site"]
        extra_kwargs = {
            name: {"required": True}  # a PUT says all of it
            for name in ("auto_approval_enabled", "auto_publish_enabled", "daily_publish_limit",
                         "weekly_publish_limit", "monthly_publish_limit")
        }  # fmt: skip


class StageConfigSerializer(KnownFields, serializers.Serializer):
    """`number` and `per_run_limit`, as the defaults call them, are taken too."""

    stage = serializers.IntegerField(source="number", min_value=min(STAGES), max_value=max(STAGES))
    enabled = serializers.BooleanField(required=False)
    batch_size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_BATCH)
    max_per_run = serializers.IntegerField(
        source="per_run_limit", required=False, min_value=0, max_value=MAX_PER_RUN, help_text="0: no limit."
    )
    use_testing = serializers.BooleanField(required=False, help_text="The testing model does its work.")
    budget_pct = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Of a run's credits_limit. 0: no share of its own.",
    )

    def to_internal_value(self, data):
        if isinstance(data, dict):
            data = dict(data)
            for other, name in (("number", "stage"), ("per_run_limit", "max_per_run")):
                if other in data and data.setdefault(name, data[other]) != data.pop(other):
                    raise serializers.ValidationError({other: [f"It differs from {name}. Send one of them."]})
            if "stage" not in data:  # also in a PATCH
                raise serializers.ValidationError({"stage": ["Say which stage: 1 to 7."]})
        return super().to_internal_value(data)


class AISettingsSerializer(KnownFields, serializers.Serializer):
    """Ids of system/ai-models/. null: what the account, or else the platform, works with."""

    KINDS = {"testing_model_id": "text", "live_model_id": "text", "image_model_id": "image"}

    testing_model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    live_model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    image_model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)

    def validate(self, attrs: dict) -> dict:
        asked = [pk for pk in attrs.values() if pk and pk < 2**63]
        known = dict(AIModel.objects.filter(pk__in=asked, is_active=True).values_list("pk", "kind"))
        wrong = {
            name: [f"There is no model for {self.KINDS[name]}s with the id {pk}. See system/ai-models/."]
            for name, pk in attrs.items()
            if pk is not None and known.get(pk) != self.KINDS[name]
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class DelaysSerializer(KnownFields, serializers.Serializer):
    """Seconds."""

    within_stage = serializers.IntegerField(
        source="delay_within_stage", required=False, min_value=0, max_value=MAX_DELAY_SECONDS
    )
    between_stage = serializers.IntegerField(
        source="delay_between_stages", required=False, min_value=0, max_value=MAX_DELAY_SECONDS
    )


class ImagesSerializer(KnownFields, serializers.Serializer):
    style = serializers.CharField(source="image_style", required=False, max_length=40)
    max_images = serializers.IntegerField(
        required=False, min_value=0, max_value=20, help_text="Of an article, the featured one included."
    )


class ApprovalSerializer(KnownFields, serializers.Serializer):
    """What an article needs for an automation to approve it, where auto_approval_enabled says that it may."""

    min_words = serializers.IntegerField(
        source="approval_min_words",
        required=False,
        min_value=0,
        max_value=100_000,
        help_text="0: any length.",
    )
    needs_featured_image = serializers.BooleanField(source="approval_needs_featured_image", required=False)


class RunsSerializer(KnownFields, serializers.Serializer):
    credits_limit = serializers.IntegerField(
        required=False, min_value=0, max_value=1_000_000_000, help_text="What a run may spend. 0: no limit."
    )
    auto_resume = serializers.BooleanField(
        required=False,
        help_text="A run that paused for credits, a provider or a target is tried again by itself.",
    )


class UnifiedSettingsSerializer(SettingsSerializer):
    """All settings of a site. What is not sent stays as it is."""

    automation_config = AutomationConfigSerializer(source="*", required=False)
    publishing_settings = PublishingSerializer(source="*", required=False)
    stage_configs = StageConfigSerializer(source="stages", many=True, required=False, max_length=len(STAGES))
    ai_settings = AISettingsSerializer(source="*", required=False)
    delays = DelaysSerializer(source="*", required=False)
    images = ImagesSerializer(source="*", required=False)
    approval = ApprovalSerializer(source="*", required=False)
    runs = RunsSerializer(source="*", required=False)

    class Meta:
        model = SiteSettings
        fields = ["automation_config", "publishing_settings", "stage_configs", "ai_settings", "delays", "images",
                  "approval", "runs"]  # fmt: skip

    def validate(self, attrs: dict) -> dict:
        """Brings together what `stage_configs` and `automation_config` say of the stages; they must not differ."""
        named: dict[int, dict] = attrs.pop("stages_named", {})
        wrong: dict[int, dict] = {}
        seen: set[int] = set()
        for i, config in enumerate(attrs.pop("stages", [])):
            number = config.pop("number")
            if number in seen:
                wrong[i] = {"stage": [f"Stage {number} stands here twice."]}
                continue
            seen.add(number)
            other = named.setdefault(number, {})
            for name, value in config.items():
                if other.setdefault(name, value) != value:
                    shown = "max_per_run" if name == "per_run_limit" else name
                    wrong.setdefault(i, {})[shown] = [
                        f"automation_config says something else of stage {number}."
                    ]
        if wrong:
            raise serializers.ValidationError({"stage_configs": wrong})
        return {**attrs, "stages_named": named}


class DefaultAutomationSerializer(serializers.Serializer):
    enabled = serializers.BooleanField()
    frequency = serializers.CharField()
    time = serializers.TimeField(source="scheduled_time", format="%H:%M")


class DefaultStageSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    enabled = serializers.BooleanField()
    batch_size = serializers.IntegerField(min_value=1, max_value=MAX_BATCH)
    per_run_limit = serializers.IntegerField(min_value=0, max_value=MAX_PER_RUN)
    use_testing = serializers.BooleanField()
    budget_pct = serializers.IntegerField(min_value=0, max_value=100)


class DefaultPublishingSerializer(serializers.Serializer):
    auto_approval_enabled = serializers.BooleanField()
    auto_publish_enabled = serializers.BooleanField()
    daily_publish_limit = serializers.IntegerField()
    weekly_publish_limit = serializers.IntegerField()
    monthly_publish_limit = serializers.IntegerField()
    publish_days = serializers.ListField(child=serializers.CharField())
    time_slots = serializers.ListField(source="publish_time_slots", child=StartField())


class DefaultSettingsSerializer(serializers.Serializer):
    """What the settings of a new site begin from."""

    automation = DefaultAutomationSerializer(source="*")
    stages = DefaultStageSerializer(many=True)
    delays = DelaysSerializer(source="*")
    publishing = DefaultPublishingSerializer(source="*")
    images = ImagesSerializer(source="*")
