"""Routes and views of the plain variant of bench.request."""

from django.urls import include, path
from rest_framework import serializers, viewsets
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView

from apps.accounts.models import Site

ROLES = [
    {"name": name, "description": f"The role {name}."} for name in ("viewer", "editor", "admin", "owner")
]


class SiteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Site
        fields = ["id", "name", "slug", "domain", "industry", "timezone", "language", "is_hosted", "is_active",
                  "created_at", "updated_at"]  # fmt: skip


class SiteViewSet(viewsets.ModelViewSet):
    queryset = Site.objects.select_related("industry")
    serializer_class = SiteSerializer
    filterset_fields = ["is_active", "is_hosted", "industry", "domain"]
    ordering_fields = ["name", "domain", "created_at"]
    search_fields = ["name", "domain"]

    def get_queryset(self):
        return super().get_queryset().filter(account=self.request.user.account)


class GroupsView(APIView):
    def get(self, request):
        return Response({"success": True, "data": ROLES})


router = DefaultRouter()
router.register("sites", SiteViewSet)
urlpatterns = [path("api/v1/auth/", include([path("groups/", GroupsView.as_view()), *router.urls]))]
