from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.system import views

router = SimpleRouter(use_regex_path=False)
router.register("tasks", views.TaskViewSet, basename="task-progress")

router.register("author-profiles", views.AuthorProfileViewSet, basename="author-profile")

urlpatterns = [
    path("health/", views.HealthView.as_view(), name="health"),
    path("modules/", views.ModulesView.as_view()),
    path("settings/content/<slug:key>/", views.ContentSettingsView.as_view()),
    path("settings/content/<slug:key>/save/", views.ContentSettingsSaveView.as_view()),
    *router.urls,
]
