"""Runs start by the site's own clock, once each, however many schedulers are up."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.automation.models import Run
from apps.automation.services.runs import runs_start_due
from apps.core import jobs
from apps.integration.models import SiteSettings
from apps.integration.services.run_times import next_run_at
from apps.integration.services.settings import site_settings


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)


def enabled(actor, *, set_at: datetime, **fields) -> SiteSettings:
    settings = site_settings(site_id=actor.site.pk, account_id=actor.account.pk)
    fields = {"enabled": True, "scheduled_days": [], "scheduled_time": "09:00", **fields}
    SiteSettings.objects.filter(pk=settings.pk).update(schedule_set_at=set_at, **fields)
    return SiteSettings.objects.select_related("site").get(pk=settings.pk)


NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)  # a Wednesday


@pytest.mark.django_db
def test_due_once_and_by_the_sites_clock(alice):
    alice.site.timezone = "America/New_York"
    alice.site.save()
    settings = enabled(alice, set_at=NOON - timedelta(days=3))
    nine_there = datetime(2026, 1, 14, 14, tzinfo=UTC)
    assert next_run_at(settings, NOON) == nine_there
    started = runs_start_due(now=nine_there + timedelta(seconds=10))
    assert len(started) == 1
    assert Run.objects.get().scheduled_for == nine_there
    Run.objects.update(status="completed")
    assert runs_start_due(now=nine_there + timedelta(minutes=5)) == []
    assert len(runs_start_due(now=nine_there + timedelta(days=1, minutes=1))) == 1


@pytest.mark.django_db
def test_days_weeks_and_months(alice):
    before = NOON - timedelta(days=60)
    assert next_run_at(enabled(alice, set_at=before, scheduled_days=["fri"]), NOON).day == 16
    weekly = enabled(alice, set_at=before, frequency="weekly", scheduled_days=["fri", "tue"])
    assert next_run_at(weekly, NOON).date().isoformat() == "2026-01-20"
    monthly = enabled(alice, set_at=before, frequency="monthly")
    assert next_run_at(monthly, NOON).date().isoformat() == "2026-02-01"
    assert next_run_at(enabled(alice, set_at=before, enabled=False), NOON) is None


@pytest.mark.django_db
def test_what_was_due_before_it_was_switched_on_is_not_caught_up(alice):
    enabled(alice, set_at=NOON)
    assert runs_start_due(now=NOON + timedelta(minutes=1)) == []


@pytest.mark.django_db
def test_the_hour_that_the_clock_skips(alice):
    alice.site.timezone = "Europe/London"
    alice.site.save()
    enabled(alice, set_at=datetime(2026, 3, 1, tzinfo=UTC), scheduled_time="01:30")
    assert len(runs_start_due(now=datetime(2026, 3, 29, 2, 0, tzinfo=UTC))) == 1


@pytest.mark.django_db
def test_the_hour_that_comes_twice_is_one_run(alice):
    alice.site.timezone = "Europe/London"
    alice.site.save()
    enabled(alice, set_at=datetime(2026, 10, 1, tzinfo=UTC), scheduled_time="01:30")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert len(runs_start_due(now=first + timedelta(seconds=20))) == 1
    Run.objects.update(status="completed")
    assert runs_start_due(now=first + timedelta(hours=1, seconds=20)) == []
    assert Run.objects.get().scheduled_for == first


@pytest.mark.django_db(transaction=True)
def test_eight_schedulers_start_it_once(alice):
    enabled(alice, set_at=NOON - timedelta(days=2))
    barrier, started = threading.Barrier(8), []

    def scheduler():
        try:
            barrier.wait()
            started.extend(runs_start_due(now=NOON))
        finally:
            connection.close()

    threads = [threading.Thread(target=scheduler) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(started) == Run.objects.count() == 1
