import hashlib

import django_filters
from django.http import Http404, HttpResponseNotModified
from django.utils.http import parse_etags, quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Site
from apps.automation.models import Run, RunLog
from apps.automation.serializers import (
    ConfigSerializer,
    EstimateSerializer,
    ProcessingSerializer,
    RunDetailSerializer,
    RunLogSerializer,
    RunSerializer,
    StageCountSerializer,
)
from apps.automation.services.estimate import run_estimate
from apps.automation.services.overview import run_detail, runs_with_totals, stage_counts
from apps.automation.services.processing import run_processing
from apps.automation.services.runs import run_cancel, run_pause, run_resume, run_start
from apps.core.filters import ChoicesFilter, FilterSet, IdFilter
from apps.core.renderers import dumps
from apps.core.schema import also
from apps.core.viewsets import TenantMixin, TenantReadViewSet
from apps.integration.services.settings import site_settings

SITE_ID = OpenApiParameter("site_id", OpenApiTypes.INT, required=True, description="The site.")
RUN_ID = OpenApiParameter("run_id", OpenApiTypes.INT, required=True, description="The run.")


class SiteMixin:
    """`?site_id=` and `?run_id=` name rows of the tenant: missing or no number 400, another's 404."""

    area = "content"

    def _row(self, name: str, queryset):
        given = self.request.query_params.get(name, "")
        if not given.isascii() or not given.isdigit() or len(given) > 18:
            raise ValidationError({name: [f"Say which: add ?{name}=<id> to the address."]})
        row = queryset.for_tenant(self.request.tenant).filter(pk=given).first()
        if row is None:
            raise Http404
        return row

    def site(self) -> Site:
        return self._row("site_id", Site.objects.all())

    def run(self) -> Run:
        return self._row("run_id", Run.objects.all())

    def settings_of_site(self):
        site = self.site()
        return site_settings(site_id=site.pk, account_id=site.account_id)

    def answer(self, run: Run) -> Response:
        return Response(RunSerializer(runs_with_totals(Run.objects.filter(pk=run.pk)).get()).data)


class ConfigView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], responses=ConfigSerializer)
    def get(self, request):
        """When the site's runs start, and what each stage may do."""
        return Response(ConfigSerializer(self.settings_of_site()).data)


class UpdateConfigView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], request=ConfigSerializer, responses=ConfigSerializer)
    def put(self, request):
        """Change the fields that are sent; the others stay."""
        serializer = ConfigSerializer(self.settings_of_site(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class RunNowView(SiteMixin, APIView):
    rate_scope = "ai"

    @extend_schema(parameters=[SITE_ID], request=None, responses=RunSerializer)
    def post(self, request):
        """Start a run through the seven stages. 409 while the site has one."""
        return self.answer(run_start(site=self.site(), user_id=request.tenant.user_id))


class CurrentRunView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], responses=RunDetailSerializer, extensions=also(null=True))
    def get(self, request):
        """The site's active run with its stages, or null."""
        runs = runs_with_totals(Run.objects.filter(site=self.site(), status__in=Run.ACTIVE))
        run = runs.first()
        return Response(RunDetailSerializer(run_detail(run=run, tenant=request.tenant)).data if run else None)


class PipelineOverviewView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], responses=StageCountSerializer(many=True))
    def get(self, request):
        """What waits for each stage."""
        return Response(stage_counts(settings=self.settings_of_site()))


class CurrentProcessingView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], responses=ProcessingSerializer, extensions=also("304", null=True))
    def get(self, request):
        """What the workers are on, or null. Send the `ETag` as `If-None-Match`: a 304 says that nothing has changed."""
        found = run_processing(site_id=self.site().pk)
        data = ProcessingSerializer(found).data if found else None
        tag = quote_etag(hashlib.sha256(dumps(data)).hexdigest()[:32])
        same = tag in parse_etags(request.headers.get("If-None-Match", ""))
        headers = {"ETag": tag}
        return HttpResponseNotModified(headers=headers) if same else Response(data, headers=headers)


class EstimateView(SiteMixin, APIView):
    @extend_schema(parameters=[SITE_ID], responses=EstimateSerializer)
    def get(self, request):
        """What a run would do and cost if it began now, stage by stage."""
        return Response(EstimateSerializer(run_estimate(settings=self.settings_of_site())).data)


class PauseView(SiteMixin, APIView):
    @extend_schema(parameters=[RUN_ID], request=None, responses=RunSerializer)
    def post(self, request):
        """Pause after the items in hand."""
        return self.answer(run_pause(run=self.run()))


class ResumeView(SiteMixin, APIView):
    rate_scope = "ai"

    @extend_schema(parameters=[RUN_ID], request=None, responses=RunSerializer)
    def post(self, request):
        """Go on at the item where the run stopped."""
        return self.answer(run_resume(run=self.run()))


class CancelView(SiteMixin, APIView):
    @extend_schema(parameters=[RUN_ID], request=None, responses=RunSerializer)
    def post(self, request):
        """End the run; what it made stays."""
        return self.answer(run_cancel(run=self.run()))


class RunFilterSet(FilterSet):
    site_id = IdFilter(field_name="site_id", required=True)
    status = ChoicesFilter(
        field_name="status",
        lookup_expr="in",
        choices=Run.Status.choices,
        help_text="One or several, comma-separated.",
    )
    started_after = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    started_before = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lt")

    class Meta:
        model = Run
        fields = ["trigger", "pause_reason"]


class RunViewSet(TenantReadViewSet):
    """The runs of a site, newest first; one with its stages, failed items and newest logs."""

    area = "content"
    queryset = Run.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilterSet
    ordering_fields = ["id", "started_at", "completed_at", "status"]

    def get_queryset(self):
        return runs_with_totals(super().get_queryset())

    def filter_queryset(self, queryset):
        if self.action == "retrieve":
            return queryset
        self._site_of_the_tenant()
        return super().filter_queryset(queryset)

    def _site_of_the_tenant(self) -> None:
        given = self.request.query_params.get("site_id", "")
        known = given.isascii() and given.isdigit() and len(given) <= 18
        if known and not Site.objects.for_tenant(self.tenant).filter(pk=given).exists():
            raise Http404

    @extend_schema(responses=RunDetailSerializer)
    def retrieve(self, request, *args, **kwargs):
        run = run_detail(run=self.get_object(), tenant=self.tenant)
        return Response(RunDetailSerializer(run).data)


class HistoryView(RunViewSet):
    """Runs that have ended."""

    def get_queryset(self):
        return super().get_queryset().exclude(status__in=Run.ACTIVE)


class LogFilterSet(FilterSet):
    run_id = IdFilter(field_name="run_id", required=True)

    class Meta:
        model = RunLog
        fields = ["level", "stage"]


class LogViewSet(SiteMixin, TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """What happened in a run, newest first."""

    queryset = RunLog.objects.all()
    serializer_class = RunLogSerializer
    filterset_class = LogFilterSet
    ordering_fields = ["id"]
    search_fields = ["message"]

    def list(self, request, *args, **kwargs):
        self.run()
        return super().list(request, *args, **kwargs)
