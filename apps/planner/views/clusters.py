"""Clusters of keywords."""

from django.db.models import Avg, Count, Sum
from django.db.models.functions import Coalesce, Round
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from apps.billing.services.prices import price_of
from apps.billing.services.reserved import credits_check
from apps.core.serializers import CountSerializer, IdsSerializer, TaskIdSerializer
from apps.core.viewsets import TenantViewSet
from apps.planner.filters import ClusterFilterSet
from apps.planner.models import Cluster, Keyword
from apps.planner.serializers.clusters import (
    AutoClusterSerializer,
    ClusterSerializer,
    ClusterUpdateSerializer,
    GenerateIdeasSerializer,
    MergeSerializer,
    MovedSerializer,
    MoveKeywordsSerializer,
    SplitSerializer,
)
from apps.planner.services.bulk import bulk_update
from apps.planner.services.cluster_edits import (
    cluster_lock,
    cluster_split,
    clusters_delete,
    clusters_merge,
    keywords_move,
)
from apps.planner.services.clusters import keywords_to_cluster

FIGURES = {
    # A cluster has keywords or clusters under it, never both, so that the two joins multiply nothing.
    "keyword_count": Count("keywords") + Count("children__keywords"),
    "volume": Coalesce(Sum("keywords__volume"), 0) + Coalesce(Sum("children__keywords__volume"), 0),
    "difficulty": Round(Coalesce(Avg("keywords__difficulty"), Avg("children__keywords__difficulty")), 1),
}


