from rest_framework.routers import SimpleRouter

from apps.publisher.views.api import ContentScheduleViewSet

router = SimpleRouter()
router.register("content", ContentScheduleViewSet, basename="content-schedule")

urlpatterns = router.urls
