from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.core.filters import SiteFilterSet
from apps.core.viewsets import TenantViewSet
from apps.integration.models import SiteIntegration, secret_new
from apps.integration.serializers.connections import (
    CollectionSerializer,
    DiagnosisSerializer,
    IntegrationSerializer,
)
from apps.integration.services.connections import collection_test, connection_test


class IntegrationFilterSet(SiteFilterSet):
    class Meta:
        model = SiteIntegration
        fields = ["platform", "status", "is_active"]


@extend_schema_view(create=extend_schema(responses={200: IntegrationSerializer, 201: IntegrationSerializer}))
class IntegrationViewSet(TenantViewSet):
    """Where the content of the sites is published: connections to WordPress."""

    area = "integrations"
    key_actions = ("list", "create", "retrieve", "update", "test_connection")
    queryset = SiteIntegration.objects.select_related("site")
    serializer_class = IntegrationSerializer
    filterset_class = IntegrationFilterSet
    search_fields = ["base_url", "site__name"]
    ordering_fields = ["created_at", "updated_at", "last_tested_at"]

    def create(self, request, *args, **kwargs):
        """Connect a site. An ApiKey makes or changes the connection of its own site (200 when it was there). The
        answer holds the signing secret of webhooks this once; a plugin that connects is given a new one each time."""
        data, there = request.data, None
        if self.tenant.is_key:
            (site_id,) = self.tenant.site_ids
            there = self.get_queryset().filter(site_id=site_id).first()
            data = {"site": site_id, **request.data}
        serializer = self.get_serializer(there, data=data, partial=there is not None)
        serializer.is_valid(raise_exception=True)
        renewed = {}
        if there and serializer.validated_data.get("auth_method") == SiteIntegration.AuthMethod.PLUGIN:
            renewed["signing_secret"] = secret_new()
        serializer.save(account_id=self.tenant.account_id, **renewed)
        if renewed or not there:
            serializer.context["secret_issued"] = True
        return Response(serializer.data, status=200 if there else 201)

    @extend_schema(request=None, responses=DiagnosisSerializer)
    @action(detail=True, methods=["post"])
    def test_connection(self, request, pk=None):
        """Try the connection step by step. What is wrong is named, with what to do; 200 in any case."""
        found = connection_test(integration=self.get_object())
        return Response(DiagnosisSerializer(found).data)

    @extend_schema(request=CollectionSerializer, responses=DiagnosisSerializer)
    @action(detail=True, methods=["post"])
    def test_collection_connection(self, request, pk=None):
        """Whether posts of a type, or terms of a taxonomy, can be read, made, changed and published there; 200 in any
        case. Nothing is made."""
        asked = self.validated(CollectionSerializer)
        found = collection_test(integration=self.get_object(), **asked)
        return Response(DiagnosisSerializer(found).data)
