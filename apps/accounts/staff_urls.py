"""/api/v1/admin/users/: what staff see of accounts."""

from rest_framework.routers import SimpleRouter

from apps.accounts.views import accounts

router = SimpleRouter()
router.register("users", accounts.StaffUserViewSet, basename="staff-user")

urlpatterns = router.urls
