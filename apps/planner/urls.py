from rest_framework.routers import SimpleRouter

from apps.planner.views import clusters, ideas, keywords

router = SimpleRouter()
router.register("keywords", keywords.KeywordViewSet, basename="keyword")
router.register("clusters", clusters.ClusterViewSet, basename="cluster")
router.register("ideas", ideas.ContentIdeaViewSet, basename="idea")

urlpatterns = router.urls
