import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from apps.billing.models import CreditUsage, Operation
from apps.billing.serializers.analytics import AnalyticsRangeSerializer, AnalyticsSerializer
from apps.billing.services.analytics import usage_analytics
from apps.core.filters import FilterBackend, IdFilter, SiteFilterSet
from apps.core.viewsets import TenantMixin


class AnalyticsFilterSet(SiteFilterSet):
    operation = django_filters.MultipleChoiceFilter(choices=Operation)
    user = IdFilter(field_name="user_id")

    class Meta:
        model = CreditUsage
        fields = ["operation", "model", "user", "site_id", "run_id"]


class AnalyticsView(TenantMixin, GenericAPIView):
    area = "usage"
    queryset = CreditUsage.objects.all()
    serializer_class = AnalyticsSerializer
    filterset_class = AnalyticsFilterSet
    filter_backends = [FilterBackend]
    pagination_class = None

    @extend_schema(parameters=[AnalyticsRangeSerializer], responses=AnalyticsSerializer, filters=True)
    def get(self, request):
        """Credits by day, operation, model, site and user, over days of the account's time zone."""
        serializer = AnalyticsRangeSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        found = usage_analytics(
            account_id=self.tenant.account_id,
            rows=self.filter_queryset(self.get_queryset()),
            **serializer.validated_data,
        )
        return Response(AnalyticsSerializer(found).data)
