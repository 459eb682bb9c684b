from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.accounts.views import accounts, auth, catalogue, passwords, team

router = SimpleRouter()
router.register("users", team.UserViewSet, basename="user")
router.register("site-access", team.SiteAccessViewSet, basename="site-access")
router.register("accounts", accounts.AccountViewSet, basename="accounts")
router.register("subscriptions", accounts.SubscriptionViewSet, basename="subscription")
router.register("plans", catalogue.PlanViewSet, basename="plan")
router.register("sites", catalogue.SiteViewSet, basename="site")
router.register("sectors", catalogue.SectorViewSet, basename="sector")
router.register("industries", catalogue.IndustryViewSet, basename="industry")

urlpatterns = [
    path("register/", auth.RegisterView.as_view(), name="register"),
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("token/refresh/", auth.RefreshView.as_view(), name="token-refresh"),
    path("password/change/", passwords.PasswordChangeView.as_view(), name="password-change"),
    path("password/reset/", passwords.PasswordResetView.as_view(), name="password-reset"),
    path(
        "password/reset/confirm/", passwords.PasswordResetConfirmView.as_view(), name="password-reset-confirm"
    ),
    path("email/verify/", passwords.EmailVerifyView.as_view(), name="email-verify"),
    path("email/verify/confirm/", passwords.EmailVerifyConfirmView.as_view(), name="email-verify-confirm"),
    path("email/change/", passwords.EmailChangeView.as_view(), name="email-change"),
    path("email/change/confirm/", passwords.EmailChangeConfirmView.as_view(), name="email-change-confirm"),
    path("groups/", catalogue.RoleView.as_view(), name="groups"),
    path("account/", catalogue.AccountView.as_view(), name="account"),
    *router.urls,
]