class ClusterViewSet(TenantViewSet):
    """Groups of keywords that one article answers, and the hubs above them."""

    area = "content"
    rate_scopes = {"auto_cluster": "ai", "generate_ideas": "ai"}
    queryset = Cluster.objects.all()
    serializer_class = ClusterSerializer
    filterset_class = ClusterFilterSet
    search_fields = ["name"]
    ordering_fields = ["name", "status", "keyword_count", "volume", "difficulty", "created_at"]

    def get_queryset(self):
        return super().get_queryset().annotate(**FIGURES)

    def perform_create(self, serializer):
        super().perform_create(serializer)
        serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)

    def perform_destroy(self, instance):
        clusters_delete(account_id=instance.account_id, ids=[instance.pk])

    @extend_schema(request=IdsSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_delete(self, request):
        """Delete clusters, all or none. Their keywords stay, and are new again where they have no idea."""
        ids = self.own_ids("ids", self.validated(IdsSerializer)["ids"])
        return Response({"deleted": clusters_delete(account_id=self.tenant.account_id, ids=ids)})

    @extend_schema(request=ClusterUpdateSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_update(self, request):
        """Change several clusters at once, all or none."""
        data = self.validated(ClusterUpdateSerializer)
        ids = self.own_ids("ids", data.pop("ids"))
        return Response({"updated": bulk_update(rows=Cluster.objects.filter(pk__in=ids), **data)})

    @extend_schema(request=AutoClusterSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def auto_cluster(self, request):
        """Cluster the new keywords of a site. Result: clusters, clustered, unclustered (by themselves), credits.

        `preview` has the groups in its result instead. `recut` clusters again what no editor has touched.
        """
        data = self.validated(AutoClusterSerializer)
        site, sector, ids = data["site_id"], data.get("sector_id"), data.get("keyword_ids")
        if ids is not None:
            self.own_ids("keyword_ids", ids, Keyword.objects.filter(site=site))
        wanted = {
            "site_id": site.pk,
            "sector_id": sector.pk if sector else None,
            "keyword_ids": ids,
            "recut": data["recut"],
        }
        if not data["preview"] and not self.asked_before():
            count = keywords_to_cluster(account_id=self.tenant.account_id, **wanted).count()
            self._can_pay("clustering", count)
        how = {name: data[name] for name in ("granularity", "preview", "polish_names")}
        return self.start_job("clusters.auto", wanted | how, total=100)

    @extend_schema(request=MergeSerializer, responses=ClusterSerializer)
    @action(detail=False, methods=["post"])
    def merge(self, request):
        """Make one cluster of several, with all their keywords, ideas, tasks and articles."""
        data = self.validated(MergeSerializer)
        ids = self.own_ids("cluster_ids", data["cluster_ids"])
        kept = clusters_merge(
            account_id=self.tenant.account_id, ids=ids, into=data.get("into"), name=data.get("name", "")
        )
        return self._shown(kept)

    @extend_schema(request=SplitSerializer, responses=ClusterSerializer(many=True), filters=False)
    @action(detail=True, methods=["post"], pagination_class=None)
    def split(self, request, pk=None):
        """Take keywords out of a cluster into a new one, or let their words decide. Answers it and the new ones."""
        cluster, data = self.get_object(), self.validated(SplitSerializer)
        ids = data.get("keyword_ids")
        if ids is not None:
            self.own_ids("keyword_ids", ids, Keyword.objects.filter(site=cluster.site_id))
        parts = cluster_split(
            account_id=self.tenant.account_id,
            cluster_id=cluster.pk,
            keyword_ids=ids,
            name=data.get("name", ""),
            fine=data["granularity"],
        )
        rows = {row.pk: row for row in self.get_queryset().filter(pk__in=parts)}
        return Response(self.get_serializer([rows[pk] for pk in parts if pk in rows], many=True).data)

    @extend_schema(request=MoveKeywordsSerializer, responses=MovedSerializer)
    @action(detail=False, methods=["post"])
    def move_keywords(self, request):
        """Put keywords into another cluster, or out of theirs."""
        data = self.validated(MoveKeywordsSerializer)
        cluster = data["cluster_id"]
        ids = self.own_ids("keyword_ids", data["keyword_ids"], Keyword.objects.all())
        moved = keywords_move(
            account_id=self.tenant.account_id, keyword_ids=ids, cluster_id=cluster.pk if cluster else None
        )
        return Response({"moved": moved})

    @extend_schema(request=None, responses=ClusterSerializer)
    @action(detail=True, methods=["post"])
    def lock(self, request, pk=None):
        """Clustering leaves it alone: it takes no new keywords and gives none."""
        return self._locked(True)

    @extend_schema(request=None, responses=ClusterSerializer)
    @action(detail=True, methods=["post"])
    def unlock(self, request, pk=None):
        """New keywords may join it again."""
        return self._locked(False)

    @extend_schema(request=GenerateIdeasSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def generate_ideas(self, request):
        """Make ideas for articles of clusters. Result: ideas (how many), clusters, skipped, failed, credits.

        What competes with an idea, task, article or post of the site is left out, told with its topic, and free.
        """
        data = self.validated(GenerateIdeasSerializer)
        ids = self.own_ids("cluster_ids", data["cluster_ids"])
        if not self.asked_before():
            empty = Cluster.objects.filter(pk__in=ids, keywords=None, children__keywords=None).first()
            if empty:
                raise ValidationError(
                    {"cluster_ids": [f"The cluster {empty.pk} has no keywords to make ideas of."]}
                )
            self._can_pay("idea", len(ids) * data["ideas_per_cluster"])
        payload = {
            "cluster_ids": ids,
            "count": data["ideas_per_cluster"],
            "allow_duplicate": data["allow_duplicate"],
        }
        return self.start_job("ideas.generate", payload, total=len(ids))

    def _locked(self, locked: bool) -> Response:
        pk = self.get_object().pk
        cluster_lock(account_id=self.tenant.account_id, cluster_id=pk, locked=locked)
        return self._shown(pk)

    def _shown(self, pk: int) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data)

    def _can_pay(self, operation: str, items: int) -> None:
        if items:
            amount = price_of(operation=operation, items=items)
            credits_check(account_id=self.tenant.account_id, amount=amount, operation=operation)
