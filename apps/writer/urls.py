from rest_framework.routers import SimpleRouter

from apps.writer.views.content import ContentViewSet
from apps.writer.views.images import ContentImagesViewSet, ImageViewSet
from apps.writer.views.tasks import TaskViewSet
from apps.writer.views.taxonomies import TaxonomyViewSet
from apps.writer.views.versions import VersionViewSet

router = SimpleRouter()
router.register("tasks", TaskViewSet, basename="writer-task")
router.register(r"content/(?P<content_id>[0-9]{1,18})/versions", VersionViewSet, basename="content-version")
router.register("content", ContentViewSet, basename="content")
# Before the images, whose router would take it for an id.
router.register("images/content_images", ContentImagesViewSet, basename="content-images")
router.register("images", ImageViewSet, basename="image")
router.register("taxonomies", TaxonomyViewSet, basename="taxonomy")

urlpatterns = router.urls
