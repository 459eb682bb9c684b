"""/api/v1/account/usage/: what the account's credits went into."""

from django.urls import path

from apps.billing.views.analytics import AnalyticsView

urlpatterns = [path("usage/analytics/", AnalyticsView.as_view(), name="usage-analytics")]
