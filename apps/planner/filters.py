"""The filters of the planner's lists."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import django_filters
from django import forms
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

from apps.core.filters import FilterSet, IdFilter, IdsFilter, SiteFilterSet, StrictBooleanFilter
from apps.planner.keyword_files import CellError, keyword_key
from apps.planner.keyword_files.cells import country_of
from apps.planner.models import (
    BANDS,
    Cluster,
    ContentIdea,
    ContentType,
    Intent,
    Keyword,
    SeedKeyword,
    Structure,
)
from apps.planner.services.library_pages import LibraryQuery

LARGEST = 2**31 - 1
SHORTEST_SEARCH = 3
MOST_WORDS = 10


class ChoicesFilter(django_filters.BaseInFilter, django_filters.ChoiceFilter):
    """One of the choices or several: `new,clustered`. Another word is a 400."""


class WholeFilter(django_filters.NumberFilter):
    """A whole number that the column can hold."""

    def __init__(self, *args, largest: int = LARGEST, **kwargs):
        super().__init__(*args, min_value=0, max_value=largest, decimal_places=0, **kwargs)


class _CountryField(forms.CharField):
    def clean(self, value: str) -> str:
        try:
            return country_of(super().clean(value)) or ""
        except CellError as error:
            raise forms.ValidationError(error.reason) from None


class CountryFilter(django_filters.CharFilter):
    """A country code; UK is GB."""

    field_class = _CountryField


class _WordsField(forms.CharField):
    """Words of a key, all of which must occur. One of three characters at least is what the index can find."""

    def clean(self, value: str) -> tuple[str, ...]:
        text = super().clean(value)
        words = tuple(dict.fromkeys(keyword_key(text).split()))
        if text and (not words or max(map(len, words)) < SHORTEST_SEARCH):
            raise forms.ValidationError("Search needs a word of three characters or more.")
        if len(words) > MOST_WORDS:
            raise forms.ValidationError(f"Search for {MOST_WORDS} words at most.")
        return words


class KeyWordsFilter(django_filters.CharFilter):
    field_class = _WordsField


class LibraryFilterSet(FilterSet):
    """Reads what is asked of the library; its services do the filtering."""

    sector_ids = IdsFilter(field_name="industry_sector_id", label="Ids of the catalogue's sectors: 1,2,3.")
    search = KeyWordsFilter(max_length=500, label="Three characters or more.")
    country = CountryFilter(max_length=60, label="ISO 3166 alpha-2; UK is GB.")
    volume_min = WholeFilter()
    volume_max = WholeFilter()
    difficulty = ChoicesFilter(field_name="band", choices=[(label, label) for label in BANDS])
    intent = ChoicesFilter(choices=Intent.choices)
    is_high_opportunity = StrictBooleanFilter()
    is_paid = extend_schema_field(OpenApiTypes.BOOL)(StrictBooleanFilter())

    class Meta:
        model = SeedKeyword
        fields: list[str] = []


def library_query(params: Mapping[str, str]) -> LibraryQuery:
    """What a request asks of the library. Raises the 400."""
    known = LibraryFilterSet.base_filters
    return _library_query(tuple((name, value) for name, value in params.items() if value and name in known))


@lru_cache(maxsize=2048)
def _library_query(asked: tuple[tuple[str, str], ...]) -> LibraryQuery:
    """Read once: checking a form takes longer than the database takes to find the page."""
    if not asked:
        return LibraryQuery()
    form = LibraryFilterSet(dict(asked)).form
    if not form.is_valid():
        raise ValidationError(form.errors)
    found = form.cleaned_data

    def several(name: str) -> tuple:
        return tuple(sorted({value for value in found[name] or [] if value}))  # "1,2," has an empty one

    return LibraryQuery(
        sector_ids=several("sector_ids"),
        words=found["search"],
        country=found["country"],
        volume_min=_whole(found["volume_min"]),
        volume_max=_whole(found["volume_max"]),
        difficulty=several("difficulty"),
        intent=several("intent"),
        is_high_opportunity=found["is_high_opportunity"],
        is_paid=found["is_paid"],
    )


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


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
