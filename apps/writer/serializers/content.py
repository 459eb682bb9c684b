import unicodedata

from rest_framework import serializers

from apps.accounts.models import Site
from apps.core.serializers import TenantSerializer
from apps.writer.models import Content
from apps.writer.services.claims import claims_of
from apps.writer.services.content import names_clean

MAX_HTML = 1_000_000
META_TITLE, MAX_META_TITLE = 60, 70
WORDS_A_MINUTE = 230
META_DESCRIPTION, MAX_META_DESCRIPTION = 160, 170


class NamesField(serializers.ListField):
    """A list of names; empty ones and those that differ only in case are dropped."""

    def __init__(self, *, longest: int = 200, **kwargs):
        super().__init__(
            child=serializers.CharField(max_length=longest, allow_blank=True), max_length=100, **kwargs
        )

    def to_internal_value(self, data) -> list[str]:
        return names_clean(super().to_internal_value(data))


class ContentSerializer(TenantSerializer):
    html = serializers.CharField(
        max_length=MAX_HTML,
        required=False,
        allow_blank=True,
        help_text="The text without its title. What an article may not hold (scripts, styles, frames, "
        "foreign images) is removed; `message` says what.",
    )
    slug = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Once in a site; empty: made from the title.",
    )
    excerpt = serializers.CharField(max_length=5_000, required=False, allow_blank=True)
    meta_title = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text=f"At best {META_TITLE} characters, at most {MAX_META_TITLE}.",
    )
    meta_description = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text=f"At best {META_DESCRIPTION} characters, at most {MAX_META_DESCRIPTION}.",
    )
    secondary_keywords = NamesField(longest=500, required=False)
    categories = NamesField(required=False)
    tags = NamesField(required=False)

    reading_time = serializers.SerializerMethodField(help_text="Minutes.")
    link_problems = serializers.JSONField(
        read_only=True, help_text="Links that were removed or do not answer: {url, text, problem}."
    )

    class Meta:
        model = Content
        fields = ["id", "site", "sector", "cluster", "task", "origin", "title", "slug", "html", "excerpt", "meta_title",
                  "meta_description", "primary_keyword", "secondary_keywords", "categories", "tags",
                  "content_type", "structure", "word_count", "reading_time", "link_problems",
                  "links_checked_at", "status", "site_status", "external_id", "external_url",
                  "scheduled_publish_at", "published_at", "model", "approved_by", "created_at",
                  "updated_at"]  # fmt: skip
        read_only_fields = ["task", "origin", "word_count", "links_checked_at", "site_status", "external_id",
                            "external_url",
                            "scheduled_publish_at", "published_at", "model", "approved_by"]  # fmt: skip
        # The slug is checked where the row is written, so that one that is made can move on to -2.
        validators: list = []

    def get_reading_time(self, content: Content) -> int:
        return -(-content.word_count // WORDS_A_MINUTE)

    def validate_site(self, site: Site) -> Site:
        if self.instance is not None and self.instance.site_id != site.pk:
            raise serializers.ValidationError("An article can not move to another site. Make it there anew.")
        return site

    def validate_title(self, title: str) -> str:
        return " ".join(title.split())

    def validate_slug(self, slug: str) -> str:
        return slug_checked(slug)

    def validate_meta_title(self, text: str) -> str:
        return _short(text, META_TITLE, MAX_META_TITLE)

    def validate_meta_description(self, text: str) -> str:
        return _short(text, META_DESCRIPTION, MAX_META_DESCRIPTION)

    def validate_status(self, status: str) -> str:
        if self.instance is None and status != Content.Status.DRAFT:
            raise serializers.ValidationError("A new article begins as draft.")
        return status


class ClaimSerializer(serializers.Serializer):
    sentence = serializers.CharField()
    kind = serializers.ChoiceField(["figure", "date", "source"])
    position = serializers.IntegerField(help_text="Of its block in the text, from 0.")


class ContentDetailSerializer(ContentSerializer):
    claims = serializers.SerializerMethodField(
        help_text="Statements with a figure, a date or a source, which an editor has to check."
    )

    class Meta(ContentSerializer.Meta):
        fields = [*ContentSerializer.Meta.fields, "claims"]

    def get_claims(self, content: Content) -> ClaimSerializer(many=True):
        return claims_of(content.html)


class UpdateContentSerializer(ContentSerializer):
    """What `update_content` takes, each of it optional."""

    class Meta(ContentSerializer.Meta):
        fields = ["title", "html", "slug", "excerpt", "meta_title", "meta_description", "primary_keyword",
                  "secondary_keywords", "categories", "tags", "status"]  # fmt: skip


def _short(text: str, best: int, most: int) -> str:
    text = " ".join(text.split())
    if len(text) > most:
        raise serializers.ValidationError(
            f"It has {len(text)} characters; at most {most} are taken, and search engines show about {best}."
        )
    return text


def slug_checked(slug: str) -> str:
    slug = slug.lower()
    # Letters, marks (without which half of the scripts have no words) and numbers.
    if any(c not in "-_" and unicodedata.category(c)[0] not in "LMN" for c in slug) or slug != slug.strip(
        "-_"
    ):
        raise serializers.ValidationError("A slug holds letters and digits with hyphens between them.")
    return slug
