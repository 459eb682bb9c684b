from rest_framework.routers import SimpleRouter

from apps.linker import views

router = SimpleRouter()
router.register("links", views.LinkViewSet, basename="link")
router.register("passes", views.PassViewSet, basename="link-pass")
router.register("orphans", views.OrphanViewSet, basename="orphan")
router.register("", views.LinkerViewSet, basename="linker")

urlpatterns = router.urls
