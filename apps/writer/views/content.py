"""Articles."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action

from apps.core.renderers import respond
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import TenantViewSet
from apps.writer.filters import ContentFilterSet
from apps.writer.models import Content
from apps.writer.serializers.content import (
    ContentDetailSerializer,
    ContentSerializer,
    UpdateContentSerializer,
)
from apps.writer.serializers.images import GenerateImagesSerializer
from apps.writer.serializers.versions import RestoreSerializer
from apps.writer.services.content import content_create, content_delete, content_update
from apps.writer.services.images import images_check
from apps.writer.services.versions import version_restore


def _removed_message(removed: list[str]) -> str:
    if not removed:
        return ""
    more = f" and {len(removed) - 10} more" if len(removed) > 10 else ""
    return f"Removed from the HTML what an article may not hold: {', '.join(removed[:10])}{more}."


class ContentViewSet(TenantViewSet):
    area = "content"
    key_actions = ("list", "retrieve")
    rate_scope = "content"
    rate_scopes = {"generate_images": "ai"}
    queryset = Content.objects.all()
    serializer_class = ContentSerializer
    filterset_class = ContentFilterSet
    search_fields = ["title", "slug", "primary_keyword"]
    ordering_fields = ["title", "status", "site_status", "word_count", "created_at", "updated_at",
                       "published_at", "scheduled_publish_at"]  # fmt: skip

    def get_serializer_class(self):
        return ContentDetailSerializer if self.action == "retrieve" else self.serializer_class

    def create(self, request, *args, **kwargs):
        """Write an article by hand: it begins as draft."""
        content, removed = content_create(
            account_id=self.tenant.account_id,
            user_id=self.tenant.user_id,
            fields=self.validated(),
            by=request.user.email,
        )
        return respond(self.get_serializer(content).data, _removed_message(removed), status=201)

    def update(self, request, *args, **kwargs):
        return self._change(ContentSerializer, partial=kwargs.get("partial", False))

    def perform_destroy(self, instance):
        content_delete(account_id=self.tenant.account_id, content_id=instance.pk)

    @extend_schema(request=UpdateContentSerializer, responses=ContentSerializer)
    @action(detail=True, methods=["post"])
    def update_content(self, request, pk=None):
        """Change an article. `status` moves draft → review → approved and back, a step at a time.

        HTML is cleaned; `message` says what was removed. What is published stays so.
        """
        return self._change(UpdateContentSerializer, partial=True)

    @extend_schema(request=None, responses=TaskIdSerializer)
    @action(detail=True, methods=["post"])
    def check_links(self, request, pk=None):
        """Ask the pages that the article links to whether they answer. The job's result: checked, problems."""
        return self.start_job("content.links", {"content_id": self.get_object().pk})

    @extend_schema(request=RestoreSerializer, responses=ContentSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request, pk=None):
        """Make the text what it was in a version, which becomes the newest. The state stays.

        The slug stays too where the article is published or another one has it; `message` says so.
        """
        content, slug_restored = version_restore(
            account_id=self.tenant.account_id,
            content_id=self.get_object().pk,
            number=self.validated(RestoreSerializer)["number"],
            by=request.user.email,
        )
        told = "" if slug_restored else f"The slug stays {content.slug}."
        return respond(ContentSerializer(content).data, told)

    @extend_schema(request=GenerateImagesSerializer, responses=TaskIdSerializer)
    @action(detail=True, methods=["post"])
    def generate_images(self, request, pk=None):
        """Have the article's images made, and their prompts first where there are none.

        The job's result: image_ids, failed, credits.
        """
        content = self.get_object()
        in_article = self.validated(GenerateImagesSerializer).get("in_article")
        if not self.asked_before():
            images_check(account_id=self.tenant.account_id, content=content, in_article=in_article)
        return self.start_job("images.generate", {"content_id": content.pk, "in_article": in_article})

    def _change(self, serializer_class, *, partial: bool):
        content = self.get_object()
        changes = self.validated(serializer_class, instance=content, partial=partial)
        content, removed = content_update(
            account_id=self.tenant.account_id,
            content_id=content.pk,
            changes=changes,
            by=self.request.user.email,
        )
        return respond(ContentSerializer(content).data, _removed_message(removed))
