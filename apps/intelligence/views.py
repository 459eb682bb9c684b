from rest_framework import mixins, viewsets

from apps.intelligence.models import AIModel
from apps.intelligence.serializers import AIModelSerializer


class AIModelViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The models that the providers offer: the ids that a site's AI settings hold."""

    area = "own"
    queryset = AIModel.objects.filter(is_active=True)
    serializer_class = AIModelSerializer
    filterset_fields = ["provider", "kind", "testing", "default"]
    ordering_fields = ["name", "provider", "kind"]
    search_fields = ["name"]
