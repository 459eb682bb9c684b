from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.billing.clients.stripe import BadSignature
from apps.billing.services.stripe_events import event_receive
from apps.core.errors import Invalid


class ReceivedSerializer(serializers.Serializer):
    received = serializers.CharField(help_text="The event's id.")


class StripeWebhookView(APIView):
    """The signature is the credential."""

    permission_classes = [AllowAny]
    authentication_classes = ()

    @extend_schema(
        operation_id="billing_webhooks_stripe", request=OpenApiTypes.OBJECT, responses=ReceivedSerializer
    )
    def post(self, request):
        """What Stripe tells. Stored as it came, handled afterwards; the same event again changes nothing."""
        try:
            event = event_receive(body=request.body, signature=request.headers.get("Stripe-Signature", ""))
        except BadSignature:
            raise Invalid(
                "Stripe-Signature",
                "It does not fit: set STRIPE_WEBHOOK_SECRETS to this endpoint's signing secret.",
            ) from None
        return Response({"received": event.pk})
