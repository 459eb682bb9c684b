"""What an article was before."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.response import Response

from apps.core.viewsets import TenantMixin
from apps.writer.filters import VersionFilterSet
from apps.writer.models import Content, ContentVersion
from apps.writer.serializers.versions import VersionDetailSerializer, VersionSerializer
from apps.writer.services.versions import version_diff


class VersionViewSet(TenantMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The kept versions of an article's text, the newest first: that one is the present text."""

    area = "content"
    rate_scope = "content"
    queryset = ContentVersion.objects.all()
    serializer_class = VersionSerializer
    filterset_class = VersionFilterSet
    search_fields = ["title", "made_by", "reason"]
    ordering_fields = ["number", "created_at", "word_count"]
    lookup_field = "number"

    def get_queryset(self):
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        articles = Content.objects.for_tenant(self.tenant).only("pk")
        rows = rows.filter(content=get_object_or_404(articles, pk=self.kwargs["content_id"]))
        return rows.defer("html") if self.action == "list" else rows.select_related("content")

    @extend_schema(responses=VersionDetailSerializer)
    def retrieve(self, request, *args, **kwargs):
        """A version, and what the article is now beside it."""
        version = self.get_object()
        version.difference = version_diff(version)
        return Response(VersionDetailSerializer(version).data)
