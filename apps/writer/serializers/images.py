from django.conf import settings
from rest_framework import serializers

from apps.core.serializers import TenantRelatedField, TenantSerializer
from apps.writer.models import Content, Image
from apps.writer.services.pictures import EXTENSIONS, FULL, WIDTHS

MAX_IN_ARTICLE = 20


class VariantSerializer(serializers.Serializer):
    size = serializers.CharField(help_text="The width that it was made for, or `full`.")
    format = serializers.ChoiceField(sorted(EXTENSIONS))
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bytes = serializers.IntegerField()
    url = serializers.URLField()


class FileQuerySerializer(serializers.Serializer):
    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    size = serializers.ChoiceField([FULL, *map(str, WIDTHS)], required=False)
    format = serializers.ChoiceField(sorted(EXTENSIONS), required=False)


class ImageSerializer(TenantSerializer):
    url = serializers.SerializerMethodField(help_text="Its bytes, once it is generated.")
    variants = serializers.SerializerMethodField(help_text="Smaller ones, and other formats.")
    prompt = serializers.CharField(max_length=4_000, required=False)

    class Meta:
        model = Image
        fields = ["id", "site", "content", "kind", "position", "prompt", "alt", "caption", "status", "url", "variants",
                  "mime", "width", "height", "sha256", "model", "error", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["site", "content", "kind", "position", "status", "mime", "width", "height",
                            "sha256", "model", "error"]  # fmt: skip

    def get_url(self, image: Image) -> str | None:
        return _address(image) if image.file else None

    def get_variants(self, image: Image) -> VariantSerializer(many=True):
        return [
            {name: row[name] for name in ("size", "format", "width", "height", "bytes")}
            | {"url": f"{_address(image)}&size={row['size']}&format={row['format']}"}
            for row in image.variants
        ]


class ContentImagesSerializer(serializers.Serializer):
    """An article with its images."""

    content_id = serializers.IntegerField(source="pk")
    title = serializers.CharField()
    featured = serializers.SerializerMethodField()
    in_article = serializers.SerializerMethodField()

    def get_featured(self, content: Content) -> ImageSerializer(allow_null=True):
        featured = next((i for i in content.images.all() if i.kind == Image.Kind.FEATURED), None)
        return ImageSerializer(featured, context=self.context).data if featured else None

    def get_in_article(self, content: Content) -> ImageSerializer(many=True):
        below = [i for i in content.images.all() if i.kind == Image.Kind.IN_ARTICLE]
        return ImageSerializer(below, many=True, context=self.context).data


def _address(image: Image) -> str:
    return f"{settings.PUBLIC_URL}/api/v1/writer/images/file/?id={image.pk}"


def in_article_field() -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=0,
        max_value=MAX_IN_ARTICLE,
        required=False,
        allow_null=True,
        help_text="Images below headings, beside the featured one; without it what the site's settings say.",
    )


class GenerateImagesSerializer(serializers.Serializer):
    in_article = in_article_field()


class GenerateForContentSerializer(serializers.Serializer):
    content_id = TenantRelatedField(queryset=Content.objects.all())
    in_article = in_article_field()


class RegenerateSerializer(serializers.Serializer):
    image_id = TenantRelatedField(queryset=Image.objects.all())
    prompt = serializers.CharField(max_length=4_000, required=False, help_text="Replaces the image's prompt.")
