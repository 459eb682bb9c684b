from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.accounts.views import auth, catalogue

router = SimpleRouter()
router.register("plans", catalogue.PlanViewSet, basename="plan")
router.register("sites", catalogue.SiteViewSet, basename="site")
router.register("sectors", catalogue.SectorViewSet, basename="sector")
router.register("industries", catalogue.IndustryViewSet, basename="industry")

urlpatterns = [
    path("register/", auth.RegisterView.as_view(), name="register"),
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("token/refresh/", auth.RefreshView.as_view(), name="token-refresh"),
    path("password/change/", auth.PasswordChangeView.as_view(), name="password-change"),
    path("groups/", catalogue.RoleView.as_view(), name="groups"),
    path("account/", catalogue.AccountView.as_view(), name="account"),
    *router.urls,
]
