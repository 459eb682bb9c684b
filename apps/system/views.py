from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import body
from apps.core.models import Job
from apps.core.viewsets import TenantMixin
from apps.system.serializers import HealthSerializer, JobSerializer
from apps.system.services.health import health


@method_decorator(never_cache, name="dispatch")
class HealthView(APIView):
    authentication_classes: tuple = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=HealthSerializer, auth=[])
    def get(self, request):
        """Database, migrations and broker: 200 when all answer, else 503 naming which does not."""
        well, parts = health()
        if well:
            return Response({"status": "ok", "parts": parts})
        broken = ", ".join(f"{n}: {p['problem']}" for n, p in parts.items() if not p["ok"])
        return Response(
            body(
                f"Not all parts answer: {broken}.",
                "SERVICE_UNAVAILABLE",
                {"status": "degraded", "parts": parts},
            ),
            status=503,
        )


class TaskViewSet(TenantMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The progress and the result of a job, for the account that started it."""

    area = "own"
    queryset = Job.objects.all()
    serializer_class = JobSerializer
    lookup_url_kwarg = "task_id"
    lookup_value_converter = "uuid"
