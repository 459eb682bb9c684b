from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.automation import views

router = SimpleRouter()
router.register("runs", views.RunViewSet, basename="run")

urlpatterns = [
    path("config/", views.ConfigView.as_view(), name="automation-config"),
    path("update_config/", views.UpdateConfigView.as_view(), name="automation-update-config"),
    path("run_now/", views.RunNowView.as_view(), name="automation-run-now"),
    path("current_run/", views.CurrentRunView.as_view(), name="automation-current-run"),
    path("pipeline_overview/", views.PipelineOverviewView.as_view(), name="automation-pipeline-overview"),
    path("current_processing/", views.CurrentProcessingView.as_view(), name="automation-current-processing"),
    path("estimate/", views.EstimateView.as_view(), name="automation-estimate"),
    path("pause/", views.PauseView.as_view(), name="automation-pause"),
    path("resume/", views.ResumeView.as_view(), name="automation-resume"),
    path("cancel/", views.CancelView.as_view(), name="automation-cancel"),
    path("history/", views.HistoryView.as_view({"get": "list"}), name="automation-history"),
    path("logs/", views.LogViewSet.as_view({"get": "list"}), name="automation-logs"),
    *router.urls,
]
