from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.notifications.views import NotificationViewSet, PreferencesView

router = SimpleRouter()
router.register("", NotificationViewSet, basename="notification")

urlpatterns = [path("preferences/", PreferencesView.as_view()), *router.urls]
