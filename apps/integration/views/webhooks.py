from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import NotFound
from apps.integration.clients.wordpress.signing import host_of
from apps.integration.models import SiteIntegration
from apps.integration.serializers.sync import ReceivedEventSerializer, WebhookSerializer
from apps.integration.services.webhooks import Signed, event_store, signature_check

MAX_BYTES = 64 * 1024
_HEADERS = [
    OpenApiParameter(
        "X-Igny8-Timestamp",
        str,
        OpenApiParameter.HEADER,
        description="Unix time in seconds, at most five minutes old.",
    ),
    OpenApiParameter("X-Igny8-Nonce", str, OpenApiParameter.HEADER, description="The event_id of the body."),
    OpenApiParameter(
        "X-Igny8-Signature",
        str,
        OpenApiParameter.HEADER,
        description="`v2=` and the hex HMAC-SHA256, with the signing secret of the connection, of these lines: "
        "`igny8-event`, time, nonce, `POST`, our host, the path from `/api/`, the hex SHA-256 of the body. May be left "
        "out, but has to be right where it is sent.",
    ),
]


class WordPressWebhookView(APIView):
    """What the companion plugin tells of posts of its site."""

    area = "integrations"
    key_actions = ("post",)

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if not request.tenant.is_key:
            raise PermissionDenied("This route is for the ApiKey of a site, which its WordPress plugin has.")

    @extend_schema(request=WebhookSerializer, parameters=_HEADERS, responses=ReceivedEventSerializer)
    def post(self, request):
        """A post was changed. Stored as it came and looked into by asking WordPress how the post stands, so that old,
        repeated and shuffled events do no harm. At most 64 KiB."""
        if len(request.body) > MAX_BYTES:
            raise RequestDataTooBig
        (site_id,) = request.tenant.site_ids
        integration = SiteIntegration.objects.filter(
            account_id=request.tenant.account_id, site_id=site_id, platform=SiteIntegration.Platform.WORDPRESS
        ).first()
        if integration is None:
            raise NotFound("The site has no connection. Connect the plugin, which makes one.")
        serializer = WebhookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        event = serializer.validated_data
        signed = signature_check(integration=integration, signed=_signed(request), event_id=event["event_id"])
        stored = event_store(integration=integration, event=event, signed=signed)
        return Response({"event_id": event["event_id"], "stored": stored})


def _signed(request) -> Signed:
    ours = {host_of(request.get_host()), host_of(urlsplit(settings.PUBLIC_URL).netloc)}
    return Signed(
        timestamp=request.headers.get("X-Igny8-Timestamp", ""),
        nonce=request.headers.get("X-Igny8-Nonce", ""),
        signature=request.headers.get("X-Igny8-Signature", ""),
        method=request.method,
        hosts=ours,
        path=request.path_info,
        body=request.body,
    )


class StatusWebhookView(WordPressWebhookView):
    """The same, for changes of a post's state."""


class MetadataWebhookView(WordPressWebhookView):
    """The same, for changes of a post's metadata."""
