"""The bot's people, for the bot itself and for the dashboard.

What these actions take may stand in the body or in the query: bots that are in use send the query.
"""

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from apps.accounts.models import TelegramInvite, TelegramSubscriber
from apps.accounts.serializers import telegram as serializers
from apps.accounts.services import telegram as services
from apps.accounts.services.webapp import webapp_login
from apps.core.internal import InternalView, Unprocessable
from apps.core.ratelimit import ScopedRateLimit
from apps.core.schema import also

CHAT = OpenApiParameter("chat_id", int, OpenApiParameter.PATH, description="64 bits, negative for groups.")
OK = {"status": "ok"}


class TelegramView(InternalView):
    Subscriber = serializers.SubscriberSerializer

    def chat(self, raw: str) -> int:
        """The chat's id out of the path; raises the 422."""
        serializer = serializers.SubscriberSaveSerializer(data={"chat_id": raw})
        if not serializer.is_valid():
            raise Unprocessable(serializer.errors, "path")
        return serializer.validated_data["chat_id"]

    def given(self, serializer_class) -> dict:
        """Body and query together, the body over the query; raises the 422."""
        body = self.request.data
        if not isinstance(body, dict):
            raise Unprocessable(["An object is needed."])
        return self._validated(serializer_class, {**self.request.query_params.dict(), **body}, "body")

    def subscriber(self, subscriber: TelegramSubscriber) -> Response:
        return Response(self.Subscriber(subscriber).data)


class SubscribersView(TelegramView):
    @extend_schema(
        parameters=[serializers.SubscriberListSerializer],
        responses=serializers.SubscriberSerializer(many=True),
    )
    def get(self, request):
        """Who talks to the bot, with role, permissions and topics."""
        params = self.params(serializers.SubscriberListSerializer)
        rows = TelegramSubscriber.objects.order_by(params["ordering"], "id")
        if role := params.get("role"):
            rows = rows.filter(role=role)
        if params["is_active"] is not None:
            rows = rows.filter(is_active=params["is_active"])
        if topic := params.get("topic"):
            rows = rows.filter(subscriptions__contains=[topic])
        if search := params.get("search"):
            rows = rows.filter(Q(name__icontains=search) | Q(slug__icontains=search.lstrip("@")))
        offset, limit = params["offset"], min(params["limit"], 1000)
        return Response(self.Subscriber(rows[offset : offset + limit], many=True).data)

    @extend_schema(request=serializers.SubscriberSaveSerializer, responses=serializers.SubscriberSerializer)
    def post(self, request):
        """Make a subscriber, or change what is given of the one of this chat."""
        data = self.body(serializers.SubscriberSaveSerializer)
        if "slug" in data:
            data["slug"] = services.telegram_username(data["slug"])
        return self.subscriber(services.subscriber_save(**data))


class SubscriberView(TelegramView):
    @extend_schema(parameters=[CHAT], responses=serializers.SubscriberSerializer)
    def get(self, request, chat_id):
        """One subscriber."""
        return self.subscriber(services.subscriber_get(chat_id=self.chat(chat_id)))

    @extend_schema(parameters=[CHAT], responses={200: serializers.StatusSerializer})
    def delete(self, request, chat_id):
        """Forget a subscriber, with the messages that wait for it."""
        services.subscriber_delete(chat_id=self.chat(chat_id))
        return Response(OK)


class SubscriberByNameView(TelegramView):
    @extend_schema(responses=serializers.SubscriberSerializer)
    def get(self, request, username):
        """The subscriber who goes by this Telegram user name; of several the one who was heard of last."""
        slug = services.telegram_username(username)
        found = TelegramSubscriber.objects.filter(slug=slug).exclude(slug="").order_by("-updated_at").first()
        if found is None:
            raise services.NotFound("There is no subscriber with this user name.")
        return self.subscriber(found)


class SubscriberRoleView(TelegramView):
    @extend_schema(
        parameters=[CHAT], request=serializers.RoleSerializer, responses=serializers.SubscriberSerializer
    )
    def post(self, request, chat_id):
        """Set the role: user, admin or superadmin. It counts from the next request of a dashboard on."""
        data = self.given(serializers.RoleSerializer)
        return self.subscriber(services.subscriber_change(chat_id=self.chat(chat_id), **data))


class SubscriberPermissionsView(TelegramView):
    @extend_schema(
        parameters=[CHAT],
        request=serializers.PermissionsSerializer,
        responses=serializers.SubscriberSerializer,
    )
    def post(self, request, chat_id):
        """Set the permissions, all of them; a bare array is taken as well."""
        body = {"permissions": request.data} if isinstance(request.data, list) else request.data
        data = self._validated(serializers.PermissionsSerializer, body, "body")
        return self.subscriber(services.subscriber_change(chat_id=self.chat(chat_id), **data))


