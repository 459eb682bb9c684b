from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.models import Job
from apps.core.rows import RowSerializer
from apps.core.serializers import IdsField, KnownFields, TenantSerializer
from apps.publisher.models import PublishingRecord, SiteTheme, Target
from apps.publisher.services.theme import COLOURS
from apps.writer.models import Content


class PublishSerializer(serializers.Serializer):
    content_ids = IdsField(help_text="1 to 10,000 ids of approved or published content.")
    target = serializers.ChoiceField(
        Target.choices, required=False, allow_null=True, help_text="Else the site's own target."
    )


class ToWordPressSerializer(serializers.Serializer):
    integration_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The connection of the content's site; else that one.",
    )


class RecordSerializer(TenantSerializer):
    external_url = serializers.CharField(read_only=True)
    target = serializers.ChoiceField(Target.choices, required=False, help_text="Else the site's own target.")

    class Meta:
        model = PublishingRecord
        fields = ["id", "site", "content", "target", "status", "attempts", "next_try_at", "external_id", "external_url",
                  "fields", "error", "created_at", "finished_at"]  # fmt: skip
        read_only_fields = ["site", "status", "attempts", "next_try_at", "external_id", "fields", "error",
                            "finished_at"]  # fmt: skip


class ScheduleSerializer(KnownFields, serializers.Serializer):
    # A misspelt time would put the article out at another one.
    scheduled_publish_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="In the future; without it the next free slot of the site."
    )


class ScheduledSerializer(serializers.Serializer):
    content_id = serializers.IntegerField()
    site_status = serializers.ChoiceField(Content.SiteStatus.choices)
    scheduled_publish_at = serializers.DateTimeField(allow_null=True)


class CalendarQuerySerializer(serializers.Serializer):
    site_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    first = serializers.DateField(required=False)
    last = serializers.DateField(required=False)


class CalendarItemSerializer(serializers.Serializer):
    content_id = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.ChoiceField(Content.Status.choices)
    site_status = serializers.ChoiceField(Content.SiteStatus.choices)
    at = serializers.DateTimeField(help_text="When it was published, or is to be.")
    external_url = serializers.CharField(allow_blank=True)
    is_late = serializers.BooleanField(help_text="Its time has passed, and it is not out yet.")


class CalendarDaySerializer(serializers.Serializer):
    date = serializers.DateField(help_text="Of the site's own time.")
    is_publish_day = serializers.BooleanField()
    published = serializers.IntegerField()
    scheduled = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True, help_text="What the limits leave; null: there is none.")


class CalendarSerializer(serializers.Serializer):
    site_id = serializers.IntegerField()
    timezone = serializers.CharField()
    items = CalendarItemSerializer(many=True, help_text="At most 1,000, the earliest first.")
    items_count = serializers.IntegerField(help_text="All of them.")
    days = CalendarDaySerializer(many=True)
    free_slots = serializers.ListField(
        child=serializers.DateTimeField(),
        help_text="The times that articles without one would get, one after the other; at most 500.",
    )


class StateSerializer(RowSerializer):
    """Where the publication of one content stands; `error` is why its last one failed."""

    content_id = serializers.IntegerField(source="pk")
    error = serializers.CharField(source="last_error", allow_blank=True)

    class Meta:
        model = Content
        fields = ["content_id", "title", "status", "site_status", "scheduled_publish_at", "published_at",
                  "external_id", "external_url", "error"]  # fmt: skip


class JobStateSerializer(serializers.Serializer):
    task_id = serializers.UUIDField()
    state = serializers.ChoiceField(Job.State.choices)
    contents = StateSerializer(many=True)


class DeploymentSerializer(RowSerializer):
    task_id = serializers.UUIDField(source="pk")
    target = serializers.SerializerMethodField()
    site_ids = serializers.JSONField(source="of_sites")
    published = serializers.IntegerField()
    failed = serializers.IntegerField()

    class Meta:
        model = Job
        fields = ["task_id", "site_ids", "target", "state", "total", "published", "failed", "error", "created_at",
                  "started_at", "finished_at"]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(Target.choices, allow_null=True))
    def get_target(self, job: Job) -> Any:
        """Null: each article went to its own site's."""
        return job.to_target


class DefinedImageSerializer(serializers.Serializer):
    url = serializers.CharField()
    alt = serializers.CharField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)


class DefinedCategorySerializer(serializers.Serializer):
    name = serializers.CharField()
    slug = serializers.CharField()
    url = serializers.CharField()
    count = serializers.IntegerField()


class DefinedPageSerializer(serializers.Serializer):
    title = serializers.CharField()
    slug = serializers.CharField()
    url = serializers.CharField()
    excerpt = serializers.CharField()
    published_at = serializers.DateTimeField()
    categories = serializers.ListField(child=serializers.CharField())
    image = DefinedImageSerializer(allow_null=True)


class ThemeSerializer(serializers.Serializer):
    accent = serializers.RegexField(r"^(#[0-9a-fA-F]{6})?$", required=False, allow_blank=True, max_length=7)
    paper = serializers.RegexField(r"^(#[0-9a-fA-F]{6})?$", required=False, allow_blank=True, max_length=7)
    ink = serializers.RegexField(r"^(#[0-9a-fA-F]{6})?$", required=False, allow_blank=True, max_length=7)
    font = serializers.ChoiceField(SiteTheme.Font.choices, required=False)
    footer_text = serializers.CharField(required=False, allow_blank=True, max_length=500)
    logo_url = serializers.CharField(read_only=True)

    def validate(self, data: dict) -> dict:
        return {name: value.lower() if name in COLOURS else value for name, value in data.items()}


class ThemeChangeSerializer(KnownFields, ThemeSerializer):
    logo = serializers.FileField(
        required=False, allow_null=True, help_text="A PNG, JPEG or WebP of at most 1 MiB; null takes it away."
    )


class SiteDefinitionSerializer(serializers.Serializer):
    name = serializers.CharField()
    slug = serializers.CharField()
    language = serializers.CharField()
    url = serializers.CharField()
    theme = ThemeSerializer()
    categories = DefinedCategorySerializer(many=True)
    pages = DefinedPageSerializer(many=True)
