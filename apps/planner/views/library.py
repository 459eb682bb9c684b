"""The keywords library, which all accounts share."""

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from orjson import Fragment
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from apps.accounts.models import Site
from apps.core.errors import NotFound
from apps.core.filters import OrderingFilter
from apps.core.viewsets import TenantMixin
from apps.planner.filters import LibraryFilterSet, library_query
from apps.planner.models import SeedKeyword
from apps.planner.serializers.keywords import SectorStatsSerializer, SeedKeywordSerializer
from apps.planner.services.library_pages import ORDERINGS, library_count, library_page
from apps.planner.services.library_stats import library_stats

SITE_ID = OpenApiParameter(
    "site_id", OpenApiTypes.INT, description="A site of the account; default: all of them."
)
SECTOR_IDS = OpenApiParameter(
    "sector_ids", OpenApiTypes.STR, description="Ids of the catalogue's sectors: 1,2,3."
)


class LibraryOrdering(OrderingFilter):
    """One of ORDERINGS."""

    def asked(self, request, view) -> str:
        """The ordering of a request. Raises the 400."""
        asked = request.query_params.get(self.ordering_param, "").strip() or "-volume"
        if asked not in ORDERINGS:
            names = ", ".join(view.ordering_fields)
            raise ValidationError(
                {"ordering": [f"Order by one of {names}, with - before it for descending."]}
            )
        return asked


class SeedKeywordViewSet(TenantMixin, viewsets.GenericViewSet):
    area = "library"
    key_actions = ("list", "sector_stats")
    queryset = SeedKeyword.objects.all()
    serializer_class = SeedKeywordSerializer
    filterset_class = LibraryFilterSet
    # They say what is understood; the services filter and order.
    filter_backends = [DjangoFilterBackend, LibraryOrdering]
    ordering_fields = ["keyword", "volume", "difficulty", "country"]

    def get_queryset(self) -> QuerySet:
        return SeedKeyword.objects.all()  # shared: of no account

    @extend_schema(
        responses=SeedKeywordSerializer(many=True), parameters=[SITE_ID], operation_id="keywords_library_list"
    )
    def list(self, request):
        """The keywords on offer. With `site_id` each says whether the site has it already."""
        query, ordering = library_query(request.query_params), LibraryOrdering().asked(request, self)
        site_id = self._site_id()
        counts = library_count(query)
        places = self.paginate_queryset(range(counts[0]))
        rows = library_page(
            query,
            ordering=ordering,
            offset=places[0] if places else 0,
            limit=len(places),
            counts=counts,
            site_id=site_id,
        )
        return self.paginator.get_rendered_response(rows)

    @extend_schema(
        responses=SectorStatsSerializer(many=True), parameters=[SECTOR_IDS, SITE_ID], filters=False
    )
    @action(detail=False, pagination_class=None)
    def sector_stats(self, request):
        """Each sector's keywords in figures, and how many of them the account, or one site of it, has added."""
        query = library_query({"sector_ids": request.query_params.get("sector_ids", "")})
        site_id = self._site_id()
        stats = library_stats(
            account_id=self.tenant.account_id,
            site_ids=self.tenant.site_ids if site_id is None else [site_id],
            sector_ids=query.sector_ids,
        )
        return Response(Fragment(stats))

    def _site_id(self) -> int | None:
        asked = self.request.query_params.get("site_id", "")
        if not asked:
            return None
        if not asked.isascii() or not asked.isdigit() or len(asked) > 18:
            raise ValidationError({"site_id": ["Give the id of a site."]})
        if not Site.objects.for_tenant(self.tenant).filter(pk=int(asked)).exists():
            raise NotFound(f"There is no site {asked[:20]}.")
        return int(asked)
