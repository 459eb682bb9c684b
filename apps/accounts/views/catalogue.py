"""Accounts, plans, sites, sectors and the catalogue."""

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account, ApiKey, Industry, Plan, Sector, Site
from apps.accounts.serializers.auth import AccountSerializer, RoleSerializer
from apps.accounts.serializers.catalogue import (
    ApiKeySerializer,
    IndustrySerializer,
    NewApiKeySerializer,
    PlanSerializer,
    SectorSerializer,
    SiteSerializer,
)
from apps.accounts.services.accounts import site_create, site_set_up
from apps.accounts.services.keys import api_key_create, api_key_revoke, site_delete
from apps.core.filters import SiteFilterSet
from apps.core.renderers import respond
from apps.core.viewsets import TenantViewSet

ROLES = [
    {"name": "viewer", "description": "Reads."},
    {
        "name": "editor",
        "description": "Works in planner, writer, linker, optimizer, publisher and automation.",
    },
    {"name": "admin", "description": "Also users, sites, integrations, settings, prompts and modules."},
    {"name": "owner", "description": "Also invoices, payments, the plan and closing the account."},
]


class RoleView(APIView):
    area = "own"

    @extend_schema(responses=RoleSerializer(many=True), operation_id="auth_groups")
    def get(self, request):
        """The roles of an account, least first."""
        return Response(ROLES)


class AccountView(APIView):
    area = "account"

    @extend_schema(responses=AccountSerializer)
    def get(self, request):
        """The caller's account."""
        return Response(AccountSerializer(Account.objects.get(pk=request.tenant.account_id)).data)

    @extend_schema(request=AccountSerializer, responses=AccountSerializer)
    def put(self, request):
        """Rename the account."""
        serializer = AccountSerializer(Account.objects.get(pk=request.tenant.account_id), data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class PlanViewSet(viewsets.ReadOnlyModelViewSet):
    """The plans on offer."""

    area = "own"
    queryset = Plan.objects.filter(is_active=True)
    serializer_class = PlanSerializer
    filterset_fields = ["slug", "currency"]
    ordering_fields = ["price", "name"]
    search_fields = ["name"]


class IndustryViewSet(viewsets.ReadOnlyModelViewSet):
    """The catalogue: industries, each with its sectors."""

    area = "own"
    queryset = Industry.objects.filter(is_active=True).prefetch_related("sectors")
    serializer_class = IndustrySerializer
    filterset_fields = ["slug"]
    ordering_fields = ["name"]
    search_fields = ["name", "sectors__name"]


@extend_schema_view(list=extend_schema(description="The sites of the account that the caller sees."))
class SiteViewSet(TenantViewSet):
    area = "sites"
    key_actions = ("list", "retrieve")
    queryset = Site.objects.all()
    serializer_class = SiteSerializer
    filterset_fields = ["is_active", "is_hosted", "industry", "domain"]
    ordering_fields = ["name", "domain", "created_at"]
    search_fields = ["name", "domain"]

    def perform_create(self, serializer):
        serializer.instance = site_create(account_id=self.tenant.account_id, **serializer.validated_data)

    def perform_update(self, serializer):
        serializer.validated_data.pop("industry_sectors", None)
        serializer.save()

    def perform_destroy(self, instance):
        site_delete(site=instance)

    @extend_schema(methods=["get"], responses=ApiKeySerializer(many=True))
    @extend_schema(methods=["post"], request=ApiKeySerializer, responses={201: NewApiKeySerializer})
    @action(detail=True, methods=["get", "post"], url_path="api-keys", pagination_class=None)
    def api_keys(self, request, pk=None):
        """The ApiKeys of the site; a new one is shown once."""
        site = self.get_object()
        if request.method == "GET":
            return Response(ApiKeySerializer(site.api_keys.all(), many=True).data)
        data = self.validated(ApiKeySerializer)
        return Response(
            api_key_create(site=site, name=data["name"], user_id=self.tenant.user_id),
            status=201,
        )

    @extend_schema(request=None, responses={200: None})
    @action(detail=True, methods=["delete"], url_path=r"api-keys/(?P<key_id>\d+)")
    def api_key(self, request, pk=None, key_id=None):
        """Revoke an ApiKey."""
        api_key_revoke(
            key=get_object_or_404(ApiKey.objects.for_tenant(self.tenant), site=self.get_object(), pk=key_id)
        )
        return respond(None, "The ApiKey was revoked.")


class SectorFilterSet(SiteFilterSet):
    class Meta:
        model = Sector
        fields = ["industry_sector", "is_active"]


class SectorViewSet(TenantViewSet):
    """What a site writes about."""

    area = "sites"
    key_actions = ("list",)
    queryset = Sector.objects.select_related("industry_sector")
    serializer_class = SectorSerializer
    filterset_class = SectorFilterSet
    ordering_fields = ["name", "created_at"]
    search_fields = ["name"]

    def perform_create(self, serializer):
        with transaction.atomic():
            first = not serializer.validated_data["site"].sectors.exists()
            super().perform_create(serializer)
            if first:
                site_set_up(account_id=self.tenant.account_id, site_id=serializer.instance.site_id)
