import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.filters import IdFilter, StrictBooleanFilter, WordsFilter
from apps.core.renderers import respond
from apps.core.viewsets import DestroyMixin, TenantMixin
from apps.notifications.models import GROUPS, Notification, Type
from apps.notifications.serializers import (
    NotificationSerializer,
    PreferenceSerializer,
    PreferencesSerializer,
    UnreadCountSerializer,
    UpdatedSerializer,
)
from apps.notifications.services.preferences import preferences_of, preferences_save


class NotificationFilterSet(django_filters.FilterSet):
    is_read = StrictBooleanFilter()
    site_id = IdFilter(field_name="site_id")
    notification_type = WordsFilter(
        method="by_type",
        help_text="Types or groups, comma-separated. Groups: " + ", ".join(GROUPS) + ".",
    )

    class Meta:
        model = Notification
        fields = ["severity"]

    def by_type(self, queryset, name, value):
        types = set()
        for word in value:
            if word not in GROUPS and word not in Type.values:
                known = ", ".join([*GROUPS, *Type.values])
                raise ValidationError({name: [f"There is no type {word[:40]}; there are {known}."]})
            types.update(GROUPS.get(word, [word]))
        return queryset.filter(notification_type__in=types)


@extend_schema_view(
    list=extend_schema(description="What the account was told, and the caller alone; the newest first."),
    destroy=extend_schema(responses={200: None}),
)
class NotificationViewSet(
    TenantMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, DestroyMixin, viewsets.GenericViewSet
):
    """What the account was told in the app."""

    area = "notices"
    # What the account is told is shared by its users: any of them may mark it as read, editors may delete it.
    read_actions = ("read", "read_all")
    queryset = Notification.objects.all()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilterSet
    ordering_fields = ["created_at", "severity", "notification_type", "is_read"]
    search_fields = ["title", "message"]
    lookup_value_regex = r"\d+"

    @extend_schema(request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request, pk=None):
        """Mark one as read. Again: nothing changes."""
        notification = self.get_object()
        if not notification.is_read:
            notification.is_read, notification.read_at = True, timezone.now()
            notification.save(update_fields=["is_read", "read_at"])
        return Response(NotificationSerializer(notification).data)

    @extend_schema(request=None, responses=UpdatedSerializer, filters=True)
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request):
        """Mark all as read that the caller sees; filters of the list narrow them."""
        unread = self.filter_queryset(self.get_queryset()).filter(is_read=False)
        updated = unread.order_by().update(is_read=True, read_at=timezone.now())
        return respond({"updated": updated}, f"{updated} marked as read.")

    @extend_schema(responses=UnreadCountSerializer)
    @action(detail=False, methods=["get"], url_path="unread-count", pagination_class=None, filter_backends=[])
    def unread_count(self, request):
        """How many of those that the caller sees are not read."""
        return Response({"unread_count": self.get_queryset().filter(is_read=False).count()})


class PreferencesView(TenantMixin, APIView):
    """By which channels the caller wants to be told of what."""

    area = "own"

    @extend_schema(operation_id="notifications_preferences", responses=PreferenceSerializer(many=True))
    def get(self, request):
        """Each type: shown in the app, sent in the daily digest by mail."""
        return Response(preferences_of(user_id=self.tenant.user_id))

    @extend_schema(
        operation_id="notifications_preferences_save",
        request=PreferencesSerializer,
        responses=PreferenceSerializer(many=True),
    )
    def put(self, request):
        """Change what is sent, by type or group; the rest stays. The digest goes to verified addresses alone."""
        serializer = PreferencesSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        saved = preferences_save(
            account_id=self.tenant.account_id,
            user_id=self.tenant.user_id,
            changes=serializer.validated_data["preferences"],
        )
        return respond(saved, "The preferences were saved.")
