"""Keywords, of the library and of a site."""

from django.db import transaction
from rest_framework import serializers

from apps.accounts.models import Sector, Site
from apps.core.serializers import IdsField, TenantRelatedField, TenantSerializer
from apps.planner.keyword_files import CellError, keyword_key, keyword_text
from apps.planner.keyword_files.cells import country_of
from apps.planner.models import Cluster, Intent, Keyword
from apps.planner.services.cluster_edits import keywords_move

KEYWORD_FIELDS = ["id", "site", "sector", "seed_keyword", "keyword", "volume", "volume_is_estimate", "difficulty",
                  "country", "intent", "cluster", "cluster_name", "status", "created_at", "updated_at"]  # fmt: skip


class CountryField(serializers.CharField):
    """ISO 3166 alpha-2; UK is taken for GB, a name such as France for its code."""

    def __init__(self, **kwargs):
        super().__init__(**{"max_length": 60, **kwargs})

    def to_internal_value(self, data) -> str:
        text = super().to_internal_value(data)
        try:
            code = country_of(text)
        except CellError as error:
            raise serializers.ValidationError(error.reason) from None
        if code is None:
            raise serializers.ValidationError("Give a country code such as US or GB.")
        return code


class WorkflowSerializer(TenantSerializer):
    """A row of a site whose status moves by rule. It stays on its site."""

    def validate_site(self, site: Site) -> Site:
        if self.instance is not None and site.pk != self.instance.site_id:
            raise serializers.ValidationError("It can not be moved to another site.")
        return site

    def validate_status(self, status: str) -> str:
        if self.instance is None and status != "new":
            raise serializers.ValidationError("What is made begins as new.")
        return status

    def update(self, instance, validated_data):
        status = validated_data.pop("status", instance.status)
        with transaction.atomic():
            instance = super().update(instance, validated_data)
            if status != instance.status:
                type(instance).objects.filter(pk=instance.pk).move_to(status)
                instance.status = status
        return instance


def something(attrs: dict) -> dict:
    if len(attrs) < 2:
        raise serializers.ValidationError("Say what is to be changed: give one field besides ids.")
    return attrs


class KeywordSerializer(WorkflowSerializer):
    keyword = serializers.CharField(max_length=2000, help_text="At most 500 characters.")
    country = CountryField(required=False)
    volume = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="Searches a month."
    )
    difficulty = serializers.IntegerField(min_value=0, max_value=100, required=False, allow_null=True)
    sector = TenantRelatedField(queryset=Sector.objects.all())
    cluster = TenantRelatedField(queryset=Cluster.objects.all(), required=False, allow_null=True)
    cluster_name = serializers.CharField(source="cluster.name", read_only=True, allow_null=True)

    class Meta:
        model = Keyword
        fields = KEYWORD_FIELDS
        read_only_fields = ["seed_keyword", "volume_is_estimate"]

    def validate_keyword(self, value: str) -> str:
        try:
            text = keyword_text(value)
        except CellError as error:
            raise serializers.ValidationError(error.reason) from None
        if len(keyword_key(text)) > 500:
            raise serializers.ValidationError("Spelled out it is over 500 characters.")
        return text

    def validate_cluster(self, cluster: Cluster | None) -> Cluster | None:
        if cluster is not None and cluster.is_hub:
            raise serializers.ValidationError("This is a hub: choose one of the clusters under it.")
        return cluster

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        old = self.instance
        if old is None or "keyword" in attrs or "country" in attrs:
            attrs["key"] = keyword_key(attrs["keyword"]) if "keyword" in attrs else old.key
            country = attrs.get("country") or (old.country if old else "US")
            same = Keyword.objects.filter(
                site=attrs.get("site") or old.site_id, country=country, key=attrs["key"]
            )
            if same.exclude(pk=old.pk if old else None).exists():
                raise serializers.ValidationError(
                    {"keyword": [f"The site has this keyword for {country} already."]}
                )
        return attrs

    def update(self, instance: Keyword, validated_data: dict) -> Keyword:
        """Its cluster makes a keyword clustered or mapped, as far as that is; taking it away makes it new again."""
        if validated_data.get("status") == instance.status:
            del validated_data["status"]  # a PUT that repeats what it read asks for no move
        cluster = validated_data.pop("cluster", instance.cluster)
        cluster_id = cluster.pk if cluster else None
        with transaction.atomic():
            if cluster_id != instance.cluster_id:
                keywords_move(
                    account_id=instance.account_id, keyword_ids=[instance.pk], cluster_id=cluster_id
                )
                instance.refresh_from_db()
            if "volume" in validated_data:
                instance.volume_is_estimate = False
            if "sector" in validated_data and instance.seed_keyword_id is None:
                instance.industry_sector_id = validated_data["sector"].industry_sector_id
            return super().update(instance, validated_data)


