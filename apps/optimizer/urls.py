from rest_framework.routers import SimpleRouter

from apps.optimizer.views import OptimizationViewSet, OptimizerViewSet

router = SimpleRouter()
router.register("optimizations", OptimizationViewSet, basename="optimization")
router.register("", OptimizerViewSet, basename="optimizer")

urlpatterns = router.urls
