"""A database goes on from the migrations of before, or is told what it lacks."""

import sys

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from config import prepare

pytestmark = pytest.mark.django_db


def forget(**which) -> None:
    assert MigrationRecorder(connection).migration_qs.filter(**which).delete()[0]


def errors() -> list[str]:
    return [error.msg for error in run_checks(tags=[Tags.database], databases=["default"])]


@pytest.mark.parametrize("which", [None, {"name": "0001_initial", "app__in": ["linker", "optimizer"]}])
def test_who_has_all_of_before_goes_on(which):
    if which:
        forget(**which)
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert errors() == []


def test_an_empty_database_is_no_half_one():
    forget()
    assert errors() == []


@pytest.mark.parametrize(
    ("which", "missing"),
    [
        ({"name": "0007_disputes"}, "0007_disputes"),
        ({"name__in": ["0001_initial", "0002_spends"]}, "0002_spends"),
        ({"name__gt": "0006"}, "0006_event_received, 0007_disputes"),
    ],
)
def test_half_of_before_is_refused(which, missing, monkeypatch, capsys):
    forget(app="billing", **which)
    (error,) = errors()
    assert error.startswith("billing.0001_initial ") and error.endswith(f" Missing: {missing}.")
    monkeypatch.setattr(sys, "argv", ["prepare"])
    assert prepare.main() == 1
    told = capsys.readouterr().err
    assert error in told and "manage.py migrate of the last version" in told


def test_only_the_first_of_before_is_refused():
    forget(app="notifications", name__gt="0002")
    (error,) = errors()
    assert error.startswith("notifications.0001_initial ")
