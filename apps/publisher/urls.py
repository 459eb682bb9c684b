from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.publisher.views import api, calendar, theme

router = SimpleRouter()
router.register("records", api.RecordViewSet, basename="publishing-record")
router.register("deployments", api.DeploymentViewSet, basename="deployment")
router.register("publish", api.PublishViewSet, basename="publish")

urlpatterns = [
    path("calendar/", calendar.CalendarView.as_view(), name="publisher-calendar"),
    path("theme/", theme.ThemeView.as_view(), name="publisher-theme"),
    path("site-definition/", api.SiteDefinitionView.as_view(), name="site-definition"),
    *router.urls,
]
