from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.accounts.models import Account
from apps.core.errors import Conflict
from apps.core.filters import ChoicesFilter, FilterSet, IdFilter, WordsFilter
from apps.core.viewsets import TenantReadViewSet, TenantViewSet
from apps.notifications.models import WebhookDelivery, WebhookEndpoint
from apps.notifications.serializers import DeliverySerializer, EndpointSerializer, NewEndpointSerializer
from apps.notifications.services.webhooks import delivery_repeat, secret_new, test_send


@extend_schema_view(create=extend_schema(responses={201: NewEndpointSerializer}))
class EndpointViewSet(TenantViewSet):
    """Addresses of the account's own that are told of events, signed by the Standard Webhooks convention."""

    area = "settings"
    queryset = WebhookEndpoint.objects.all()
    serializer_class = EndpointSerializer
    filterset_fields = ["is_active"]
    search_fields = ["url", "name"]
    ordering_fields = ["created_at", "updated_at", "url"]
    lookup_value_regex = r"\d+"

    def get_serializer_class(self):
        return NewEndpointSerializer if self.action == "create" else EndpointSerializer

    def perform_create(self, serializer):
        with transaction.atomic():
            # One after the other, so that the bound holds.
            Account.objects.select_for_update(no_key=True).get(pk=self.tenant.account_id)
            if self.get_queryset().count() >= WebhookEndpoint.MAX:
                raise Conflict(f"An account has {WebhookEndpoint.MAX} webhooks at most. Delete one first.")
            serializer.save(account_id=self.tenant.account_id, secret=secret_new())

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def test(self, request, pk=None):
        """Send it a `webhook.test`. The answer is the delivery, whose row then tells how it went."""
        return Response(DeliverySerializer(test_send(endpoint=self.get_object())).data)

    @extend_schema(request=None, responses=NewEndpointSerializer)
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request, pk=None):
        """A new secret, shown this once. What is sent from now on is signed with it alone."""
        endpoint = self.get_object()
        endpoint.secret = secret_new()
        endpoint.save(update_fields=["secret", "updated_at"])
        return Response(NewEndpointSerializer(endpoint).data)


class DeliveryFilterSet(FilterSet):
    endpoint = IdFilter(field_name="endpoint_id")
    event = WordsFilter(field_name="event", lookup_expr="in", help_text="One or several, comma-separated.")
    state = ChoicesFilter(
        field_name="state",
        lookup_expr="in",
        choices=WebhookDelivery.State.choices,
        help_text="One or several, comma-separated.",
    )

    class Meta:
        model = WebhookDelivery
        fields = ["event_id", "status_code"]


class DeliveryViewSet(TenantReadViewSet):
    """What was sent to webhooks, newest first: tries, answers, and when the next try is. Kept for a month."""

    area = "settings"
    queryset = WebhookDelivery.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilterSet
    search_fields = ["event", "error", "body"]
    ordering_fields = ["created_at", "ended_at", "next_try_at", "attempts"]
    lookup_value_regex = r"\d+"

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def redeliver(self, request, pk=None):
        """Send it once more, with the same `webhook-id`."""
        return Response(DeliverySerializer(delivery_repeat(delivery=self.get_object())).data)
