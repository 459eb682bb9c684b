from rest_framework import serializers

from apps.accounts.models import Site
from apps.core.serializers import TenantRelatedField, TenantSerializer
from apps.writer.models import Taxonomy
from apps.writer.models.taxonomies import SEPARATOR
from apps.writer.serializers.content import slug_checked

FIXED = "It stays as it was made. Make it there anew."


class TaxonomySerializer(TenantSerializer):
    taxonomy = serializers.RegexField(
        r"^[a-z0-9_-]+\Z",
        max_length=32,
        required=False,
        default="category",
        help_text="`category`, `tag`, or the name of a taxonomy of the site's WordPress.",
    )
    parent = TenantRelatedField(
        queryset=Taxonomy.objects.all(),
        required=False,
        allow_null=True,
        help_text="Of the same site and taxonomy. A tag has none.",
    )
    name = serializers.CharField(
        max_length=200,
        help_text="Once under a parent; case, accents, width and HTML entities do not count.",
    )
    slug = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="Empty: made from the name."
    )
    description = serializers.CharField(max_length=5_000, required=False, allow_blank=True)
    path = serializers.SerializerMethodField(
        help_text="From the top: `Drinks > Coffee`. `ordering=path` gives the tree, from top to bottom."
    )

    class Meta:
        model = Taxonomy
        fields = ["id", "site", "taxonomy", "name", "slug", "parent", "path", "description", "external_id", "count",
                  "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["external_id", "count"]
        # Checked where the row is written, with the site locked.
        validators: list = []

    def get_path(self, row: Taxonomy) -> str:
        return SEPARATOR.join(row.path_names)

    def validate_site(self, site: Site) -> Site:
        if self.instance is not None and self.instance.site_id != site.pk:
            raise serializers.ValidationError(FIXED)
        return site

    def validate_taxonomy(self, taxonomy: str) -> str:
        if self.instance is not None and self.instance.taxonomy != taxonomy:
            raise serializers.ValidationError(FIXED)
        return taxonomy

    def validate_slug(self, slug: str) -> str:
        return slug_checked(slug)
