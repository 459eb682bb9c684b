"""The keywords library, which all accounts share."""

from collections.abc import Iterator

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from apps.accounts.models import IndustrySector, Site
from apps.core.errors import NotFound
from apps.core.filters import OrderingFilter
from apps.core.viewsets import TenantMixin
from apps.planner.filters import LibraryFilterSet
from apps.planner.models import Keyword, SeedKeyword, difficulty_label
from apps.planner.serializers.keywords import SectorStatsSerializer, SeedKeywordSerializer

SITE_ID = OpenApiParameter(
    "site_id", OpenApiTypes.INT, description="A site of the account; default: all of them."
)
SECTOR_IDS = OpenApiParameter(
    "sector_ids", OpenApiTypes.STR, description="Ids of the catalogue's sectors: 1,2,3."
)


class LibraryOrdering(OrderingFilter):
    """Unknown difficulties last, whichever way; ties as the indexes have them."""

    TERMS = {
        "keyword": ("keyword", "id"),
        "-keyword": ("-keyword", "-id"),
        "volume": ("volume", "id"),
        "-volume": ("-volume", "-id"),
        "difficulty": (F("difficulty").asc(nulls_last=True), "id"),
        "-difficulty": (F("difficulty").desc(nulls_last=True), "-id"),
        "country": ("country", "-volume", "-id"),
        "-country": ("-country", "-volume", "-id"),
    }

    def filter_queryset(self, request, queryset: QuerySet, view) -> QuerySet:
        asked = request.query_params.get(self.ordering_param, "").strip() or "-volume"
        if asked not in self.TERMS:
            raise ValidationError(
                {
                    "ordering": [
                        f"Order by one of {', '.join(view.ordering_fields)}, with - before it for descending."
                    ]
                }
            )
        return queryset.order_by(*self.TERMS[asked])


class SeedKeywordViewSet(TenantMixin, viewsets.GenericViewSet):
    area = "library"
    key_actions = ("list", "sector_stats")
    queryset = SeedKeyword.objects.all()
    serializer_class = SeedKeywordSerializer
    filterset_class = LibraryFilterSet
    filter_backends = [DjangoFilterBackend, LibraryOrdering]
    ordering_fields = ["keyword", "volume", "difficulty", "country"]

    def get_queryset(self) -> QuerySet:
        return SeedKeyword.objects.all()  # shared: of no account

    @extend_schema(
        responses=SeedKeywordSerializer(many=True), parameters=[SITE_ID], operation_id="keywords_library_list"
    )
    def list(self, request):
        """The keywords on offer. With `site_id` each says whether the site has it already."""
        site_id = self._site_id()
        # The page's ids come out of an index; only those rows are read whole.
        ids = self.paginate_queryset(self.filter_queryset(self.get_queryset()).values_list("id", flat=True))
        rows = {row["id"]: row for row in _rows(ids)}
        if site_id:
            mine = Keyword.objects.for_tenant(self.tenant).filter(site_id=site_id, seed_keyword_id__in=ids)
            added = set(mine.values_list("seed_keyword_id", flat=True))
            for row in rows.values():
                row["is_added"] = row["id"] in added
        return self.get_paginated_response([rows[i] for i in ids if i in rows])

    @extend_schema(
        responses=SectorStatsSerializer(many=True), parameters=[SECTOR_IDS, SITE_ID], filters=False
    )
    @action(detail=False, pagination_class=None)
    def sector_stats(self, request):
        """Each sector's keywords in figures, and how many of them the account, or one site of it, has added."""
        site_id = self._site_id()
        sectors = IndustrySector.objects.filter(is_active=True)
        mine = Keyword.objects.for_tenant(self.tenant).filter(seed_keyword__isnull=False)
        counted = SeedKeyword.objects.order_by()
        if ids := _sector_ids(request.query_params.get("sector_ids", "")):
            sectors = sectors.filter(pk__in=ids)
            mine = mine.filter(industry_sector_id__in=ids)
            counted = counted.filter(industry_sector_id__in=ids)
        if site_id:
            mine = mine.filter(site_id=site_id)
        added = dict(
            mine.order_by()
            .values_list("industry_sector_id")
            .annotate(n=Count("seed_keyword_id", distinct=True))
        )
        stats = {
            sector_id: figures
            for sector_id, *figures in counted.values_list("industry_sector_id").annotate(
                total=Count("id"),
                high=Count("id", filter=Q(is_high_opportunity=True)),
                paid=Count("id", filter=Q(credit_cost__gt=0)),
            )
        }
        return Response([_stats(sector, stats.get(sector.pk), added.get(sector.pk, 0)) for sector in sectors])

    def _site_id(self) -> int | None:
        asked = self.request.query_params.get("site_id", "")
        if not asked:
            return None
        if not asked.isascii() or not asked.isdigit() or len(asked) > 18:
            raise ValidationError({"site_id": ["Give the id of a site."]})
        if not Site.objects.for_tenant(self.tenant).filter(pk=int(asked)).exists():
            raise NotFound(f"There is no site {asked[:20]}.")
        return int(asked)


def _rows(ids: list[int]) -> Iterator[dict]:
    rows = SeedKeyword.objects.filter(pk__in=ids).order_by()
    for row in rows.values(
        "id", "keyword", "volume", "country", "intent", "industry_sector", "is_high_opportunity", "credit_cost",
        "created_at", difficulty_score=F("difficulty"), industry_sector_name=F("industry_sector__name"),
        is_paid=ExpressionWrapper(Q(credit_cost__gt=0), output_field=BooleanField()),
    ):  # fmt: skip
        yield {**row, "difficulty": difficulty_label(row["difficulty_score"])}


def _stats(sector: IndustrySector, figures: list[int] | None, added: int) -> dict:
    total, high, paid = figures or (0, 0, 0)
    return {
        "sector_id": sector.pk,
        "sector_name": sector.name,
        "sector_description": sector.description,
        "stats": {
            "total": total,
            "added": added,
            "available": max(0, total - added),
            "high_opportunity": high,
            "paid": paid,
            "free": total - paid,
        },
    }


def _sector_ids(asked: str) -> list[int]:
    form = LibraryFilterSet({"sector_ids": asked}).form
    if not form.is_valid():
        raise ValidationError(form.errors)
    return [int(value) for value in form.cleaned_data["sector_ids"] or []]
