"""Rows to JSON values: DRF's own serializing, without what it works out anew for every row and every request."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC
from operator import attrgetter
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject
from rest_framework.settings import api_settings

# The name of a field that shows a column, how the row's value is read, and what is made of it unless it is None.
Column = tuple[str, Callable[[models.Model], Any], Callable[[Any], Any] | None]


class RowSerializer(serializers.ModelSerializer):
    """A ModelSerializer whose plain columns are worked out once a class, where DRF does it for each request.

    Of the other fields (nested ones, methods, columns of another row) it copies those that it shows, so that they
    have their context. A serializer that was given input, or that makes its fields itself, goes DRF's own way.
    """

    def to_representation(self, instance):
        if "fields" in vars(self) or not isinstance(instance, self.Meta.model):
            return super().to_representation(instance)
        steps = vars(self).get("_own_steps")
        if steps is None:
            steps = self._own_steps = [self._own(step) for step in _plan(type(self))]
        if not steps:
            return super().to_representation(instance)
        row = {}
        for name, read, convert in steps:
            try:
                value = read(instance)
            except SkipField:
                continue
            if value is None or (type(value) is PKOnlyObject and value.pk is None):
                row[name] = None
            else:
                row[name] = value if convert is None else convert(value)
        return row

    def _own(self, step: Column | str) -> Column:
        if not isinstance(step, str):
            return step
        field = deepcopy(self._declared_fields[step])
        field.bind(step, self)
        return step, field.get_attribute, field.to_representation


_plans: dict[type[RowSerializer], list[Column | str]] = {}


def _plan(serializer: type[RowSerializer]) -> list[Column | str]:
    """The readable fields in order, those that are no columns by their names. Empty: it can not be told once."""
    if serializer not in _plans:
        plan: list[Column | str] = []
        if serializer.get_fields is serializers.ModelSerializer.get_fields:
            columns = {n: f for f in serializer.Meta.model._meta.concrete_fields for n in (f.name, f.attname)}
            for field in serializer()._readable_fields:
                plan.append(_column(field, columns.get(field.source)) or field.field_name)
        declared = serializer._declared_fields
        _plans[serializer] = plan if all(p in declared for p in plan if isinstance(p, str)) else []
    return _plans[serializer]


def _column(field: serializers.Field, column: models.Field | None) -> Column | None:
    """None for what must be asked of the field itself."""
    if column is None or not _is_drfs(field):
        return None
    read = attrgetter(column.attname)
    if isinstance(field, serializers.PrimaryKeyRelatedField):
        by_pk = column.is_relation and column.target_field.primary_key and field.pk_field is None
        return (field.field_name, read, None) if by_pk else None
    if isinstance(field, serializers.RelatedField | serializers.BaseSerializer):
        return None
    if column.is_relation and field.source != column.attname:
        return None
    return field.field_name, read, _conversion(field)


def _is_drfs(field: serializers.Field) -> bool:
    """Whether the field, and what it is a list of, reads a row as DRF made it: without looking at the request."""
    own = (type(field).get_attribute, type(field).to_representation)
    child = getattr(field, "child", None)
    return all(m.__module__.startswith("rest_framework.") for m in own) and (child is None or _is_drfs(child))


def _conversion(field: serializers.Field) -> Callable[[Any], Any] | None:
    convert = field.to_representation
    if isinstance(field, serializers.BooleanField):
        return lambda value: value if value is True or value is False else convert(value)
    if isinstance(field, serializers.DateTimeField):
        iso = getattr(field, "format", api_settings.DATETIME_FORMAT) == "iso-8601"
        if iso and not hasattr(field, "timezone"):
            # The whole product speaks UTC, and so does the connection: there is nothing to convert.
            return lambda value: (
                value.isoformat()[:-6] + "Z" if getattr(value, "tzinfo", None) is UTC else convert(value)
            )
    if isinstance(field, serializers.ReadOnlyField):
        return None
    return convert
