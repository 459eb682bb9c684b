from rest_framework import serializers

from apps.accounts.models import MODULES
from apps.core.models import Job
from apps.core.rows import RowSerializer
from apps.core.serializers import KnownFields, TenantSerializer
from apps.system.models import AuthorProfile, ContentSettings


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


class AuthorProfileSerializer(TenantSerializer):
    bio = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    style = serializers.CharField(
        max_length=2000, required=False, allow_blank=True, help_text="How they write, for the model."
    )

    class Meta:
        model = AuthorProfile
        fields = ["id", "site", "name", "job_title", "bio", "tone", "style", "is_default", "created_at",
                  "updated_at"]  # fmt: skip
        # The newest default takes the place of the one that was: no two meet.
        validators = []
        extra_kwargs = {
            "site": {"help_text": "null: of all sites of the account.", "required": False, "allow_null": True}
        }


class ContentGenerationSerializer(KnownFields, serializers.Serializer):
    default_article_length = serializers.IntegerField(
        min_value=100, max_value=20_000, required=False, help_text="Words, of a task that names none."
    )
    default_tone = serializers.CharField(
        max_length=80, required=False, help_text="Of articles whose author has none."
    )
    include_faq = serializers.BooleanField(required=False, help_text="A section with frequent questions.")
    enable_internal_linking = serializers.BooleanField(required=False)


class PublishingDefaultsSerializer(KnownFields, serializers.Serializer):
    """What the settings of a new site begin from."""

    default_publish_status = serializers.ChoiceField(
        ["draft", "publish"],
        required=False,
        help_text="draft: a new article waits in WordPress until people of the site publish it there.",
    )
    auto_schedule = serializers.BooleanField(required=False)
    schedule_frequency = serializers.ChoiceField(["daily", "weekdays", "weekly"], required=False)
    schedule_times = serializers.ListField(
        child=serializers.RegexField(
            r"^([01]\d|2[0-3]):[0-5]\d$", error_messages={"invalid": "Write HH:MM."}
        ),
        allow_empty=False,
        max_length=24,
        required=False,
    )

    def validate_schedule_times(self, value: list[str]) -> list[str]:
        return sorted(set(value))


CONTENT_SETTINGS = {
    ContentSettings.Key.CONTENT_GENERATION.value: ContentGenerationSerializer,
    ContentSettings.Key.PUBLISHING.value: PublishingDefaultsSerializer,
}


class ModulesSerializer(KnownFields, serializers.Serializer):
    def get_fields(self) -> dict:
        return {name: serializers.BooleanField(required=False) for name in MODULES}
