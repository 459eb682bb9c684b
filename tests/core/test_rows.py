"""RowSerializer says of every row what DRF's own ModelSerializer would."""

from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from django.apps import apps
from rest_framework import serializers

from apps.accounts.serializers.catalogue import SectorSerializer, SiteSerializer
from apps.core import rows
from apps.core.rows import RowSerializer
from apps.core.tenancy import Tenant
from tests.architecture.world import make_world

pytestmark = pytest.mark.django_db


def all_serializers() -> list[type[RowSerializer]]:
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.serializers") if app.name.startswith("apps.") else None:
            import_module(f"{app.name}.serializers")
    found, todo = [], [RowSerializer]
    while todo:
        below = todo.pop().__subclasses__()
        todo += below
        found += [s for s in below if getattr(s, "Meta", None) and s.__module__.startswith("apps.")]
    return found


def outcome(read, row):
    """What came of it: the values with their types, or the kind of error."""
    try:
        return {name: (type(value), value) for name, value in read(row).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return type(error)


def test_every_serializer_says_what_drf_would():
    world = make_world("Alice")
    actor = world.actor
    tenant = Tenant(actor.account.pk, "active", "owner", user_id=actor.user.pk)
    context = {"request": SimpleNamespace(tenant=tenant, user=actor.user, build_absolute_uri=str)}
    compared = 0
    for serializer in all_serializers():
        model = serializer.Meta.model
        for row in model._base_manager.all()[:5]:
            own = outcome(serializer(context=context).to_representation, row)
            drf = serializer(context=context)
            drf.fields  # noqa: B018  from here on it goes DRF's way
            assert own == outcome(drf.to_representation, row), serializer
            compared += isinstance(own, dict)
    assert compared > 20


def test_a_list_makes_no_fields(alice):
    many = SiteSerializer([alice.site], many=True)
    assert many.data[0]["id"] == alice.site.pk
    assert "fields" not in vars(many.child)


def test_a_field_that_is_no_column_is_the_serializers_own(alice):
    serializer = SectorSerializer([alice.sector], many=True, context={"marker": 1})
    assert serializer.data[0]["industry_sector_name"] == alice.sector.industry_sector.name
    (own,) = [read for name, read, _ in serializer.child._own_steps if name == "industry_sector_name"]
    assert own.__self__.context == {"marker": 1}


def test_a_field_with_its_own_reading_is_asked():
    class Loud(serializers.CharField):
        def to_representation(self, value):
            return value.upper() + self.context["mark"]

    class LoudSerializer(RowSerializer):
        name = Loud()

        class Meta(SiteSerializer.Meta):
            fields = ["id", "name"]

    site = SiteSerializer.Meta.model(id=1, name="quiet")
    assert LoudSerializer(site, context={"mark": "!"}).data == {"id": 1, "name": "QUIET!"}
    assert LoudSerializer(site, context={"mark": "?"}).data == {"id": 1, "name": "QUIET?"}


def test_fields_that_are_made_for_each_request_are_left_to_drf(alice):
    class Changing(RowSerializer):
        class Meta(SiteSerializer.Meta):
            fields = ["id", "name"]

        def get_fields(self):
            fields = super().get_fields()
            if self.context.get("short"):
                del fields["name"]
            return fields

    assert rows._plan(Changing) == []
    assert set(Changing(alice.site).data) == {"id", "name"}
    assert set(Changing(alice.site, context={"short": True}).data) == {"id"}
