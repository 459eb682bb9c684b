"""/api/v1/account/: the account as its users manage it."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.accounts.views import accounts, team

router = SimpleRouter()
# Before the team, whose router would take it for a user's id.
router.register("team/invitations", team.InvitationViewSet, basename="invitation")
router.register("team", team.TeamViewSet, basename="team")

urlpatterns = [
    path("settings/", accounts.AccountSettingsView.as_view(), name="account-settings"),
    path("team/accept/", team.AcceptView.as_view(), name="invitation-accept"),
    *router.urls,
]
