from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.integration.views.connections import IntegrationViewSet
from apps.integration.views.settings import DefaultSettingsView, PublishingSettingsView, UnifiedSettingsView

router = SimpleRouter()
router.register("", IntegrationViewSet, basename="integration")

urlpatterns = [
    path("settings/defaults/", DefaultSettingsView.as_view()),
    path("sites/<int:site_id>/unified-settings/", UnifiedSettingsView.as_view(), name="unified-settings"),
    path("sites/<int:site_id>/publishing-settings/", PublishingSettingsView.as_view()),
    *router.urls,
]
