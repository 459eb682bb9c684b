from rest_framework.routers import SimpleRouter

from apps.integration.views.connections import IntegrationViewSet

router = SimpleRouter()
router.register("", IntegrationViewSet, basename="integration")

urlpatterns = router.urls
