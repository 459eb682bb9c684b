from rest_framework import serializers

from apps.core.serializers import IdsField, TenantRelatedField, TenantSerializer
from apps.linker.models import Link, LinkPass
from apps.writer.models import Content

MAX_LINKS = 50
MAX_DRY_RUN = 1000


class OptionsSerializer(serializers.Serializer):
    dry_run = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Only say what would be linked: nothing is stored, nothing costs.",
    )
    max_links = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LINKS,
        required=False,
        allow_null=True,
        default=None,
        help_text="At most so many, those that the article has already included; null: as the installation has it. "
        "A short article gets fewer.",
    )
    use_model = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Let the account's model choose among the links that were found. Not for a dry run.",
    )

    def validate(self, attrs: dict) -> dict:
        if attrs["dry_run"] and attrs["use_model"]:
            raise serializers.ValidationError(
                {
                    "use_model": [
                        "A dry run is free and asks no model. Leave one of the two out; a pass can be undone."
                    ]
                }
            )
        return attrs


class ProcessLinksSerializer(OptionsSerializer):
    content_id = TenantRelatedField(queryset=Content.objects.only("pk"))
    target_ids = IdsField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Only these pages: what was left of a dry run's links.",
    )


class BatchProcessSerializer(OptionsSerializer):
    content_ids = IdsField(help_text="1 to 10,000 ids; for a dry run at most 1,000.")

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        if attrs["dry_run"] and len(attrs["content_ids"]) > MAX_DRY_RUN:
            raise serializers.ValidationError(
                {"content_ids": [f"A dry run takes at most {MAX_DRY_RUN} articles. Send them in parts."]}
            )
        return attrs


class FoundLinkSerializer(serializers.Serializer):
    target_id = serializers.IntegerField(allow_null=True)
    target_title = serializers.CharField()
    url = serializers.URLField()
    anchor = serializers.CharField(help_text="The words of the text that become the link.")
    context = serializers.CharField(help_text="What stands around them.")
    offset = serializers.IntegerField(help_text="Characters before the link, in the HTML with all of them.")
    keyword = serializers.CharField(help_text="The page's phrase that it was found by.")
    reason = serializers.ChoiceField(Link.Reason.choices)
    score = serializers.FloatField(help_text="0 to 1.")


class LinkResultSerializer(serializers.Serializer):
    content_id = serializers.IntegerField()
    dry_run = serializers.BooleanField()
    pass_id = serializers.IntegerField(
        allow_null=True, help_text="Names it for an undo; null: nothing was added."
    )
    links = FoundLinkSerializer(many=True)
    credits = serializers.IntegerField()


class InternalLinkSerializer(TenantSerializer):
    content_title = serializers.CharField(source="content.title", read_only=True)
    target_title = serializers.CharField(source="target.title", read_only=True, allow_null=True)
    pass_id = serializers.IntegerField(source="link_pass_id", read_only=True)

    class Meta:
        model = Link
        fields = ["id", "site", "pass_id", "content", "content_title", "target", "target_title", "url", "anchor",
                  "offset", "keyword", "reason", "score", "status", "created_at"]  # fmt: skip
        read_only_fields = fields


class LinkPassSerializer(TenantSerializer):
    content_title = serializers.CharField(source="content.title", read_only=True)
    links = serializers.IntegerField(source="link_count", read_only=True, help_text="How many it put in.")

    class Meta:
        model = LinkPass
        fields = ["id", "site", "content", "content_title", "status", "links", "credits", "model", "hash_before",
                  "hash_after", "undone_by", "undone_at", "created_at"]  # fmt: skip
        read_only_fields = fields


class LostLinkSerializer(serializers.Serializer):
    anchor = serializers.CharField()
    url = serializers.URLField()


class UndoneSerializer(serializers.Serializer):
    pass_id = serializers.IntegerField()
    content_id = serializers.IntegerField()
    exact = serializers.BooleanField(help_text="The text is byte for byte what it was before the pass.")
    removed = serializers.IntegerField()
    lost = LostLinkSerializer(many=True, help_text="Links that had been changed or removed before.")


class OrphanSerializer(TenantSerializer):
    class Meta:
        model = Content
        fields = ["id", "site", "title", "slug", "external_url", "primary_keyword", "origin", "content_type",
                  "published_at"]  # fmt: skip
