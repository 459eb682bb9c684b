"""Filters that every list shares."""

import django_filters
from django import forms
from django.db import models
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters
from rest_framework.exceptions import ValidationError

# What a list understands besides its filters.
_OTHERS = {"page", "page_size", "search", "ordering"}
_filtersets: dict[tuple[type, type], type] = {}


class _BooleanField(forms.Field):
    WORDS = {"true": True, "1": True, "false": False, "0": False}

    def clean(self, value):
        if value in (None, ""):
            return None
        if str(value).lower() not in self.WORDS:
            raise forms.ValidationError("Give true or false.")
        return self.WORDS[str(value).lower()]


class StrictBooleanFilter(django_filters.Filter):
    """true, false, 1 or 0; anything else is a 400, not silence."""

    field_class = _BooleanField


class IdFilter(django_filters.Filter):
    """A whole positive number; anything else is a 400."""

    field_class = forms.IntegerField

    def __init__(self, *args, **kwargs):
        super().__init__(*args, min_value=1, max_value=2**63 - 1, **kwargs)


class FilterSet(django_filters.rest_framework.FilterSet):
    """The base of all: strict about booleans."""

    FILTER_DEFAULTS = {
        **django_filters.rest_framework.FilterSet.FILTER_DEFAULTS,
        models.BooleanField: {"filter_class": StrictBooleanFilter},
    }


class FilterBackend(DjangoFilterBackend):
    """django-filter without the form that a request which filters nothing does not need.

    A view's `filterset_fields` are made a class once: each of the two costs more than the list's queries.
    """

    filterset_base = FilterSet

    def get_filterset_class(self, view, queryset=None):
        if getattr(view, "filterset_class", None) or queryset is None:
            return super().get_filterset_class(view, queryset)
        key = type(view), queryset.model
        if key not in _filtersets:
            _filtersets[key] = super().get_filterset_class(view, queryset)
        return _filtersets[key]

    def filter_queryset(self, request, queryset, view):
        filterset = self.get_filterset_class(view, queryset)
        if filterset is None:
            return queryset
        needed = any(f.extra["required"] for f in filterset.base_filters.values())
        if not needed and request.query_params.keys() <= _OTHERS:
            return queryset
        return super().filter_queryset(request, queryset, view)


class SearchFilter(filters.SearchFilter):
    """`?search=`: every word must occur in one of the view's `search_fields`."""


class OrderingFilter(filters.OrderingFilter):
    """`?ordering=`, several comma-separated; ends in the primary key, so that pages never overlap.

    An unknown field is a 400 that lists the known ones, not silence.
    """

    def get_ordering(self, request, queryset, view):
        asked = [t.strip() for t in request.query_params.get(self.ordering_param, "").split(",") if t.strip()]
        valid = {name for name, _ in self.get_valid_fields(queryset, view, {"request": request})}
        unknown = [t for t in asked if t.lstrip("-") not in valid]
        if unknown:
            raise ValidationError(
                {"ordering": [f"Can not order by {unknown[0][:40]}; by {', '.join(sorted(valid))}."]}
            )
        aliases = getattr(view, "ordering_aliases", {})
        terms = [
            ("-" if t.startswith("-") else "") + aliases.get(t.lstrip("-"), t.lstrip("-")) for t in asked
        ]
        terms = terms or list(self.get_default_ordering(view) or queryset.model._meta.ordering or ())
        if "pk" not in terms and "-pk" not in terms and "id" not in terms and "-id" not in terms:
            terms.append("-pk" if terms and terms[0].startswith("-") else "pk")
        return terms


class IdsFilter(django_filters.BaseInFilter, IdFilter):
    """`1,2,3`, each as an IdFilter takes it."""


class WordsFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """`draft,review`."""


class ChoicesFilter(django_filters.BaseInFilter, django_filters.ChoiceFilter):
    """`draft,review`, each one of the choices."""


class SiteFilterSet(FilterSet):
    """`?site_id=` for a model that has a site."""

    site_id = IdFilter(field_name="site_id")
