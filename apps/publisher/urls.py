from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.publisher.views import api

router = SimpleRouter()
router.register("records", api.RecordViewSet, basename="publishing-record")
router.register("deployments", api.DeploymentViewSet, basename="deployment")
router.register("publish", api.PublishViewSet, basename="publish")

urlpatterns = [
    path("site-definition/", api.SiteDefinitionView.as_view(), name="site-definition"),
    *router.urls,
]
