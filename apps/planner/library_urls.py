from rest_framework.routers import SimpleRouter

from apps.planner.views.library import SeedKeywordViewSet

router = SimpleRouter()
router.register("", SeedKeywordViewSet, basename="seed-keyword")

urlpatterns = router.urls
