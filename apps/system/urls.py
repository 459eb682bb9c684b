from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.system import views

router = SimpleRouter(use_regex_path=False)
router.register("tasks", views.TaskViewSet, basename="task-progress")

urlpatterns = [path("health/", views.HealthView.as_view(), name="health"), *router.urls]
