from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.notifications.views import NotificationViewSet, PreferencesView
from apps.notifications.webhook_views import DeliveryViewSet, EndpointViewSet

router = SimpleRouter()
router.register("webhooks/deliveries", DeliveryViewSet, basename="webhook-delivery")
router.register("webhooks", EndpointViewSet, basename="webhook")
router.register("", NotificationViewSet, basename="notification")

urlpatterns = [path("preferences/", PreferencesView.as_view()), *router.urls]
