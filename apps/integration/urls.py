from rest_framework.routers import SimpleRouter

from apps.integration.views import IntegrationViewSet

router = SimpleRouter()
router.register("", IntegrationViewSet, basename="integration")

urlpatterns = router.urls
