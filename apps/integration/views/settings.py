from datetime import UTC, datetime

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Site
from apps.core.viewsets import TenantMixin
from apps.integration.models import SiteSettings
from apps.integration.serializers.settings import (
    DefaultSettingsSerializer,
    PublishingSettingsSerializer,
    UnifiedSettingsSerializer,
)
from apps.integration.services.settings import default_settings, site_settings

DEPRECATED_SINCE = datetime(2026, 1, 17, tzinfo=UTC)  # version 1.8.0


class SiteSettingsView(TenantMixin, APIView):
    area = "settings"
    serializer_class: type

    def settings_of(self, site_id: int) -> SiteSettings:
        site = get_object_or_404(Site.objects.for_tenant(self.tenant), pk=site_id)
        return site_settings(site_id=site.pk, account_id=site.account_id)

    def show(self, site_id: int) -> Response:
        return Response(self.serializer_class(self.settings_of(site_id)).data)

    def save(self, site_id: int, *, partial: bool) -> Response:
        serializer = self.serializer_class(self.settings_of(site_id), data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class UnifiedSettingsView(SiteSettingsView):
    """All settings of a site: automation, stages, publishing, models, delays, images, approval, runs."""

    serializer_class = UnifiedSettingsSerializer

    @extend_schema(responses=UnifiedSettingsSerializer)
    def get(self, request, site_id: int):
        """All settings of a site."""
        return self.show(site_id)

    @extend_schema(request=UnifiedSettingsSerializer, responses=UnifiedSettingsSerializer)
    def patch(self, request, site_id: int):
        """Change what is sent; the rest stays. All of it is right and saved, or nothing is."""
        return self.save(site_id, partial=True)


class PublishingSettingsView(SiteSettingsView):
    """Deprecated: a part of the unified settings."""

    serializer_class = PublishingSettingsSerializer

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        successor = reverse("unified-settings", kwargs={"site_id": self.kwargs["site_id"]})
        response["Deprecation"] = f"@{int(DEPRECATED_SINCE.timestamp())}"  # RFC 9745
        response["Link"] = f'<{successor}>; rel="successor-version"'
        return response

    @extend_schema(deprecated=True, responses=PublishingSettingsSerializer)
    def get(self, request, site_id: int):
        """When and how much the site publishes. Use the unified settings instead."""
        return self.show(site_id)

    @extend_schema(
        deprecated=True, request=PublishingSettingsSerializer, responses=PublishingSettingsSerializer
    )
    def put(self, request, site_id: int):
        """Set all of them. Use the unified settings instead."""
        return self.save(site_id, partial=False)

    @extend_schema(
        deprecated=True, request=PublishingSettingsSerializer, responses=PublishingSettingsSerializer
    )
    def patch(self, request, site_id: int):
        """Change what is sent. Use the unified settings instead."""
        return self.save(site_id, partial=True)


class DefaultSettingsView(TenantMixin, APIView):
    area = "settings"

    @extend_schema(responses=DefaultSettingsSerializer)
    def get(self, request):
        """What the settings of a new site begin from, and a reset goes back to."""
        return Response(DefaultSettingsSerializer(default_settings()).data)
