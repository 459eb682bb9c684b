from rest_framework import serializers

from apps.accounts.models import Site
from apps.core.serializers import IdsField, TenantRelatedField, TenantSerializer
from apps.optimizer.models import Optimization
from apps.optimizer.scoring import CHECKS, STATUSES
from apps.writer.models import Content

MAX_HTML = 1_000_000
NEEDED = ("title", "html", "keyphrase")


class AnalyzeSerializer(serializers.Serializer):
    content_id = TenantRelatedField(
        queryset=Content.objects.select_related("site"),
        required=False,
        help_text="An article. The other fields then stand for changes that are not saved yet.",
    )
    site_id = TenantRelatedField(
        queryset=Site.objects.all(),
        required=False,
        help_text="Of a text that is no article yet: whose links are internal, whose articles share the keyphrase.",
    )
    title = serializers.CharField(required=False, max_length=300)
    html = serializers.CharField(required=False, max_length=MAX_HTML, allow_blank=True, trim_whitespace=False)
    keyphrase = serializers.CharField(required=False, max_length=500)
    slug = serializers.CharField(required=False, max_length=200, allow_blank=True)
    meta_title = serializers.CharField(required=False, max_length=300, allow_blank=True)
    meta_description = serializers.CharField(required=False, max_length=1000, allow_blank=True)
    language = serializers.RegexField(
        r"^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*$",
        required=False,
        max_length=20,
        help_text="As en or pt-BR; else the site's, else en.",
        error_messages={"invalid": "Give a language as en or pt-BR."},
    )

    def validate(self, attrs: dict) -> dict:
        if "content_id" in attrs:
            if "site_id" in attrs:
                raise serializers.ValidationError({"site_id": ["An article has its site. Leave this out."]})
            return attrs
        missing = [name for name in NEEDED if name not in attrs]
        if missing:
            problem = "Give content_id, or title, html and keyphrase."
            raise serializers.ValidationError({name: [problem] for name in missing})
        return attrs


class CheckResultSerializer(serializers.Serializer):
    id = serializers.ChoiceField([check.id for check in CHECKS])
    score = serializers.IntegerField(help_text="Points that it gave.")
    max = serializers.IntegerField(help_text="Points that it can give.")
    status = serializers.ChoiceField(STATUSES)
    reason = serializers.CharField(help_text="What was found.")
    advice = serializers.CharField(help_text="What to do; empty where nothing is to be done.")


class AnalysisSerializer(serializers.Serializer):
    score = serializers.IntegerField(help_text="0 to 100: the points given, of those that could be.")
    checks = CheckResultSerializer(many=True)
    version = serializers.CharField(
        help_text="Of the list of checks; scores of two versions are not comparable."
    )


class OptimizeSerializer(serializers.Serializer):
    content_id = TenantRelatedField(queryset=Content.objects.only("id", "account_id", "site_id"))


class BatchOptimizeSerializer(serializers.Serializer):
    content_ids = IdsField(help_text="1 to 10,000 ids of content.")


class OptimizationSerializer(TenantSerializer):
    """One of a list, without its texts."""

    class Meta:
        model = Optimization
        fields = ["id", "site", "content", "status", "reason", "version", "score_before", "score_after", "asked",
                  "model", "credits", "created_at"]  # fmt: skip
        read_only_fields = fields


class OptimizationDetailSerializer(OptimizationSerializer):
    class Meta(OptimizationSerializer.Meta):
        fields = [*OptimizationSerializer.Meta.fields, "before", "after", "diff", "refused"]
        read_only_fields = fields
