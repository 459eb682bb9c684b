"""The people of an account: users, invitations, and the sites they see."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.response import Response

from apps.accounts.models import Invitation, Site, SiteAccess, User
from apps.accounts.serializers.auth import LoggedInSerializer
from apps.accounts.serializers.team import (
    AcceptSerializer,
    HeirSerializer,
    InvitationSerializer,
    InviteSerializer,
    SiteAccessSerializer,
    UserCreateSerializer,
    UserEditSerializer,
)
from apps.accounts.services.team import invitation_accept, invitation_send, invitation_withdraw
from apps.accounts.services.users import site_access_grant, user_create, user_remove, user_update
from apps.accounts.views.auth import PublicView, logged_in
from apps.core.filters import FilterSet, IdFilter, SiteFilterSet
from apps.core.ratelimit import client_address
from apps.core.renderers import respond
from apps.core.viewsets import DestroyMixin, TenantMixin, TenantViewSet


class UserFilterSet(FilterSet):
    class Meta:
        model = User
        fields = ["role", "is_active", "all_sites", "email"]


class RemoveMixin:
    """DELETE takes a user out of the account."""

    @extend_schema(parameters=[HeirSerializer], request=None, responses={200: None})
    def destroy(self, request, *args, **kwargs):
        """Remove a user; what they made and started is handed over to another one."""
        user = self.get_object()
        serializer = HeirSerializer(data=request.query_params, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        heir = serializer.validated_data.get("hand_over_to", request.user)
        moved = user_remove(user=user, actor=request.user, heir=heir, address=client_address(request))
        return respond(None, f"{user.email} was removed; {moved} things were handed over to {heir.email}.")


@extend_schema_view(list=extend_schema(description="The users of the account."))
class UserViewSet(RemoveMixin, TenantViewSet):
    """The users of the account. One made here has a password at once; account/team/ invites by mail."""

    area = "users"
    queryset = User.objects.all()
    serializer_class = UserEditSerializer
    filterset_class = UserFilterSet
    ordering_fields = ["email", "first_name", "last_name", "role", "date_joined", "last_login"]
    ordering = ["email"]
    search_fields = ["email", "first_name", "last_name"]

    @extend_schema(request=UserCreateSerializer, responses={201: UserEditSerializer})
    def create(self, request, *args, **kwargs):
        """Make a user with a password."""
        data = self.validated(UserCreateSerializer)
        data.setdefault("role", User.Role.VIEWER)
        user = user_create(actor=request.user, **data)
        return Response(UserEditSerializer(user).data, status=201)

    def perform_update(self, serializer):
        serializer.instance = user_update(
            user=serializer.instance, actor=self.request.user, **serializer.validated_data
        )


@extend_schema_view(list=extend_schema(description="Who works in the account."))
class TeamViewSet(RemoveMixin, TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "users"
    rate_scopes = {"create": "auth"}
    queryset = User.objects.all()
    serializer_class = UserEditSerializer
    filterset_class = UserFilterSet
    ordering_fields = UserViewSet.ordering_fields
    ordering = ["email"]
    search_fields = UserViewSet.search_fields

    @extend_schema(request=InviteSerializer, responses={201: InvitationSerializer})
    def create(self, request, *args, **kwargs):
        """Invite an address by mail; once more with the same address sends a new link."""
        data = self.validated(InviteSerializer)
        data["site_ids"] = self.own_ids("site_ids", data.get("site_ids", []), Site.objects.all())
        invitation = invitation_send(actor=request.user, **data)
        return Response(InvitationSerializer(invitation).data, status=201)


@extend_schema_view(
    list=extend_schema(description="Whom the account invited, the newest first."),
    destroy=extend_schema(description="Withdraw an invitation: its link is no longer good."),
)
class InvitationViewSet(TenantMixin, mixins.ListModelMixin, DestroyMixin, viewsets.GenericViewSet):
    area = "users"
    queryset = Invitation.objects.select_related("invited_by")
    serializer_class = InvitationSerializer
    filterset_fields = ["status", "role", "email"]
    ordering_fields = ["created_at", "expires_at", "email"]
    search_fields = ["email"]

    def perform_destroy(self, instance):
        invitation_withdraw(invitation=instance)


class AcceptView(PublicView):
    @extend_schema(request=AcceptSerializer, responses={201: LoggedInSerializer}, auth=[])
    def post(self, request):
        """Accept an invitation by the link of the mail, once; makes the user and logs in."""
        return logged_in(request, invitation_accept(**self.validated(AcceptSerializer)), 201)


class SiteAccessFilterSet(SiteFilterSet):
    user_id = IdFilter(field_name="user_id")

    class Meta:
        model = SiteAccess
        fields = ["user", "site"]


@extend_schema_view(list=extend_schema(description="Which sites are seen by users who do not see all."))
class SiteAccessViewSet(
    TenantMixin, mixins.ListModelMixin, mixins.CreateModelMixin, DestroyMixin, viewsets.GenericViewSet
):
    """Which sites are seen by users who do not see all (`all_sites` false)."""

    area = "users"
    queryset = SiteAccess.objects.select_related("user", "site")
    serializer_class = SiteAccessSerializer
    filterset_class = SiteAccessFilterSet
    ordering_fields = ["created_at", "user__email", "site__name"]
    search_fields = ["user__email", "site__name"]

    def perform_create(self, serializer):
        serializer.instance = site_access_grant(**serializer.validated_data)
