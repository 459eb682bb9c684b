"""Sources: what is crawled, and what workers report of it."""

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from apps.core.internal import InternalView
from apps.parsing.models import Source
from apps.parsing.serializers import sources as s
from apps.parsing.services import overview, runs, sources, workers

MOST = 1000
CONFLICT = OpenApiResponse(
    s.ConflictSerializer, description="The crawl is over, or another worker's: drop the task."
)


def _listed(found: list[Source]) -> list[dict]:
    return s.SourceSerializer(found, many=True, context={"totals": overview.totals_of(found)}).data


def _filtered(found: QuerySet[Source], asked: dict) -> list[Source]:
    """What the parameters of a list ask for."""
    found = found.filter(**{f: asked[f] for f in ("status", "type", "site_key") if f in asked})
    if asked.get("is_active") is not None:
        found = found.filter(is_active=asked["is_active"])
    if "search" in asked:
        found = found.filter(Q(url__icontains=asked["search"]) | Q(name__icontains=asked["search"]))
    found = found.order_by(asked["ordering"], "id")[asked["offset"] :]
    if "limit" in asked:
        found = found[: min(asked["limit"], MOST)]
    return list(found)


def _detail(source: Source, *, limit: int = 100, offset: int = 0) -> dict:
    runs = source.runs.order_by("-created_at", "-pk")
    source.history = list(runs.defer("stats", "logs")[offset : offset + min(limit, MOST)])
    source.runs_total = runs.count()
    source.logs = runs.values_list("logs", flat=True).first() or ""
    return s.SourceDetailSerializer(source, context={"totals": overview.totals_of([source])}).data


def _state(source: Source, **more) -> Response:
    return Response({"status": "ok", "source_status": source.status, "is_active": source.is_active, **more})


class SourcesView(InternalView):
    dashboard_area = "sources"

    @extend_schema(parameters=[s.ListSerializerParams], responses=s.SourceSerializer(many=True))
    def get(self, request):
        """All sources, the discovered ones too, in a bare array."""
        asked = self.params(s.ListSerializerParams)
        return Response(_listed(_filtered(Source.objects.all(), asked)))

    @extend_schema(
        request=s.SourceUpsertSerializer,
        responses={200: s.SourceDetailSerializer, 201: s.SourceDetailSerializer},
    )
    def post(self, request):
        """Makes the source of an address (201), or changes what is given of it (200)."""
        source, is_new = sources.source_upsert(fields=dict(self.body(s.SourceUpsertSerializer)))
        return Response(_detail(source), status=201 if is_new else 200)


class SourceView(InternalView):
    dashboard_area = "sources"

    @extend_schema(parameters=[s.HistoryParams], responses=s.SourceDetailSerializer)
    def get(self, request, source_id: int):
        """One source, with its history, the newest run first."""
        asked = self.params(s.HistoryParams)
        return Response(_detail(sources.source_get(source_id), **asked))

    @extend_schema(request=s.SourceChangeSerializer, responses=s.SourceDetailSerializer)
    def patch(self, request, source_id: int):
        fields = dict(self.body(s.SourceChangeSerializer))
        return Response(_detail(sources.source_change(source_id=source_id, fields=fields)))


class BacklogView(InternalView):
    @extend_schema(parameters=[s.BacklogParams], responses=s.SourceSerializer(many=True))
    def get(self, request):
        """What crawls have found and nobody has activated yet, the oldest first."""
        asked = self.params(s.BacklogParams)
        return Response(_listed(_filtered(Source.objects.filter(status=Source.Status.DISCOVERED), asked)))


class BacklogStatsView(InternalView):
    @extend_schema(responses=s.BacklogStatsSerializer)
    def get(self, request):
        """How much waits in the backlog, by site, and what is left of today's quota."""
        return Response(overview.backlog_stats())


class BacklogActivateView(InternalView):
    dashboard_area = "sources"

    @extend_schema(request=s.SourceIdsSerializer, responses=s.ActivatedSerializer)
    def post(self, request):
        """Puts discovered sources onto the schedule; tells which, and why not the others."""
        ids = self.body(s.SourceIdsSerializer)["source_ids"]
        return Response({"status": "ok", **sources.backlog_activate(source_ids=ids)})


class ForceRunView(InternalView):
    dashboard_area = "sources"

    @extend_schema(
        parameters=[s.ForceSerializer],
        request=s.ForceSerializer,
        responses={200: s.ForcedSerializer, 409: CONFLICT},
    )
    def post(self, request, source_id: int):
        """Queues a crawl at once, before all others. The strategy stands in the query or the body."""
        asked = (
            self.params(s.ForceSerializer)
            if "strategy" in request.query_params
            else self.body(s.ForceSerializer)
        )
        run = runs.source_force(source_id=source_id, strategy=asked.get("strategy"))
        return Response({"status": "queued", "run_id": run.pk, "dispatched": run.sent_at is not None})


class ToggleView(InternalView):
    dashboard_area = "sources"

    @extend_schema(parameters=[s.ToggleParams], request=s.ToggleSerializer, responses=s.SourceStateSerializer)
    def post(self, request, source_id: int):
        """Switches the schedule on or off. `is_active` stands in the body, or in the query."""
        in_body = isinstance(request.data, dict) and "is_active" in request.data
        in_query = "is_active" in request.query_params and not in_body
        asked = self.params(s.ToggleSerializer) if in_query else self.body(s.ToggleSerializer)
        return _state(sources.source_toggle(source_id=source_id, is_active=asked["is_active"]))


class ReportStatusView(InternalView):
    @extend_schema(request=s.ReportStatusSerializer, responses={200: s.SourceStateSerializer, 409: CONFLICT})
    def post(self, request, source_id: int):
        """running: begins a crawl, 409 means drop it. waiting: it is done. queued: hands it back. disabled: off.

        error and broken: it failed, as by report-error, which can also say why.
        """
        asked = self.body(s.ReportStatusSerializer)
        named = {"source_id": source_id, "run_id": asked["run_id"], "worker": asked["worker"]}
        match asked["status"]:
            case "running":
                run = runs.run_claim(**named)
                return _state(run.source, run_id=run.pk, task=runs.message_of(run))
            case "queued":
                return _state(runs.run_hand_back(**named))
            case "error" | "broken" as status:
                error = "Its worker reported no reason."
                return _state(runs.run_report_error(**named, error=error, is_broken=status == "broken"))
            case "disabled":
                return _state(sources.source_toggle(source_id=source_id, is_active=False))
        return _state(runs.run_complete(**named))


class ReportErrorView(InternalView):
    @extend_schema(request=s.ReportErrorSerializer, responses={200: s.SourceStateSerializer, 409: CONFLICT})
    def post(self, request, source_id: int):
        """A crawl failed: it is tried again, later each time, until the source counts as broken."""
        return _state(runs.run_report_error(source_id=source_id, **self.body(s.ReportErrorSerializer)))


class ReportLogsView(InternalView):
    @extend_schema(request=s.ReportLogsSerializer, responses=s.DoneSerializer)
    def post(self, request, source_id: int):
        """Appends to the logs of the present run; the last 64,000 characters are kept."""
        runs.run_log(source_id=source_id, **self.body(s.ReportLogsSerializer))
        return Response({"status": "ok"})


class SyncSpidersView(InternalView):
    @extend_schema(request=s.SpidersSerializer, responses=s.SpidersSyncedSerializer)
    def post(self, request):
        """A worker announces its spiders."""
        new = workers.spiders_sync(names=self.body(s.SpidersSerializer)["available_spiders"])
        return Response({"status": "ok", "new_spiders": new})
