from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.core.filters import IdFilter, SiteFilterSet
from apps.core.viewsets import TenantReadViewSet
from apps.integration.models import SyncedPost
from apps.integration.serializers.sync import (
    ResolvedSerializer,
    ResolveSerializer,
    SyncConflictDetailSerializer,
    SyncConflictSerializer,
)
from apps.integration.services.sync.conflicts import conflict_resolve


class ConflictFilterSet(SiteFilterSet):
    integration_id = IdFilter(field_name="integration_id")
    content_id = IdFilter(field_name="content_id")

    class Meta:
        model = SyncedPost
        fields = ["post_type"]


class ConflictViewSet(TenantReadViewSet):
    """Articles that were changed in WordPress and here, to different things. Neither side is written over until
    somebody chooses."""

    area = "content"
    queryset = SyncedPost.objects.filter(conflict_at__isnull=False, content__isnull=False).select_related(
        "content"
    )
    filterset_class = ConflictFilterSet
    search_fields = ["content__title", "url"]
    ordering_fields = ["conflict_at", "id"]
    ordering = ["-conflict_at"]

    def get_serializer_class(self):
        return SyncConflictDetailSerializer if self.action == "retrieve" else SyncConflictSerializer

    @extend_schema(request=ResolveSerializer, responses=ResolvedSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request, pk=None):
        """Choose: `theirs` comes in here, as a version; `ours`, or the `merged` text that is sent along and becomes
        ours, goes to WordPress by a job."""
        synced = self.get_object()
        data = self.validated(ResolveSerializer)
        job = conflict_resolve(
            account_id=self.tenant.account_id,
            synced_id=synced.pk,
            choice=data["choice"],
            texts={name: data[name] for name in ("title", "html", "excerpt") if name in data},
            seen=data["seen"],
            by=request.user.email,
            user_id=self.tenant.user_id,
        )
        return Response({"task_id": str(job.pk) if job else None})
