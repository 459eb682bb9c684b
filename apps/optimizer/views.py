"""Judging articles, having them improved, and what came of it."""

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.core.filters import IdFilter, SiteFilterSet
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import TenantMixin, TenantReadViewSet
from apps.optimizer.models import Optimization
from apps.optimizer.scoring import VERSION, Article
from apps.optimizer.serializers import (
    AnalysisSerializer,
    AnalyzeSerializer,
    BatchOptimizeSerializer,
    OptimizationDetailSerializer,
    OptimizationSerializer,
    OptimizeSerializer,
)
from apps.optimizer.services.analysis import content_analyze, text_analyze
from apps.optimizer.services.optimizing import optimizing_check
from apps.writer.models import Content


class OptimizerViewSet(TenantMixin, viewsets.GenericViewSet):
    area = "content"
    read_actions = ("analyze",)
    rate_scopes = {"optimize": "ai", "batch_optimize": "ai"}
    queryset = Content.objects.all()
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=AnalyzeSerializer, responses=AnalysisSerializer)
    @action(detail=False, methods=["post"])
    def analyze(self, request):
        """Judge an article, or a text that is none yet. Nothing is stored, and it costs nothing."""
        data = self.validated(AnalyzeSerializer)
        content, site = data.pop("content_id", None), data.pop("site_id", None)
        if content is not None:
            analysis = content_analyze(content=content, changes=data)
        else:
            data.setdefault("language", site.language if site else "en")
            analysis = text_analyze(article=Article(**data), site=site)
        return Response({"score": analysis.score, "checks": analysis.checks, "version": VERSION})

    @extend_schema(request=OptimizeSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def optimize(self, request):
        """Have an article improved where checks ask for it. What does not raise its score is not taken, nor charged.

        The job's result: status (improved, unchanged), reason, score_before, score_after, before, after, diff,
        refused, credits.
        """
        content = self.validated(OptimizeSerializer)["content_id"]
        self._check([content.pk])
        return self.start_job("content.optimize", {"content_id": content.pk})

    @extend_schema(request=BatchOptimizeSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def batch_optimize(self, request):
        """Have several articles improved, each by itself.

        The job's result: results (one of each, its texts at optimizations/{optimization_id}/), improved, unchanged,
        failed, credits.
        """
        ids = self.own_ids("content_ids", self.validated(BatchOptimizeSerializer)["content_ids"])
        self._check(ids)
        return self.start_job("content.batch_optimize", {"content_ids": ids}, total=len(ids))

    def _check(self, ids: list[int]) -> None:
        if not self.asked_before():
            optimizing_check(account_id=self.tenant.account_id, content_ids=ids)


class OptimizationFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="content_id")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Optimization
        fields = ["status", "version"]


@extend_schema_view(retrieve=extend_schema(responses=OptimizationDetailSerializer))
class OptimizationViewSet(TenantReadViewSet):
    """What became of each attempt to improve an article, newest first."""

    area = "content"
    queryset = Optimization.objects.all()
    serializer_class = OptimizationSerializer
    filterset_class = OptimizationFilterSet
    search_fields = ["content__title", "reason"]
    ordering_fields = ["score_before", "score_after", "credits", "created_at"]

    def get_queryset(self):
        rows = super().get_queryset()
        return rows if self.action == "retrieve" else rows.defer("before", "after", "diff", "refused")

    def get_serializer_class(self):
        return OptimizationDetailSerializer if self.action == "retrieve" else OptimizationSerializer
