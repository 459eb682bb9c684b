"""The look of a hosted site."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Site
from apps.publisher.serializers import ThemeChangeSerializer, ThemeSerializer
from apps.publisher.services.theme import theme_of, theme_save
from apps.publisher.views.api import number

_SITE = [OpenApiParameter("site_id", int, required=True)]


class ThemeView(APIView):
    """Colours, font, logo and footer of a hosted site."""

    area = "settings"
    parser_classes = (JSONParser, MultiPartParser)

    @extend_schema(operation_id="publisher_theme", parameters=_SITE, responses=ThemeSerializer)
    def get(self, request):
        """How a hosted site looks; what is empty is as we made it."""
        return Response(ThemeSerializer(theme_of(self._site())).data)

    @extend_schema(
        operation_id="publisher_theme_change",
        parameters=_SITE,
        request={"application/json": ThemeSerializer, "multipart/form-data": ThemeChangeSerializer},
        responses=ThemeSerializer,
    )
    def patch(self, request):
        """Change the look of a hosted site; what is not named stays. Colours that can hardly be read are refused."""
        site = self._site()
        given = ThemeChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values, logo = dict(given.validated_data), None
        if "logo" in values:
            file = values.pop("logo")
            logo = file.read() if file else b""
        return Response(ThemeSerializer(theme_save(site=site, values=values, logo=logo)).data)

    def _site(self) -> Site:
        asked = self.request.query_params.get("site_id", "")
        if not asked:
            raise ValidationError({"site_id": ["Name a site."]})
        sites = Site.objects.for_tenant(self.request.tenant).select_related("theme")
        site = sites.filter(pk=number("site_id", asked)).first()
        if site is None:
            raise NotFound
        return site