class BulkStatusSerializer(serializers.Serializer):
    ids = IdsField()
    status = serializers.ChoiceField(choices=Keyword.Status.choices)


class AddToWorkflowSerializer(serializers.Serializer):
    seed_keyword_ids = IdsField(help_text="1 to 10,000 ids of the keywords library.")
    site_id = TenantRelatedField(queryset=Site.objects.all())
    sector_id = TenantRelatedField(
        queryset=Sector.objects.all(),
        required=False,
        allow_null=True,
        help_text="Only keywords of this sector.",
    )

    def validate(self, attrs: dict) -> dict:
        same_site(attrs)
        return attrs


class AddedSerializer(serializers.Serializer):
    added = serializers.IntegerField()
    skipped = serializers.IntegerField()
    reasons = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="already_there, other_sector, not_found, insufficient_credits, plan_limit: how many.",
    )
    credits_charged = serializers.IntegerField()


class UploadSerializer(serializers.Serializer):
    file = serializers.FileField(help_text="CSV, TSV, a plain list or .xlsx; exports of the usual tools.")
    site_id = TenantRelatedField(queryset=Site.objects.all())
    sector_id = TenantRelatedField(queryset=Sector.objects.all())
    country = CountryField(required=False, help_text="Of rows that name none.")
    preview = serializers.BooleanField(required=False, default=False, help_text="Only look, import nothing.")

    def validate(self, attrs: dict) -> dict:
        same_site(attrs)
        return attrs


def same_site(attrs: dict) -> None:
    sector = attrs.get("sector_id")
    if sector and sector.site_id != attrs["site_id"].pk:
        raise serializers.ValidationError({"sector_id": ["It belongs to another site."]})


class SeedKeywordSerializer(serializers.Serializer):
    """A row of the library; made of SQL values, so that a page costs no model instances."""

    id = serializers.IntegerField()
    keyword = serializers.CharField()
    volume = serializers.IntegerField()
    difficulty = serializers.ChoiceField(choices=["easy", "medium", "hard", "very_hard"], allow_null=True)
    difficulty_score = serializers.IntegerField(allow_null=True)
    country = serializers.CharField()
    intent = serializers.ChoiceField(choices=Intent.choices, allow_blank=True)
    industry_sector = serializers.IntegerField()
    industry_sector_name = serializers.CharField()
    is_high_opportunity = serializers.BooleanField()
    is_paid = serializers.BooleanField()
    credit_cost = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    is_added = serializers.BooleanField(
        required=False, help_text="Only with site_id: whether the site has it."
    )


class StatsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    added = serializers.IntegerField()
    available = serializers.IntegerField()
    high_opportunity = serializers.IntegerField()
    paid = serializers.IntegerField()
    free = serializers.IntegerField()


class SectorStatsSerializer(serializers.Serializer):
    sector_id = serializers.IntegerField()
    sector_name = serializers.CharField()
    sector_description = serializers.CharField()
    stats = StatsSerializer()
