from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from apps.accounts.models import Site
from apps.core.errors import Conflict
from apps.core.schema import also
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import TenantMixin
from apps.integration.models import SiteIntegration, SyncRun
from apps.integration.serializers.sync import (
    DebugStatusSerializer,
    PostTypeSerializer,
    PullSerializer,
    SiteStructureSerializer,
    SiteSyncSerializer,
    SyncHealthSerializer,
    SyncSerializer,
    SyncStatusSerializer,
)
from apps.integration.services.structure import structure_update
from apps.integration.services.sync.start import debug_status, sync_health, sync_start, sync_status


class SyncViewSet(TenantMixin, viewsets.GenericViewSet):
    """Keeping the content of a site and its WordPress alike."""

    area = "integrations"
    key_actions = ("sync", "sync_status", "sync_health", "update_structure", "content_types", "site_sync")
    queryset = SiteIntegration.objects.select_related("site", "structure")
    serializer_class = SyncSerializer
    lookup_value_regex = r"[^/.]+"
    filter_backends = ()
    pagination_class = None

    @extend_schema(request=SyncSerializer, responses=TaskIdSerializer)
    @action(detail=True, methods=["post"])
    def sync(self, request, pk=None):
        """Bring what changed in WordPress here, and what changed here there: a job. While a sync of the site runs, its
        job is the answer. What both changed is left as it is on both sides, and listed under integration/conflicts/."""
        return self._start(self.get_object(), **self.validated(SyncSerializer))

    @extend_schema(request=PullSerializer, responses=TaskIdSerializer)
    @action(detail=True, methods=["post"])
    def sync_wordpress_content(self, request, pk=None):
        """Bring in what changed in WordPress, and send nothing: a job."""
        return self._start(
            self.get_object(), direction=SyncRun.Direction.PULL, **self.validated(PullSerializer)
        )

    @extend_schema(request=SiteSyncSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def site_sync(self, request):
        """The same as sync/, for the connection of a site."""
        data = self.validated(SiteSyncSerializer)
        site_id = data.pop("site_id", None)
        if site_id is None:
            if not self.tenant.is_key:
                raise ValidationError({"site_id": ["This field is required."]})
            (site_id,) = self.tenant.site_ids
        self.own_ids("site_id", [site_id], Site.objects.all())
        integration = self.get_queryset().filter(site_id=site_id).first()
        if integration is None:
            raise Conflict("The site has no connection to WordPress. Set one up under integration/.")
        return self._start(integration, **data)

    @extend_schema(responses=SyncStatusSerializer, extensions=also(null=True))
    @action(detail=True)
    def sync_status(self, request, pk=None):
        """The newest sync, and how far it is; null before the first."""
        status = sync_status(integration=self.get_object())
        return Response(status and SyncStatusSerializer(status).data)

    @extend_schema(responses=SyncHealthSerializer)
    @action(detail=True)
    def sync_health(self, request, pk=None):
        """Whether the two sides are kept alike: counts, the last success and its age, conflicts and failures."""
        return Response(SyncHealthSerializer(sync_health(integration=self.get_object())).data)

    @extend_schema(responses=DebugStatusSerializer)
    @action(detail=True)
    def debug_status(self, request, pk=None):
        """The last syncs and webhooks in full, for whoever looks for a reason."""
        return Response(DebugStatusSerializer(debug_status(integration=self.get_object())).data)

    @extend_schema(request=None, responses=SiteStructureSerializer, extensions=also("502"))
    @action(detail=True, methods=["post"])
    def update_structure(self, request, pk=None):
        """Read anew what the site is made of: post types, taxonomies, authors, permalinks and plug-ins, as far as its
        REST API tells them to the user that connects."""
        structure = structure_update(integration=self.get_object())
        return Response(SiteStructureSerializer(structure, context=self.get_serializer_context()).data)

    @extend_schema(responses=PostTypeSerializer(many=True))
    @action(detail=True)
    def content_types(self, request, pk=None):
        """The post types of the site, as they were read last; empty before that."""
        integration = self.get_object()
        structure = getattr(integration, "structure", None)
        rows = integration.synced_posts.order_by().values_list("post_type").annotate(n=Count("pk"))
        synced = dict(rows)
        found = [
            {**kind, "synced": synced.get(kind["rest_base"], 0)}
            for kind in (structure.post_types if structure else [])
        ]
        return Response(PostTypeSerializer(found, many=True).data)

    def _start(self, integration: SiteIntegration, *, direction: str, deep: bool) -> Response:
        job = sync_start(integration=integration, direction=direction, deep=deep, user_id=self.tenant.user_id)
        return Response({"task_id": str(job.pk)})
