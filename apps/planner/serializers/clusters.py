"""Clusters, and what is asked of them."""

from rest_framework import serializers

from apps.accounts.models import Sector, Site
from apps.core.serializers import IdsField, TenantRelatedField
from apps.planner.models import Cluster
from apps.planner.serializers.keywords import WorkflowSerializer, same_site, something


class ClusterSerializer(WorkflowSerializer):
    sector = TenantRelatedField(queryset=Sector.objects.all(), required=False, allow_null=True)
    parent = TenantRelatedField(
        queryset=Cluster.objects.filter(is_hub=True), required=False, allow_null=True, help_text="A hub."
    )
    name = serializers.CharField(max_length=500)
    keyword_count = serializers.IntegerField(read_only=True, help_text="Of a hub: of the clusters under it.")
    volume = serializers.IntegerField(read_only=True)
    difficulty = serializers.FloatField(read_only=True, allow_null=True, help_text="The average.")

    class Meta:
        model = Cluster
        fields = ["id", "site", "sector", "parent", "name", "description", "status", "is_hub", "is_locked",
                  "is_edited", "keyword_count", "volume", "difficulty", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["is_edited"]

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        old = self.instance
        is_hub = attrs.get("is_hub", old.is_hub if old else False)
        if is_hub and attrs.get("parent", old.parent_id if old else None):
            raise serializers.ValidationError({"parent": ["A hub has no hub above it."]})
        if old and is_hub != old.is_hub and (old.keywords.exists() or old.children.exists()):
            raise serializers.ValidationError({"is_hub": ["It holds keywords or clusters: empty it first."]})
        return attrs

    def create(self, validated_data: dict) -> Cluster:
        return super().create({**validated_data, "is_edited": True})

    def update(self, instance: Cluster, validated_data: dict) -> Cluster:
        if validated_data.get("name", instance.name) != instance.name:
            instance.is_edited = True
        return super().update(instance, validated_data)


class ClusterUpdateSerializer(serializers.Serializer):
    ids = IdsField()
    status = serializers.ChoiceField(choices=Cluster.Status.choices, required=False)
    is_locked = serializers.BooleanField(required=False)

    def validate(self, attrs: dict) -> dict:
        return something(attrs)


class AutoClusterSerializer(serializers.Serializer):
    site_id = TenantRelatedField(queryset=Site.objects.all())
    sector_id = TenantRelatedField(queryset=Sector.objects.all(), required=False, allow_null=True)
    keyword_ids = IdsField(
        required=False, help_text="Of these the new ones (with recut those that may be cut again too)."
    )
    granularity = serializers.FloatField(
        min_value=0, max_value=1, default=0.5, help_text="0: few large clusters, 1: many small ones."
    )
    preview = serializers.BooleanField(
        default=False, help_text="Only show what would be made. It stores nothing and is free."
    )
    recut = serializers.BooleanField(
        default=False,
        help_text="Also cluster again what was clustered. Locked and edited clusters, and those with ideas, stay.",
    )
    polish_names = serializers.BooleanField(default=False, help_text="Have a model better the names.")

    def validate(self, attrs: dict) -> dict:
        same_site(attrs)
        return attrs


class GenerateIdeasSerializer(serializers.Serializer):
    cluster_ids = IdsField()
    ideas_per_cluster = serializers.IntegerField(min_value=1, max_value=10, default=1)
    allow_duplicate = serializers.BooleanField(
        default=False, help_text="Also ideas on topics that the site has already."
    )


class MergeSerializer(serializers.Serializer):
    cluster_ids = IdsField(min_length=2, help_text="Two or more, of one site and sector.")
    into = serializers.IntegerField(required=False, help_text="The one that stays; without it the first.")
    name = serializers.CharField(max_length=500, required=False)

    def validate(self, attrs: dict) -> dict:
        if "into" in attrs and attrs["into"] not in attrs["cluster_ids"]:
            raise serializers.ValidationError({"into": ["It must be one of cluster_ids."]})
        return attrs


class SplitSerializer(serializers.Serializer):
    keyword_ids = IdsField(required=False, help_text="Those that go; without it the words decide.")
    name = serializers.CharField(
        max_length=500, required=False, help_text="Of the new cluster of keyword_ids."
    )
    granularity = serializers.FloatField(
        min_value=0, max_value=1, default=0.5, help_text="Without keyword_ids: 0 few parts, 1 many."
    )


class MoveKeywordsSerializer(serializers.Serializer):
    keyword_ids = IdsField()
    cluster_id = TenantRelatedField(
        queryset=Cluster.objects.all(), allow_null=True, help_text="null: out of their clusters."
    )


class MovedSerializer(serializers.Serializer):
    moved = serializers.IntegerField()
