"""Every route: /api/v1/<name>/ is apps/<name>/. The exceptions are named where they stand."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

handler400 = "apps.core.errors.handler400"
handler403 = "apps.core.errors.handler403"
handler404 = "apps.core.errors.handler404"
handler500 = "apps.core.errors.handler500"

api = [
    path("account/", include("apps.billing.account_urls")),
    path("admin/", include("apps.billing.staff_urls")),
    path("account/", include("apps.accounts.account_urls")),
    path("admin/", include("apps.accounts.staff_urls")),
    path("auth/", include("apps.accounts.urls")),
    path("automation/", include("apps.automation.urls")),
    path("billing/", include("apps.billing.urls")),
    path("integration/", include("apps.integration.urls")),
    path("keywords-library/", include("apps.planner.library_urls")),
    path("linker/", include("apps.linker.urls")),
    path("notifications/", include("apps.notifications.urls")),
    path("optimizer/", include("apps.optimizer.urls")),
    # Before planner's own, whose router would take them for an idea's id: tasks are the writer's.
    path("planner/", include("apps.writer.planner_urls")),
    path("planner/", include("apps.planner.urls")),
    path("publisher/", include("apps.publisher.urls")),
    path("system/", include("apps.system.urls")),
    path("system/", include("apps.intelligence.urls")),  # the models are intelligence's
    path("writer/", include("apps.publisher.writer_urls")),
    path("writer/", include("apps.writer.urls")),
]

# For machines. The bots and workers that were there first call the second mount, which the schema leaves out.
internal = [
    path("", include("apps.accounts.internal_urls")),
    path("", include("apps.intelligence.internal_urls")),
    path("", include("apps.parsing.urls")),
]

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("internal/", include(internal)),
    path("api/v1/internal/", include(internal)),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/redoc/", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("account/", include("apps.accounts.page_urls")),
    path("admin/", admin.site.urls),
    path("sites/", include("apps.publisher.site_urls")),
]
