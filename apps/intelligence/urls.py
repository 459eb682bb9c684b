from rest_framework.routers import SimpleRouter

from apps.intelligence import views

router = SimpleRouter()
router.register("ai-models", views.AIModelViewSet, basename="ai-model")

urlpatterns = router.urls
