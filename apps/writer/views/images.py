"""Images of articles, and their bytes."""

from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Prefetch
from django.http import FileResponse, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.negotiation import BaseContentNegotiation

from apps.core.errors import NotFound
from apps.core.schema import also
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import DestroyMixin, TenantMixin
from apps.writer.filters import ContentImagesFilterSet, ImageFilterSet
from apps.writer.models import Content, Image
from apps.writer.serializers.images import (
    ContentImagesSerializer,
    FileQuerySerializer,
    GenerateForContentSerializer,
    ImageSerializer,
    RegenerateSerializer,
)
from apps.writer.services.images import image_check, image_delete, image_file, images_check
from apps.writer.services.pictures import EXTENSIONS, FULL, WIDTHS


class AnyAccept(BaseContentNegotiation):
    """An `Accept: image/png` asks for the bytes, which no renderer makes."""

    def select_parser(self, request, parsers):
        return parsers[0]

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class ImageViewSet(
    TenantMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    DestroyMixin,
    viewsets.GenericViewSet,
):
    area = "content"
    key_actions = ("list", "file")
    rate_scope = "content"
    rate_scopes = {"generate_for_content": "ai", "regenerate": "ai"}
    queryset = Image.objects.all()
    serializer_class = ImageSerializer
    filterset_class = ImageFilterSet
    search_fields = ["alt", "caption", "prompt", "content__title"]
    ordering_fields = ["content", "kind", "position", "status", "created_at", "updated_at"]

    def perform_destroy(self, instance):
        image_delete(account_id=self.tenant.account_id, image_id=instance.pk)

    @extend_schema(request=GenerateForContentSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def generate_for_content(self, request):
        """Have the images of an article made, and their prompts first where there are none.

        The job's result: image_ids, failed, credits.
        """
        asked = self.validated(GenerateForContentSerializer)
        content, in_article = asked["content_id"], asked.get("in_article")
        if not self.asked_before():
            images_check(account_id=self.tenant.account_id, content=content, in_article=in_article)
        return self.start_job("images.generate", {"content_id": content.pk, "in_article": in_article})

    @extend_schema(request=RegenerateSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def regenerate(self, request):
        """Have an image made anew, with another prompt if one is given. The old one stays until then.

        The job's result: image_id, credits.
        """
        asked = self.validated(RegenerateSerializer)
        if not self.asked_before():
            image_check(account_id=self.tenant.account_id, site_id=asked["image_id"].site_id)
        payload = {"image_id": asked["image_id"].pk, "prompt": asked.get("prompt")}
        return self.start_job("images.regenerate", payload, total=1)

    @extend_schema(
        parameters=[
            OpenApiParameter("id", int, required=True, description="The image."),
            OpenApiParameter(
                "size", str, enum=[FULL, *map(str, WIDTHS)], description="At least so wide, where it is."
            ),
            OpenApiParameter(
                "format", str, enum=sorted(EXTENSIONS), description="Without it, what fits most."
            ),
        ],
        responses={(200, f"image/{kind}"): OpenApiTypes.BINARY for kind in EXTENSIONS},
        extensions=also("304"),
        filters=False,
    )
    @action(
        detail=False,
        methods=["get"],
        pagination_class=None,
        filter_backends=[],
        content_negotiation_class=AnyAccept,
    )
    def file(self, request):
        """The bytes of an image, whole or smaller.

        Answers 304 to an `If-None-Match` or `If-Modified-Since` that fits.
        """
        asked = FileQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        image = get_object_or_404(self.get_queryset(), pk=asked.validated_data["id"])
        if not image.file:
            raise NotFound("The image has no file yet. Generate it first.")
        size, form = asked.validated_data.get("size"), asked.validated_data.get("format")
        name, mime = image_file(image, size=size, form=form)
        etag = quote_etag(
            f"{image.sha256}-{name.rpartition('-')[2]}" if name != image.file.name else image.sha256
        )
        changed = int(image.updated_at.timestamp())
        response = get_conditional_response(request, etag=etag, last_modified=changed)
        if response is None:
            response = self._bytes(image, name, mime, with_body=request.method != "HEAD")
        response["ETag"] = etag
        response["Last-Modified"] = http_date(changed)
        response["Cache-Control"] = "private, max-age=3600"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def _bytes(self, image: Image, name: str, mime: str, *, with_body: bool) -> HttpResponse:
        shown = f"image-{image.pk}.{mime.rpartition('/')[2]}"
        try:
            if with_body:
                return FileResponse(default_storage.open(name, "rb"), content_type=mime, filename=shown)
            response = HttpResponse(content_type=mime)
            response["Content-Length"] = str(default_storage.size(name))
            response["Content-Disposition"] = f'inline; filename="{shown}"'
            return response
        except FileNotFoundError:
            raise NotFound("The image's file is not in the storage any more. Generate it again.") from None


class ContentImagesViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """Images grouped by article; articles without images are left out."""

    area = "content"
    rate_scope = "content"
    queryset = (
        Content.objects.only("id", "title")
        .filter(Exists(Image.objects.filter(content=OuterRef("pk"))))
        .prefetch_related(Prefetch("images", Image.objects.order_by("kind", "position", "id")))
    )
    serializer_class = ContentImagesSerializer
    filterset_class = ContentImagesFilterSet
    search_fields = ["title"]
    ordering_fields = ["title", "created_at", "updated_at"]
