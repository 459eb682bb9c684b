from rest_framework import serializers

from apps.writer.models import ContentVersion

MAX_NUMBER = 2**31 - 1


class VersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = ContentVersion
        fields = ["number", "title", "slug", "word_count", "made_by", "prompt_version", "reason",
                  "created_at"]  # fmt: skip
        read_only_fields = fields


class FieldChangeSerializer(serializers.Serializer):
    then = serializers.JSONField()
    now = serializers.JSONField()


class VersionDetailSerializer(VersionSerializer):
    """A version whole, and what the article is now beside it."""

    changed = serializers.DictField(
        child=FieldChangeSerializer(),
        source="difference.changed",
        read_only=True,
        help_text="By field, without the HTML.",
    )
    diff = serializers.CharField(
        source="difference.diff", read_only=True, help_text="Of the HTML, unified; empty: it is the same."
    )

    class Meta(VersionSerializer.Meta):
        fields = [*VersionSerializer.Meta.fields, "html", "excerpt", "meta_title", "meta_description",
                  "primary_keyword", "secondary_keywords", "categories", "tags", "changed", "diff"]  # fmt: skip
        read_only_fields = fields


class RestoreSerializer(serializers.Serializer):
    number = serializers.IntegerField(min_value=1, max_value=MAX_NUMBER, help_text="The version.")
