"""Below /internal/ and /api/v1/internal/, without slashes at the end."""

from django.urls import path

from apps.parsing.views import crawling, sources

urlpatterns = [
    path("sources", sources.SourcesView.as_view()),
    path("sources/backlog", sources.BacklogView.as_view()),
    path("sources/backlog/stats", sources.BacklogStatsView.as_view()),
    path("sources/backlog/activate", sources.BacklogActivateView.as_view()),
    path("sources/sync-spiders", sources.SyncSpidersView.as_view()),
    path("sources/<int:source_id>", sources.SourceView.as_view()),
    path("sources/<int:source_id>/force-run", sources.ForceRunView.as_view()),
    path("sources/<int:source_id>/toggle", sources.ToggleView.as_view()),
    path("sources/<int:source_id>/report-status", sources.ReportStatusView.as_view()),
    path("sources/<int:source_id>/report-error", sources.ReportErrorView.as_view()),
    path("sources/<int:source_id>/report-logs", sources.ReportLogsView.as_view()),
    path("ingest-batch", crawling.IngestBatchView.as_view()),
    path("workers", crawling.WorkersView.as_view()),
    path("workers/heartbeat", crawling.HeartbeatView.as_view()),
    path("monitoring", crawling.MonitoringView.as_view()),
    path("stats", crawling.StatsView.as_view()),
]
