"""Ideas for articles."""

from django.db import transaction
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.core.serializers import CountSerializer, IdsSerializer
from apps.core.viewsets import TenantViewSet
from apps.planner.filters import IdeaFilterSet
from apps.planner.models import ContentIdea, Keyword
from apps.planner.serializers.ideas import ContentIdeaSerializer, IdeaUpdateSerializer
from apps.planner.services.bulk import bulk_update
from apps.planner.services.ideas import idea_changed, idea_create, ideas_delete


class ContentIdeaViewSet(TenantViewSet):
    """Articles worth writing.

    One on a topic that an idea, task, article or post of the site has already is a 409 that names it, unless
    `allow_duplicate`.
    """

    area = "content"
    queryset = ContentIdea.objects.select_related("cluster").prefetch_related(
        Prefetch("keywords", queryset=Keyword.objects.only("pk").order_by("pk"))
    )
    serializer_class = ContentIdeaSerializer
    filterset_class = IdeaFilterSet
    search_fields = ["title", "primary_keyword", "description"]
    ordering_fields = ["title", "status", "content_type", "structure", "intent", "word_count", "created_at"]

    def perform_create(self, serializer):
        serializer.instance = idea_create(account_id=self.tenant.account_id, **serializer.validated_data)

    def perform_update(self, serializer):
        with transaction.atomic():
            serializer.validated_data.pop("allow_duplicate", None)
            idea_changed(serializer.save())

    def perform_destroy(self, instance):
        ideas_delete(account_id=instance.account_id, ids=[instance.pk])

    @extend_schema(request=IdsSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_delete(self, request):
        """Delete ideas, all or none. Tasks that were made of them stay."""
        ids = self.own_ids("ids", self.validated(IdsSerializer)["ids"])
        return Response({"deleted": ideas_delete(account_id=self.tenant.account_id, ids=ids)})

    @extend_schema(request=IdeaUpdateSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_update(self, request):
        """Change several ideas at once, all or none."""
        data = self.validated(IdeaUpdateSerializer)
        ids = self.own_ids("ids", data.pop("ids"))
        return Response({"updated": bulk_update(rows=ContentIdea.objects.filter(pk__in=ids), **data)})
