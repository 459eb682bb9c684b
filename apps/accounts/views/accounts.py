"""The account itself: its settings and subscriptions, and the accounts that staff see."""

from django.db.models import Count, F, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account, Site, Subscription, User
from apps.accounts.serializers.auth import AccountSerializer
from apps.accounts.serializers.team import (
    AccountSettingsSerializer,
    StaffUserSerializer,
    SubscriptionSerializer,
)
from apps.accounts.services.audit import StaffAudit, is_staff, known_id
from apps.core.filters import FilterSet
from apps.core.tenancy import tenant_of
from apps.core.viewsets import TenantReadViewSet


class AccountSettingsView(APIView):
    area = "account"

    @extend_schema(responses=AccountSettingsSerializer, operation_id="account_settings")
    def get(self, request):
        """The account's name, time zone, language, and what stands on its invoices."""
        account = Account.objects.get(pk=request.tenant.account_id)
        return Response(AccountSettingsSerializer(account).data)

    @extend_schema(request=AccountSettingsSerializer, responses=AccountSettingsSerializer)
    def patch(self, request):
        """Change any of them; of the billing address only what is named."""
        account = Account.objects.get(pk=request.tenant.account_id)
        serializer = AccountSettingsSerializer(account, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class AccountFilterSet(FilterSet):
    class Meta:
        model = Account
        fields = ["status", "name"]


@extend_schema_view(
    list=extend_schema(description="The caller's own account; for staff all, which leaves a record."),
    retrieve=extend_schema(description="The caller's own account; for staff any, which leaves a record."),
)
class AccountViewSet(StaffAudit, viewsets.ReadOnlyModelViewSet):
    area = "accounts"
    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    filterset_class = AccountFilterSet
    ordering_fields = ["name", "created_at"]
    ordering = ["name"]
    search_fields = ["name"]

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        if is_staff(self.request):
            return self.queryset.all()
        return self.queryset.filter(pk=tenant_of(self.request).account_id)

    def asks_for_own(self) -> bool:
        own = tenant_of(self.request)
        return own is not None and str(own.account_id) == self.kwargs.get("pk")

    def asked_account(self):
        asked = known_id(self.kwargs.get("pk"))
        return Account.objects.filter(pk=asked) if asked else None


class SubscriptionFilterSet(FilterSet):
    class Meta:
        model = Subscription
        fields = ["status", "plan"]


@extend_schema_view(list=extend_schema(description="The account's plans: the active one, and those before."))
class SubscriptionViewSet(TenantReadViewSet):
    area = "usage"
    queryset = Subscription.objects.select_related("plan")
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilterSet
    ordering_fields = ["anchor", "created_at"]
    ordering = ["-created_at"]
    search_fields = ["plan__name"]

    def get_serializer_context(self) -> dict:
        return {**super().get_serializer_context(), "now": timezone.now()}


def _of_account(rows, value: str) -> Subquery:
    """A value of the first of the rows that belong to the account of the outer query, or None."""
    return Subquery(rows.filter(account_id=OuterRef("pk")).order_by("pk").values(value)[:1])


def _count_of(model) -> Coalesce:
    rows = model.objects.filter(account_id=OuterRef("pk")).order_by().values("account_id")
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


@extend_schema_view(list=extend_schema(description="Every account with its credits, plan and owner."))
class StaffUserViewSet(StaffAudit, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "staff"
    queryset = Account.objects.annotate(
        credits=Coalesce(F("credit_balance__balance"), 0),
        plan=_of_account(Subscription.objects.filter(status="active"), "plan__slug"),
        owner_email=_of_account(User.objects.filter(role="owner"), "email"),
        user_count=_count_of(User),
        site_count=_count_of(Site),
    )
    serializer_class = StaffUserSerializer
    filterset_class = AccountFilterSet
    ordering_fields = ["name", "created_at", "credits"]
    ordering = ["-created_at"]
    search_fields = ["name", "users__email"]
