from rest_framework.routers import SimpleRouter

from apps.writer.views.content import ContentViewSet
from apps.writer.views.images import ImageViewSet
from apps.writer.views.tasks import TaskViewSet

router = SimpleRouter()
router.register("tasks", TaskViewSet, basename="writer-task")
router.register("content", ContentViewSet, basename="content")
router.register("images", ImageViewSet, basename="image")

urlpatterns = router.urls
