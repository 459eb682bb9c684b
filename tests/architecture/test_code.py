"""What keeps the house in shape, read from the code."""

import re
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework import serializers, viewsets

from apps.core.internal import InternalPermission, InternalTokenAuthentication, InternalView
from apps.core.permissions import AREAS
from apps.core.queues import Queue
from apps.core.serializers import TenantRelatedField
from tests.architecture.routes import routes

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"
BANNED = {"utils.py", "helpers.py", "common.py"}


def sources() -> list[Path]:
    return [p for p in APPS.rglob("*.py") if "migrations" not in p.parts]


def test_no_catch_all_modules():
    assert not [p for p in sources() if p.name in BANNED]


# Longer than one sitting, each with its reason.
LONG = {
    "apps/automation/services/engine.py": "one execution of a run, told in its order",
    "apps/billing/services/ledger.py": "every movement of credits, one beside the other",
}


def test_files_stay_readable():
    long = {str(p.relative_to(ROOT)) for p in sources() if len(p.read_text().splitlines()) > 300}
    assert long == set(LONG)


# Who may open a connection: core.http, and who hands its client on.
OPENING = re.compile(
    r"^\s*(?:import|from) (?:requests|urllib\.request|urllib3|aiohttp|socket|http\.client|httpx2?|openai|anthropic)\b"
    r"|^\s*from urllib import .*request",
    re.MULTILINE,
)
OPENERS = {
    "apps/parsing/crawler/api.py": "names httpx's exceptions; the client is core.http's",
    "apps/intelligence/clients/anthropic.py": "the SDK is given core.http's client",
    "apps/integration/clients/wordpress/api.py": "names the type of a request, to sign it",
    "apps/integration/clients/wordpress/errors.py": "names the type of an answer",
    "apps/intelligence/clients/openai.py": "the SDK is given core.http's client",
    "apps/intelligence/clients/openai_errors.py": "names the SDK's exceptions",
    "apps/intelligence/clients/openai_dialect.py": "names the SDK's types",
}


def test_sockets_are_opened_in_one_place():
    found = {
        str(p.relative_to(ROOT))
        for p in sources()
        if APPS / "core" / "http" not in p.parents and OPENING.search(p.read_text())
    }
    assert found <= set(OPENERS), found - set(OPENERS)


# Ways to reach another app that the import linter can not see.
HIDDEN = re.compile(
    r"django\.(?:db\.models|core)\.signals|django\.dispatch|apps\.get_model\(|import_module\("
)
HIDING = {
    "apps/core/apps.py": "sets the Celery app of every process",
    "apps/parsing/crawler/spiders/__init__.py": "loads the spiders beside it, and those that the operator names",
}


def test_no_app_reaches_another_behind_the_linters_back():
    found = {str(p.relative_to(ROOT)) for p in sources() if HIDDEN.search(p.read_text())}
    assert found == set(HIDING)


@pytest.mark.django_db
def test_every_task_names_its_queue():
    current_app.loader.import_default_modules()
    tasks = {n: t for n, t in current_app.tasks.items() if n.startswith("apps.")}
    assert {"apps.core.tasks.run_job", "apps.core.tasks.sweep_jobs"} <= set(tasks)
    for name, task in tasks.items():
        assert task.queue in set(Queue), name
        assert task.acks_late, name
        assert task.time_limit, name


@pytest.mark.django_db
def test_beat_names_tasks_that_exist():
    current_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks, entry


def test_job_kinds_resolve():
    for kind, parts in settings.JOB_KINDS.items():
        assert callable(import_string(parts["run"])), kind
        assert callable(import_string(parts["on_failed"])), kind
        assert parts["queue"] in set(Queue), kind


def views() -> list[type]:
    """In one order: the processes of a test run must collect the same."""
    found = {
        r.view
        for r in routes()
        if r.path.startswith("/api/v1/") and not r.path.startswith("/api/v1/internal/")
    }
    return sorted(found, key=lambda v: (v.__module__, v.__name__))


@pytest.mark.parametrize("view", views(), ids=lambda v: v.__name__)
def test_every_view_has_an_area_or_is_public_on_purpose(view):
    if view.permission_classes and view.permission_classes[0].__name__ == "AllowAny":
        assert view.authentication_classes == ()
    else:
        assert view.area in AREAS


def test_internal_views_ask_for_the_token_or_are_public_on_purpose():
    for view in {r.view for r in routes() if "/internal/" in r.path}:
        assert issubclass(view, InternalView), view
        if view.permission_classes and view.permission_classes[0].__name__ == "AllowAny":
            assert view.authentication_classes == ()
        else:
            assert view.authentication_classes == (InternalTokenAuthentication,)
            assert view.permission_classes == (InternalPermission,)


@pytest.mark.parametrize("view", views(), ids=lambda v: v.__name__)
def test_every_list_can_be_filtered(view):
    if issubclass(view, viewsets.GenericViewSet) and hasattr(view, "list"):
        assert getattr(view, "filterset_class", None) or getattr(view, "filterset_fields", None), view


def every_subclass(cls: type) -> set[type]:
    return {s for c in cls.__subclasses__() for s in ({c} | every_subclass(c))}


def test_related_fields_of_serializers_are_scoped():
    """A field that takes ids of a tenant's rows narrows them to the tenant."""
    from apps.core.models import TenantModel

    routes()
    for cls in every_subclass(serializers.Serializer):
        if not cls.__module__.startswith("apps.") or getattr(getattr(cls, "Meta", None), "model", 1) is None:
            continue
        if issubclass(cls, serializers.ModelSerializer) and not hasattr(cls, "Meta"):
            continue
        for name, field in cls().fields.items():
            field = getattr(field, "child_relation", field)
            if isinstance(field, serializers.PrimaryKeyRelatedField) and not field.read_only:
                model = field.queryset.model
                if issubclass(model, TenantModel):
                    assert isinstance(field, TenantRelatedField), f"{cls.__name__}.{name}"


def test_serializers_name_their_fields():
    for cls in every_subclass(serializers.ModelSerializer):
        if cls.__module__.startswith("apps.") and hasattr(cls, "Meta"):
            assert cls.Meta.fields != "__all__" and not hasattr(cls.Meta, "exclude"), cls