class SubscriberLanguageView(TelegramView):
    @extend_schema(
        parameters=[CHAT], request=serializers.LanguageSerializer, responses=serializers.SubscriberSerializer
    )
    def post(self, request, chat_id):
        """Set the language that notices come in, where they are written in it."""
        data = self.given(serializers.LanguageSerializer)
        return self.subscriber(services.subscriber_change(chat_id=self.chat(chat_id), **data))


class SubscribeView(TelegramView):
    wanted = True

    @extend_schema(
        parameters=[CHAT], request=serializers.TopicSerializer, responses=serializers.SubscriberSerializer
    )
    def post(self, request, chat_id):
        """Subscribe to a topic. Ours are `sources` (a source broke) and `spiders` (a new one was announced)."""
        topic = self.given(serializers.TopicSerializer)["topic"]
        return self.subscriber(
            services.subscriber_topic(chat_id=self.chat(chat_id), topic=topic, wanted=self.wanted)
        )


class UnsubscribeView(SubscribeView):
    wanted = False

    @extend_schema(
        parameters=[CHAT], request=serializers.TopicSerializer, responses=serializers.SubscriberSerializer
    )
    def post(self, request, chat_id):
        """Hear no more of a topic."""
        return super().post(request, chat_id)


class TopicSubscribersView(TelegramView):
    @extend_schema(responses=serializers.SubscriberSerializer(many=True))
    def get(self, request, topic):
        """The active subscribers of a topic."""
        return Response(self.Subscriber(TelegramSubscriber.objects.of_topic(topic), many=True).data)


class InvitesView(TelegramView):
    @extend_schema(
        parameters=[serializers.InviteListSerializer], responses=serializers.InviteSerializer(many=True)
    )
    def get(self, request):
        """Invites, claimed or not, the newest first."""
        params = self.params(serializers.InviteListSerializer)
        rows = TelegramInvite.objects.select_related("claimed_by").order_by(params["ordering"], "id")
        if params["open"] is not None:
            rows = rows.open(params["open"])
        if role := params.get("role"):
            rows = rows.filter(role=role)
        if search := params.get("search"):
            rows = rows.filter(Q(username__icontains=search.lstrip("@")) | Q(name__icontains=search))
        offset, limit = params["offset"], min(params["limit"], 1000)
        return Response(serializers.InviteSerializer(rows[offset : offset + limit], many=True).data)

    @extend_schema(
        request=serializers.InviteCreateSerializer,
        responses=serializers.InviteSerializer,
        extensions=also("409"),
    )
    def post(self, request):
        """Invite a Telegram user name to a role. The password is kept as a hash, and good once, for a week."""
        invite = services.invite_create(**self.body(serializers.InviteCreateSerializer))
        return Response(serializers.InviteSerializer(invite).data)


class InviteView(TelegramView):
    @extend_schema(responses={200: serializers.StatusSerializer})
    def delete(self, request, invite_id):
        """Take back an invite that nobody has claimed."""
        services.invite_delete(invite_id=invite_id)
        return Response(OK)


class InviteClaimView(TelegramView):
    @extend_schema(request=serializers.InviteClaimSerializer, responses=serializers.SubscriberSerializer)
    def post(self, request):
        """Turn an invite and its password into the role that it holds, once."""
        return self.subscriber(services.invite_claim(**self.body(serializers.InviteClaimSerializer)))


class WebAppAuthView(InternalView):
    """The one internal route without a token: its initData is the credential. Counted by address."""

    authentication_classes: tuple = ()
    permission_classes = (AllowAny,)
    throttle_classes = (ScopedRateLimit,)
    rate_scope = "auth"

    @extend_schema(
        auth=[],
        request=serializers.InitDataSerializer,
        responses=serializers.WebAppUserSerializer,
        extensions=also("429"),
        examples=[
            OpenApiExample(
                "initData",
                {"init_data": "user=%7B%22id%22%3A42%7D&auth_date=1768467600&hash=5e…"},
                request_only=True,
            )
        ],
    )
    def post(self, request):
        """Log in to the dashboard with the initData of the Telegram Mini App, once each, at most a day old."""
        data = self.body(serializers.InitDataSerializer)
        subscriber, token = webapp_login(init_data=data["init_data"])
        return Response(
            {
                **OK,
                "user": serializers.SubscriberSerializer(subscriber).data,
                "access": str(token),
                "expires_at": token.current_time + token.lifetime,
            }
        )
