"""Publishing as the account works with it, and the public definition of a site."""

import hashlib
import uuid

import django_filters
from django.db.models import F, Func, IntegerField, OuterRef, Subquery, TextField, Value
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Coalesce
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.filters import IdFilter, SiteFilterSet
from apps.core.models import Job
from apps.core.schema import also
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import TenantMixin, requested_key
from apps.integration.models import SiteIntegration
from apps.integration.services.connections import integration_of
from apps.publisher.models import PublishingRecord, Target
from apps.publisher.serializers import (
    DeploymentSerializer,
    JobStateSerializer,
    PublishSerializer,
    RecordSerializer,
    ScheduledSerializer,
    ScheduleSerializer,
    SiteDefinitionSerializer,
    StateSerializer,
    ToWordPressSerializer,
)
from apps.publisher.services.dispatch import publish_start, record_create
from apps.publisher.services.hosted import site_definition, sites_public
from apps.publisher.services.publishing import content_schedule, content_unschedule
from apps.writer.models import Content

KIND = "content.publish"


def number(name: str, text: str) -> int:
    """An id of the query string."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValidationError({name: ["An id is a whole number."]})
    return int(text)


class PublishViewSet(TenantMixin, viewsets.GenericViewSet):
    """Publishes content, and says where that stands."""

    area = "content"
    queryset = Content.objects.all()
    serializer_class = PublishSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=PublishSerializer, responses={200: TaskIdSerializer})
    def create(self, request):
        """Publish content now, or bring what is out up to date. Approved or published content only; a job, whose
        result is `published` and `failed`, each with the ids of its content. It fails where all of them failed."""
        data = self.validated(PublishSerializer)
        job = publish_start(
            account_id=self.tenant.account_id,
            content_ids=self.own_ids("content_ids", data["content_ids"]),
            target=data.get("target"),
            user_id=self.tenant.user_id,
            idempotency_key=requested_key(request),
        )
        return Response({"task_id": str(job.pk)})

    @extend_schema(
        parameters=[
            OpenApiParameter("content_id", int, description="The state of this content."),
            OpenApiParameter(
                "task_id", OpenApiTypes.UUID, description="Or the states of all content of this job."
            ),
        ],
        responses=PolymorphicProxySerializer(
            component_name="PublishState",
            serializers=[StateSerializer, JobStateSerializer],
            resource_type_field_name=None,
            many=False,
        ),
    )
    @action(detail=False, pagination_class=None)
    def status(self, request):
        """Where publishing stands: of one content by `content_id`, or of all content of a job by `task_id`."""
        content_id, task_id = (request.query_params.get(name, "") for name in ("content_id", "task_id"))
        if bool(content_id) == bool(task_id):
            raise ValidationError({"content_id": ["Give either content_id or task_id."]})
        failed = PublishingRecord.objects.filter(content=OuterRef("pk")).order_by("-pk").values("error")[:1]
        contents = self.get_queryset().annotate(
            last_error=Coalesce(Subquery(failed), Value(""), output_field=TextField())
        )
        if content_id:
            return Response(
                StateSerializer(get_object_or_404(contents, pk=number("content_id", content_id))).data
            )
        try:
            jobs = Job.objects.for_tenant(self.tenant).filter(kind=KIND)
            job = get_object_or_404(jobs, pk=uuid.UUID(task_id))
        except ValueError:
            raise ValidationError({"task_id": ["A task_id is a UUID."]}) from None
        states = contents.filter(pk__in=job.payload["content_ids"]).order_by("pk")
        if self.tenant.site_ids is not None and not states:
            raise NotFound
        return Response(JobStateSerializer({"task_id": job.pk, "state": job.state, "contents": states}).data)


class RecordFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="content_id")

    class Meta:
        model = PublishingRecord
        fields = ["target", "status"]


class RecordViewSet(TenantMixin, mixins.CreateModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """The history of what was published, and how that went."""

    area = "content"
    queryset = PublishingRecord.objects.all()
    serializer_class = RecordSerializer
    filterset_class = RecordFilterSet
    search_fields = ["content__title", "external_url"]
    ordering_fields = ["created_at", "finished_at", "status"]

    def perform_create(self, serializer):
        data, key = serializer.validated_data, requested_key(self.request)
        name = hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid.uuid4().hex
        serializer.instance = record_create(
            account_id=self.tenant.account_id,
            content=data["content"],
            reference=f"record:{name}",
            target=data.get("target"),
            user_id=self.tenant.user_id,
            key=key,
        )


class DeploymentFilterSet(django_filters.FilterSet):
    site_id = IdFilter(method="of_site")

    class Meta:
        model = Job
        fields = ["state"]

    def of_site(self, queryset, name, value: int):
        return queryset.filter(payload__site_ids__contains=[value])


@extend_schema_view(list=extend_schema(operation_id="publisher_deployments_list"))
class DeploymentViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """The publishing jobs, newest first: what each brought out and what failed."""

    area = "content"
    queryset = (
        Job.objects.filter(kind=KIND)
        .annotate(
            of_sites=KeyTransform("site_ids", "payload"),
            to_target=KT("payload__target"),
            published=Coalesce(
                Func(F("result__published"), function="jsonb_array_length", output_field=IntegerField()), 0
            ),
            failed=Coalesce(
                Func(F("result__failed"), function="jsonb_array_length", output_field=IntegerField()), 0
            ),
        )
        .defer("payload", "result")
    )
    serializer_class = DeploymentSerializer
    filterset_class = DeploymentFilterSet
    search_fields = ["error"]
    ordering_fields = ["created_at", "finished_at"]
    ordering = ["-created_at"]

    def get_queryset(self):
        jobs = super().get_queryset()
        if getattr(self, "swagger_fake_view", False) or self.tenant.site_ids is None:
            return jobs
        return jobs.filter(payload__site_ids__contained_by=sorted(self.tenant.site_ids))


@extend_schema_view(
    schedule=extend_schema(request=ScheduleSerializer, responses=ScheduledSerializer),
    unschedule=extend_schema(request=None, responses=ScheduledSerializer),
    publish_to_wordpress=extend_schema(request=ToWordPressSerializer, responses=TaskIdSerializer),
)
class ContentScheduleViewSet(TenantMixin, viewsets.GenericViewSet):
    """The writer's content on the calendar."""

    area = "content"
    rate_scope = "content"
    queryset = Content.objects.all()
    serializer_class = ScheduledSerializer
    filter_backends = ()

    @action(detail=True, methods=["post"])
    def schedule(self, request, pk=None):
        """Schedule approved content for a time, or for the next free slot of its site."""
        state = content_schedule(
            account_id=self.tenant.account_id,
            content_id=self.get_object().pk,
            at=self.validated(ScheduleSerializer).get("scheduled_publish_at"),
        )
        return Response(ScheduledSerializer(state).data)

    @action(detail=True, methods=["post"])
    def unschedule(self, request, pk=None):
        """Take content off the schedule."""
        state = content_unschedule(account_id=self.tenant.account_id, content_id=self.get_object().pk)
        return Response(ScheduledSerializer(state).data)

    @action(detail=True, methods=["post"])
    def publish_to_wordpress(self, request, pk=None):
        """Publish approved content to the WordPress of its site now, or bring the post that is there up to date."""
        content, chosen = self.get_object(), self.validated(ToWordPressSerializer).get("integration_id")
        connection = integration_of(site_id=content.site_id)
        if chosen and (connection is None or connection.pk != chosen):
            self.own_ids("integration_id", [chosen], SiteIntegration.objects.filter(is_active=True))
            raise ValidationError(
                {"integration_id": ["This is the connection of another site than the content's."]}
            )
        job = publish_start(
            account_id=self.tenant.account_id,
            content_ids=[content.pk],
            target=Target.WORDPRESS,
            user_id=self.tenant.user_id,
            idempotency_key=requested_key(request),
        )
        return Response({"task_id": str(job.pk)})


@method_decorator([conditional_page, cache_control(public=True, max_age=60)], name="dispatch")
class SiteDefinitionView(APIView):
    """What a renderer of a hosted site needs; nothing that is not public on the site itself."""

    authentication_classes: tuple = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        auth=[],
        operation_id="publisher_site_definition",
        parameters=[
            OpenApiParameter("site", str, description="The slug of a hosted site; 404 when there is none."),
            OpenApiParameter("site_id", int, description="Or its id; null when that site is not hosted."),
        ],
        responses=SiteDefinitionSerializer,
        extensions=also("304", null=True),
    )
    def get(self, request):
        """The public definition of a hosted site: its name, language, categories and up to 200 newest pages."""
        slug, site_id = (request.query_params.get(name, "") for name in ("site", "site_id"))
        if bool(slug) == bool(site_id):
            raise ValidationError({"site": ["Give either site (the slug) or site_id."]})
        by = {"slug": slug} if slug else {"pk": number("site_id", site_id)}
        site = sites_public().filter(**by).first()
        if site is None and slug:
            raise NotFound
        return Response(SiteDefinitionSerializer(site_definition(site)).data if site else None)
