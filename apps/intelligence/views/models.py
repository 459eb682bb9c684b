from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet, Value
from rest_framework import mixins, viewsets

from apps.core.filters import FilterSet, StrictBooleanFilter
from apps.intelligence.models import AIModel
from apps.intelligence.serializers import AIModelSerializer
from apps.intelligence.services import model_choose


class AIModelFilterSet(FilterSet):
    default = StrictBooleanFilter(field_name="is_chosen")

    class Meta:
        model = AIModel
        fields = ["provider", "kind", "testing"]


class AIModelViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The models that the providers offer: the ids that a site's AI settings hold."""

    area = "own"
    queryset = AIModel.objects.filter(is_active=True)
    serializer_class = AIModelSerializer
    filterset_class = AIModelFilterSet
    ordering_fields = ["name", "provider", "kind"]
    search_fields = ["name"]

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().annotate(is_chosen=Value(False))
        chosen = Q(pk__in=[])
        for kind in AIModel.Kind.values:
            choice = model_choose(kind=kind, account_id=self.request.tenant.account_id)
            chosen |= Q(kind=kind, provider=choice.provider, name=choice.model)
        return (
            super().get_queryset().annotate(is_chosen=ExpressionWrapper(chosen, output_field=BooleanField()))
        )
