"""Ideas for articles."""

from rest_framework import serializers

from apps.accounts.models import Sector
from apps.core.serializers import IdsField, TenantRelatedField
from apps.planner.models import Cluster, ContentIdea, ContentType, Intent, Keyword, Structure
from apps.planner.serializers.keywords import WorkflowSerializer, something


class KeywordIdsField(IdsField):
    """Keywords as ids, looked up in one query however many there are."""

    def get_attribute(self, instance: ContentIdea) -> list[int]:
        return [keyword.pk for keyword in instance.keywords.all()]

    def to_internal_value(self, data) -> list[Keyword]:
        ids = super().to_internal_value(data)
        tenant = self.context["request"].tenant
        found = list(Keyword.objects.for_tenant(tenant).filter(pk__in=ids).only("pk", "site_id"))
        if missing := set(ids) - {keyword.pk for keyword in found}:
            raise serializers.ValidationError(f"There is no keyword with the id {min(missing)}.")
        return found


class OutlinePartSerializer(serializers.Serializer):
    heading = serializers.CharField(max_length=300)
    points = serializers.ListField(child=serializers.CharField(max_length=2000), max_length=50, default=list)


class ContentIdeaSerializer(WorkflowSerializer):
    sector = TenantRelatedField(queryset=Sector.objects.all(), required=False, allow_null=True)
    cluster = TenantRelatedField(queryset=Cluster.objects.all(), required=False, allow_null=True)
    cluster_name = serializers.CharField(source="cluster.name", read_only=True, allow_null=True)
    title = serializers.CharField(max_length=300)
    keywords = KeywordIdsField(required=False, allow_empty=True, help_text="Ids.")
    outline = OutlinePartSerializer(many=True, required=False, max_length=100)
    word_count = serializers.IntegerField(min_value=100, max_value=20_000, required=False)
    allow_duplicate = serializers.BooleanField(
        write_only=True, required=False, help_text="Make it although the site has the topic already."
    )

    class Meta:
        model = ContentIdea
        fields = ["id", "site", "sector", "cluster", "cluster_name", "title", "description", "content_type",
                  "structure", "intent", "primary_keyword", "keywords", "outline", "word_count", "status",
                  "is_offline_draft", "allow_duplicate", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["is_offline_draft"]

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        site_id = attrs["site"].pk if "site" in attrs else self.instance.site_id
        if any(keyword.site_id != site_id for keyword in attrs.get("keywords", [])):
            raise serializers.ValidationError({"keywords": [f"They must belong to site {site_id}."]})
        return attrs


class IdeaUpdateSerializer(serializers.Serializer):
    ids = IdsField()
    status = serializers.ChoiceField(choices=ContentIdea.Status.choices, required=False)
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    structure = serializers.ChoiceField(choices=Structure.choices, required=False)
    intent = serializers.ChoiceField(choices=Intent.choices, required=False, allow_blank=True)
    word_count = serializers.IntegerField(min_value=100, max_value=20_000, required=False)

    def validate(self, attrs: dict) -> dict:
        return something(attrs)
