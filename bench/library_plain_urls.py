"""Routes and views of the plain variant and of the floor of bench.library."""

from types import SimpleNamespace

import django_filters
import orjson
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from apps.accounts.authentication import BearerAuthentication
from apps.accounts.models import IndustrySector
from apps.planner.models import Keyword, SeedKeyword, difficulty_label
from apps.planner.services.library_pages import LibraryQuery, library_count, library_page


class SeedKeywordSerializer(serializers.ModelSerializer):
    industry_sector_name = serializers.CharField(source="industry_sector.name")
    difficulty = serializers.SerializerMethodField()
    difficulty_score = serializers.IntegerField(source="difficulty")
    is_paid = serializers.SerializerMethodField()

    class Meta:
        model = SeedKeyword
        fields = ["id", "keyword", "volume", "difficulty", "difficulty_score", "country", "intent", "industry_sector",
                  "industry_sector_name", "is_high_opportunity", "is_paid", "credit_cost", "created_at"]  # fmt: skip

    def get_difficulty(self, row: SeedKeyword) -> str | None:
        return difficulty_label(row.difficulty)

    def get_is_paid(self, row: SeedKeyword) -> bool:
        return row.credit_cost > 0


class SectorIdsFilter(django_filters.BaseInFilter, django_filters.NumberFilter):
    pass


class SeedKeywordFilter(django_filters.FilterSet):
    sector_ids = SectorIdsFilter(field_name="industry_sector_id")
    volume_min = django_filters.NumberFilter(field_name="volume", lookup_expr="gte")
    volume_max = django_filters.NumberFilter(field_name="volume", lookup_expr="lte")

    is_high_opportunity = django_filters.BooleanFilter()

    class Meta:
        model = SeedKeyword
        fields = ["country", "intent"]


class Pages(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 200


class SeedKeywordViewSet(viewsets.ModelViewSet):
    queryset = SeedKeyword.objects.select_related("industry_sector")
    serializer_class = SeedKeywordSerializer
    filterset_class = SeedKeywordFilter
    pagination_class = Pages
    ordering_fields = ["keyword", "volume", "difficulty", "country"]
    search_fields = ["keyword"]

    @action(detail=False)
    def sector_stats(self, request):
        rows = SeedKeyword.objects.order_by().values("industry_sector_id")
        counted = rows.annotate(
            total=Count("id"),
            high=Count("id", filter=Q(is_high_opportunity=True)),
            paid=Count("id", filter=Q(credit_cost__gt=0)),
        )
        added = Keyword.objects.filter(account=request.user.account, seed_keyword__isnull=False).order_by()
        added = added.values("seed_keyword__industry_sector_id").annotate(
            n=Count("seed_keyword", distinct=True)
        )
        figures = {row["industry_sector_id"]: row for row in counted}
        mine = {row["seed_keyword__industry_sector_id"]: row["n"] for row in added}
        return Response(
            [_stats(s, figures.get(s.pk), mine.get(s.pk, 0)) for s in IndustrySector.objects.all()]
        )


def _stats(sector: IndustrySector, row: dict | None, added: int) -> dict:
    total, high, paid = (row["total"], row["high"], row["paid"]) if row else (0, 0, 0)
    stats = {
        "total": total,
        "added": added,
        "available": total - added,
        "high_opportunity": high,
        "paid": paid,
    }
    return {"sector_id": sector.pk, "sector_name": sector.name, "stats": {**stats, "free": total - paid}}


def floor(request: HttpRequest) -> HttpResponse:
    # Who asks, and that the request is counted, any view must know: the middleware counts what nobody did.
    BearerAuthentication().authenticate(SimpleNamespace(_request=request, parser_context={}))
    asked = request.GET
    query = LibraryQuery(sector_ids=tuple(map(int, asked["sector_ids"].split(","))))
    page, size = int(asked.get("page", 1)), int(asked["page_size"])
    counts = library_count(query)
    rows = library_page(
        query, ordering="-volume", offset=(page - 1) * size, limit=size, counts=counts, site_id=None
    )
    head = {"count": counts[0], "next": f"{request.path}?page={page + 1}", "previous": None}
    body = orjson.dumps({**head, "results": orjson.Fragment(rows)})
    # Else it would be sent in chunks, as there is no middleware that counts.
    return HttpResponse(body, content_type="application/json", headers={"Content-Length": len(body)})


router = DefaultRouter()
router.register("keywords-library", SeedKeywordViewSet)
urlpatterns = [path("api/v1/", include(router.urls)), path("api/v1/floor/", floor)]
