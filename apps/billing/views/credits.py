import django_filters
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.billing.models import CreditEntry, CreditUsage, Operation
from apps.billing.serializers.credits import (
    BalanceSerializer,
    LimitsSerializer,
    TransactionSerializer,
    UsageSerializer,
    UsageSummarySerializer,
)
from apps.billing.services.ledger import credits_balance, credits_refresh
from apps.billing.services.usage import usage_csv, usage_limits, usage_summary
from apps.core.filters import IdFilter, SiteFilterSet
from apps.core.viewsets import TenantMixin


class DatesFilterSet(django_filters.FilterSet):
    date_from = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__gte", help_text="A day in UTC, included."
    )
    date_to = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__lte", help_text="A day in UTC, included."
    )


class TransactionFilterSet(DatesFilterSet):
    kind = django_filters.MultipleChoiceFilter(choices=CreditEntry.Kind)
    operation = django_filters.MultipleChoiceFilter(choices=Operation)

    class Meta:
        model = CreditEntry
        fields = ["kind", "operation", "date_from", "date_to"]


class UsageFilterSet(SiteFilterSet, DatesFilterSet):
    operation = django_filters.MultipleChoiceFilter(choices=Operation)
    user = IdFilter(field_name="user_id")

    class Meta:
        model = CreditUsage
        fields = ["operation", "model", "provider", "user", "site_id", "run_id", "date_from", "date_to"]


class BalanceViewSet(viewsets.ViewSet):
    area = "usage"

    @extend_schema(responses=BalanceSerializer)
    def list(self, request):
        """The credits that are there, those held by work that goes on, and the period of the plan."""
        return Response(BalanceSerializer(credits_balance(account_id=request.tenant.account_id)).data)


@extend_schema_view(
    list=extend_schema(description="Every movement of the account's credits, the newest first.")
)
class TransactionViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "usage"
    queryset = CreditEntry.objects.all()
    serializer_class = TransactionSerializer
    filterset_class = TransactionFilterSet
    ordering_fields = ["id", "created_at", "amount", "balance_after", "kind", "operation"]
    search_fields = ["reference", "note"]

    def list(self, request, *args, **kwargs):
        # A month that began brings its credits when somebody looks.
        credits_refresh(account_id=self.tenant.account_id)
        return super().list(request, *args, **kwargs)


@extend_schema_view(list=extend_schema(description="What paid operations did and cost, the newest first."))
class UsageViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "usage"
    queryset = CreditUsage.objects.all()
    serializer_class = UsageSerializer
    filterset_class = UsageFilterSet
    ordering_fields = ["id", "created_at", "credits", "cost", "tokens_in", "tokens_out", "operation", "model"]
    search_fields = ["model", "reference"]

    @extend_schema(responses=UsageSummarySerializer, filters=True)
    @action(detail=False, pagination_class=None)
    def summary(self, request):
        """Sums by operation over what the filters leave; without dates of all time."""
        rows = self.filter_queryset(self.get_queryset())
        return Response(UsageSummarySerializer(usage_summary(rows=rows)).data)

    @extend_schema(responses={(200, "text/csv"): str}, filters=True)
    @action(detail=False, pagination_class=None)
    def export(self, request):
        """What the filters leave, as CSV."""
        return StreamingHttpResponse(
            usage_csv(rows=self.filter_queryset(self.get_queryset())),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="usage.csv"'},
        )

    @extend_schema(responses=LimitsSerializer)
    @action(detail=False, pagination_class=None, filter_backends=[])
    def limits(self, request):
        """What the plan allows, and how much of it is used."""
        return Response(LimitsSerializer(usage_limits(account_id=self.tenant.account_id)).data)
