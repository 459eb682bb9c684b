"""Batches of products, workers, and how it all goes."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from apps.core.internal import InternalView
from apps.parsing.serializers import crawling as s
from apps.parsing.services import overview, workers
from apps.parsing.services.ingest import batch_ingest


class BytesParser(BaseParser):
    """The body as it came: a batch is read item by item, so that a bad one does not spoil the others."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> bytes:
        return stream.read()


class IngestBatchView(InternalView):
    parser_classes = (BytesParser,)

    @extend_schema(request=s.BatchSerializer, responses=s.IngestedSerializer)
    def post(self, request):
        """Stores products and categories; what does not fit is told in `rejected`. The same again changes nothing."""
        body = request.data if isinstance(request.data, bytes) else b""
        return Response({"status": "ok", **asdict(batch_ingest(body=body))})


class WorkersView(InternalView):
    @extend_schema(responses=s.WorkerSerializer(many=True))
    def get(self, request):
        """The workers that were heard of in the last 90 seconds."""
        return Response(s.WorkerSerializer(workers.workers_alive(), many=True).data)


class HeartbeatView(InternalView):
    @extend_schema(request=s.HeartbeatSerializer, responses=s.HeartbeatAnswerSerializer)
    def post(self, request):
        """A sign of life, at least every 30 seconds; it also keeps the crawls that hostname:pid has begun."""
        renewed, lost = workers.worker_heartbeat(**self.body(s.HeartbeatSerializer))
        return Response({"status": "ok", "runs_renewed": len(renewed), "runs_lost": lost})


class MonitoringView(InternalView):
    @extend_schema(responses=s.MonitoringSerializer(many=True))
    def get(self, request):
        """Each site: its sources, their states, its products and last synchronisation."""
        return Response(overview.monitoring())


class StatsView(InternalView):
    @extend_schema(responses=s.CrawlStatsSerializer)
    def get(self, request):
        """The last 24 hours."""
        return Response(overview.stats())
