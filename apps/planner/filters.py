"""The filters of the planner's lists."""

import django_filters
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError

from apps.core.filters import IdFilter, IdsFilter, SiteFilterSet, StrictBooleanFilter
from apps.planner.keyword_files import CellError, keyword_key
from apps.planner.keyword_files.cells import country_of
from apps.planner.models import (
    DIFFICULTY_LABELS,
    Cluster,
    ContentIdea,
    ContentType,
    Intent,
    Keyword,
    SeedKeyword,
    Structure,
)

LARGEST = 2**31 - 1
SHORTEST_SEARCH = 3
# label -> (lowest, highest)
BANDS = dict(
    zip(
        DIFFICULTY_LABELS,
        zip([0, *(top + 1 for top in DIFFICULTY_LABELS.values())], DIFFICULTY_LABELS.values(), strict=False),
        strict=True,
    )
)


class ChoicesFilter(django_filters.BaseInFilter, django_filters.ChoiceFilter):
    """One of the choices or several: `new,clustered`. Another word is a 400."""


class WholeFilter(django_filters.NumberFilter):
    """A whole number that the column can hold."""

    def __init__(self, *args, largest: int = LARGEST, **kwargs):
        super().__init__(*args, min_value=0, max_value=largest, decimal_places=0, **kwargs)


class CountryFilter(django_filters.CharFilter):
    """A country code; UK is GB."""

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        if not value:
            return qs
        try:
            return qs.filter(country=country_of(value))
        except CellError as error:
            raise ValidationError({"country": [error.reason]}) from None


class BandsFilter(ChoicesFilter):
    """Labels of difficulty: `easy,medium`."""

    def filter(self, qs: QuerySet, value: list[str] | None) -> QuerySet:
        if not value:
            return qs
        wanted = Q()
        for label in value:
            wanted |= Q(difficulty__range=BANDS[label])
        return qs.filter(wanted)


class LibraryFilterSet(django_filters.FilterSet):
    sector_ids = IdsFilter(field_name="industry_sector_id", label="Ids of the catalogue's sectors: 1,2,3.")
    search = django_filters.CharFilter(method="by_words", label="Three characters or more.")
    country = CountryFilter(label="ISO 3166 alpha-2; UK is GB.")
    volume_min = WholeFilter(field_name="volume", lookup_expr="gte")
    volume_max = WholeFilter(field_name="volume", lookup_expr="lte")
    difficulty = BandsFilter(choices=[(label, label) for label in BANDS])
    intent = ChoicesFilter(choices=Intent.choices)
    is_high_opportunity = StrictBooleanFilter()
    is_paid = StrictBooleanFilter(method="by_cost")

    class Meta:
        model = SeedKeyword
        fields: list[str] = []

    def by_words(self, qs: QuerySet, name: str, value: str) -> QuerySet:
        """Every word must occur. One of three characters at least is what the index can find."""
        words = keyword_key(value).split()
        if not words or max(map(len, words)) < SHORTEST_SEARCH:
            raise ValidationError({"search": ["Search needs a word of three characters or more."]})
        for word in dict.fromkeys(words):
            qs = qs.filter(key__contains=word)
        return qs

    def by_cost(self, qs: QuerySet, name: str, value: bool) -> QuerySet:
        return qs.filter(credit_cost__gt=0) if value else qs.filter(credit_cost=0)


class KeywordFilterSet(SiteFilterSet):
    sector_id = IdFilter()
    cluster_id = IdFilter()
    status = ChoicesFilter(choices=Keyword.Status.choices)
    intent = ChoicesFilter(choices=Intent.choices)
    country = CountryFilter()
    difficulty_min = WholeFilter(field_name="difficulty", lookup_expr="gte")
    difficulty_max = WholeFilter(field_name="difficulty", lookup_expr="lte")
    volume_min = WholeFilter(field_name="volume", lookup_expr="gte")
    volume_max = WholeFilter(field_name="volume", lookup_expr="lte")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Keyword
        fields: list[str] = []


class ClusterFilterSet(SiteFilterSet):
    sector_id = IdFilter()
    parent_id = IdFilter()
    status = ChoicesFilter(choices=Cluster.Status.choices)
    difficulty_min = django_filters.NumberFilter(field_name="difficulty", lookup_expr="gte")
    difficulty_max = django_filters.NumberFilter(field_name="difficulty", lookup_expr="lte")
    volume_min = WholeFilter(field_name="volume", lookup_expr="gte")
    volume_max = WholeFilter(field_name="volume", lookup_expr="lte")

    class Meta:
        model = Cluster
        fields = ["is_hub", "is_locked", "is_edited"]


class IdeaFilterSet(SiteFilterSet):
    sector_id = IdFilter()
    cluster_id = IdFilter()
    status = ChoicesFilter(choices=ContentIdea.Status.choices)
    content_type = ChoicesFilter(choices=ContentType.choices)
    structure = ChoicesFilter(choices=Structure.choices)
    intent = ChoicesFilter(choices=Intent.choices)
    keyword_id = IdFilter(field_name="keywords")
    word_count_min = WholeFilter(field_name="word_count", lookup_expr="gte")
    word_count_max = WholeFilter(field_name="word_count", lookup_expr="lte")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = ContentIdea
        fields: list[str] = []
