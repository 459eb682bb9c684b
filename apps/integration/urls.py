from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.integration.views.conflicts import ConflictViewSet
from apps.integration.views.connections import IntegrationViewSet
from apps.integration.views.settings import DefaultSettingsView, PublishingSettingsView, UnifiedSettingsView
from apps.integration.views.sync import SyncViewSet
from apps.integration.views.webhooks import MetadataWebhookView, StatusWebhookView, WordPressWebhookView

router = SimpleRouter()
router.register("conflicts", ConflictViewSet, basename="conflict")
router.register("", SyncViewSet, basename="sync")
router.register("", IntegrationViewSet, basename="integration")

urlpatterns = [
    path("webhook/wordpress/", WordPressWebhookView.as_view(), name="wordpress-webhook"),
    path("webhooks/wordpress/status/", StatusWebhookView.as_view(), name="wordpress-webhook-status"),
    path("webhooks/wordpress/metadata/", MetadataWebhookView.as_view(), name="wordpress-webhook-metadata"),
    # Older names of the same.
    path("integrations/", IntegrationViewSet.as_view({"get": "list"})),
    path("integrations/<pk>/update-structure/", SyncViewSet.as_view({"post": "update_structure"})),
    path("integrations/<pk>/get_content_types/", SyncViewSet.as_view({"get": "content_types"})),
    path("settings/defaults/", DefaultSettingsView.as_view()),
    path("sites/<int:site_id>/unified-settings/", UnifiedSettingsView.as_view(), name="unified-settings"),
    path("sites/<int:site_id>/publishing-settings/", PublishingSettingsView.as_view()),
    *router.urls,
]
