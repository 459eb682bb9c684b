from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, viewsets
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import NotFound, body
from apps.core.filters import FilterSet, IdFilter, StrictBooleanFilter
from apps.core.models import Job
from apps.core.ratelimit import Rate, ScopedRateLimit
from apps.core.renderers import respond
from apps.core.schema import also
from apps.core.viewsets import TenantMixin, TenantViewSet
from apps.system.models import AuthorProfile
from apps.system.serializers import (
    CONTENT_SETTINGS,
    AuthorProfileSerializer,
    HealthSerializer,
    JobSerializer,
    ModulesSerializer,
)
from apps.system.services.authors import author_save
from apps.system.services.content_settings import content_settings, content_settings_save
from apps.system.services.health import health
from apps.system.services.modules import modules_of, modules_save


class HealthLimit(ScopedRateLimit):
    """Counts only while the database answers: else the count itself would hang, and with it the answer."""

    def allow_request(self, request, view) -> bool:
        view.health = health()
        if view.health[1]["database"]["ok"]:
            return super().allow_request(request, view)
        self.rate = request._request.rate = Rate.of("general", 0, 0, 0.0)
        return True


@method_decorator(never_cache, name="dispatch")
class HealthView(APIView):
    authentication_classes: tuple = ()
    permission_classes = (AllowAny,)
    throttle_classes = (HealthLimit,)

    @extend_schema(responses=HealthSerializer, auth=[], extensions=also("503"))
    def get(self, request):
        """Every part: 200 when all are well, else 503 naming which are not. Within two seconds, also when one hangs.

        database, migrations, broker, workers (a sign of life for each queue), beat, storage, disk.
        """
        well, parts = self.health
        if well:
            return Response({"status": "ok", "parts": parts})
        broken = "; ".join(f"{n}: {p['problem']}" for n, p in parts.items() if not p["ok"])
        return Response(
            body(
                f"Not all parts are well: {broken}.",
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


class AuthorProfileFilterSet(FilterSet):
    site_id = IdFilter(field_name="site_id")
    all_sites = StrictBooleanFilter(field_name="site", lookup_expr="isnull")

    class Meta:
        model = AuthorProfile
        fields = ["is_default"]


@extend_schema_view(list=extend_schema(description="Those of the account's sites, and those of all sites."))
class AuthorProfileViewSet(TenantViewSet):
    """In whose voice articles are written. The default one of a site, else of the account, is the writer's."""

    area = "settings"
    queryset = AuthorProfile.objects.all()
    serializer_class = AuthorProfileSerializer
    filterset_class = AuthorProfileFilterSet
    ordering_fields = ["name", "created_at", "updated_at"]
    search_fields = ["name", "job_title", "bio", "style"]
    lookup_value_converter = "int"

    def perform_create(self, serializer):
        author = AuthorProfile(account_id=self.tenant.account_id, **serializer.validated_data)
        serializer.instance = author_save(author=author)

    def perform_update(self, serializer):
        for name, value in serializer.validated_data.items():
            setattr(serializer.instance, name, value)
        author_save(author=serializer.instance)


KEY = OpenApiParameter("key", str, "path", enum=sorted(CONTENT_SETTINGS))
CONTENT_VALUES = PolymorphicProxySerializer(
    component_name="ContentSettings",
    serializers=list(CONTENT_SETTINGS.values()),
    resource_type_field_name=None,
)


class ContentSettingsMixin(TenantMixin):
    area = "settings"

    def serializer_of(self, key: str):
        if key not in CONTENT_SETTINGS:
            raise NotFound(f"There are no such settings; there are {', '.join(CONTENT_SETTINGS)}.")
        return CONTENT_SETTINGS[key]


class ContentSettingsView(ContentSettingsMixin, APIView):
    @extend_schema(operation_id="settings_content_retrieve", parameters=[KEY], responses=CONTENT_VALUES)
    def get(self, request, key):
        """The account's defaults for writing (`content_generation`) or publishing (`publishing`)."""
        self.serializer_of(key)
        return Response(content_settings(account_id=self.tenant.account_id, key=key))


class ContentSettingsSaveView(ContentSettingsMixin, APIView):
    @extend_schema(
        operation_id="settings_content_save",
        parameters=[KEY],
        request=CONTENT_VALUES,
        responses=CONTENT_VALUES,
    )
    def post(self, request, key):
        """Save what is sent; the rest stays. A setting that there is not is refused."""
        serializer = self.serializer_of(key)(data=request.data)
        serializer.is_valid(raise_exception=True)
        saved = content_settings_save(
            account_id=self.tenant.account_id, key=key, values=serializer.validated_data
        )
        return respond(saved, "The settings were saved.")


class ModulesView(TenantMixin, APIView):
    """The parts of the product that the account has switched on."""

    area = "settings"

    @extend_schema(responses=ModulesSerializer)
    def get(self, request):
        """Which modules are on."""
        return Response(modules_of(account_id=self.tenant.account_id))

    @extend_schema(request=ModulesSerializer, responses=ModulesSerializer)
    def put(self, request):
        """Switch modules on or off; those that are not sent stay.

        The routes of one that is off answer 403 with the code MODULE_DISABLED, and the pipeline has no stages of it.
        """
        serializer = ModulesSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        saved = modules_save(account_id=self.tenant.account_id, enabled=serializer.validated_data)
        return respond(saved, "The modules were saved.")
