"""Crawls: each queued once, nothing lost, nobody's work taken away."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.parsing.models import Source, SourceRun
from apps.parsing.services import runs
from tests.billing.threads import at_once
from tests.parsing.conftest import ingest, item

KEYS = {"source_id", "url", "site_key", "type", "strategy", "config", "run_id"}


def test_one_open_run_by_constraint(source):
    SourceRun.objects.create(source=source)
    with pytest.raises(IntegrityError), transaction.atomic():
        SourceRun.objects.create(source=source, status="running")


def test_due_sources_are_sent_by_priority(api, tasks):
    for n, priority in enumerate((10, 100, 55)):
        Source.objects.create(url=f"https://s{n}.example/", site_key="s", priority=priority)
    Source.objects.create(url="https://off.example/", site_key="s", is_active=False)
    Source.objects.create(
        url="https://later.example/", site_key="s", next_sync_at=timezone.now() + timedelta(hours=1)
    )
    assert runs.due_enqueue() == 3
    assert runs.due_enqueue() == 0
    messages = tasks.take()
    assert [m["url"] for m in messages] == [
        "https://s1.example/",
        "https://s2.example/",
        "https://s0.example/",
    ]
    assert set(messages[0]) == KEYS
    assert set(Source.objects.filter(is_active=True).values_list("status", flat=True)) == {
        "queued",
        "waiting",
    }


@pytest.mark.django_db(transaction=True)
def test_many_schedulers_send_each_once(tasks):
    Source.objects.bulk_create(
        [Source(url=f"https://s{n}.example/", site_key="s", next_sync_at=timezone.now()) for n in range(40)]
    )
    at_once(8, lambda n: runs.due_enqueue())
    sent = [m["source_id"] for m in tasks.take()]
    assert len(sent) == 40 == len(set(sent))
    assert SourceRun.objects.count() == 40


def test_a_broker_that_is_down_loses_nothing(api, source, settings, tasks):
    url = settings.CELERY_BROKER_URL
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    runs.due_enqueue()
    shown = api.get(f"/internal/sources/{source.pk}").json()
    assert shown["status"] == "queued" and "broker" in shown["error_message"]
    assert api.post(f"/internal/sources/{source.pk}/force-run").json()["dispatched"] is False
    settings.CELERY_BROKER_URL = url
    runs.sweep()
    assert len(tasks.take()) == 1
    assert api.get(f"/internal/sources/{source.pk}").json()["error_message"] == ""


def test_force_run_takes_its_strategy_from_query_or_body(api, source, tasks):
    path = f"/internal/sources/{source.pk}/force-run"
    answer = api.post(f"{path}?strategy=discovery")
    assert answer.status_code == 200 and answer.json()["dispatched"] is True
    [message] = tasks.take()
    assert message["strategy"] == "discovery" and message["run_id"] == answer.json()["run_id"]
    assert api.post(path, {"strategy": "deep"}).json()["run_id"] == message["run_id"]
    assert tasks.take()[0]["strategy"] == "deep"
    assert api.post(path, {"strategy": "wide"}).status_code == 422
    assert api.post(f"{path}?strategy=wide").status_code == 422
    assert api.post("/internal/sources/424242/force-run").status_code == 404
    api.post(f"/internal/sources/{source.pk}/report-status", {"status": "running"})
    assert api.post(path).status_code == 409


def report(api, source, status, **more):
    return api.post(f"/internal/sources/{source.pk}/report-status", {"status": status, **more})


def test_a_crawl_belongs_to_one_worker(api, source, tasks):
    run_id = api.post(f"/internal/sources/{source.pk}/force-run").json()["run_id"]
    assert report(api, source, "running", run_id=run_id, worker="a:1").json()["source_status"] == "running"
    assert report(api, source, "running", run_id=run_id, worker="a:1").status_code == 200
    assert report(api, source, "running", run_id=run_id, worker="b:2").status_code == 409
    assert report(api, source, "waiting", run_id=run_id, worker="b:2").status_code == 409
    for status in ("waiting", "queued", "error"):  # nor of whatever is open
        assert report(api, source, status, worker="b:2").status_code == 409
    assert report(api, source, "waiting", run_id=run_id, worker="a:1").json()["source_status"] == "waiting"
    assert report(api, source, "running", run_id=run_id, worker="b:2").status_code == 409
    assert report(api, source, "nonsense").status_code == 422
    assert report(api, source, "discovered").status_code == 422
    assert report(api, source, "error").json()["source_status"] == "error"
    assert report(api, source, "broken").json()["source_status"] == "broken"


def test_what_is_crawled_is_what_was_asked_for_last(api, source, tasks):
    """An older message of the same crawl may be taken first: its taker is told what there is to do by now."""
    path = f"/internal/sources/{source.pk}"
    run_id = api.post(f"{path}/force-run", {"strategy": "discovery"}).json()["run_id"]
    api.post(f"{path}/force-run", {"strategy": "deep"})
    api.patch(path, {"config": {"max_pages": 7}})
    older, _ = tasks.take()
    assert older["strategy"] == "discovery"
    task = report(api, source, "running", run_id=run_id, worker="a:1").json()["task"]
    assert task == {**older, "strategy": "deep", "config": {"max_pages": 7}}


def test_a_silent_worker_loses_its_crawl(api, source, tasks):
    run_id = api.post(f"/internal/sources/{source.pk}/force-run").json()["run_id"]
    report(api, source, "running", run_id=run_id, worker="a:1")
    tasks.take()
    runs.sweep()
    assert tasks.take() == []
    SourceRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    api.post("/internal/workers/heartbeat", {"hostname": "a", "pid": 1})  # it was slow, not dead
    runs.sweep()
    assert tasks.take() == []
    SourceRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    runs.sweep()
    assert [m["run_id"] for m in tasks.take()] == [run_id]
    assert report(api, source, "running", run_id=run_id, worker="b:2").status_code == 200
    assert report(api, source, "waiting", run_id=run_id, worker="a:1").status_code == 409
    for _ in range(10):
        SourceRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        runs.sweep()
        if report(api, source, "running", run_id=run_id, worker="c:3").status_code == 409:
            break
    source.refresh_from_db()
    assert source.status == "error" and "attempts" in source.error_message


def test_a_worker_that_was_started_anew_keeps_nothing_of_its_forerunner(api, source, tasks):
    """A container that starts again has the same host name, and its process the same number."""
    run_id = api.post(f"/internal/sources/{source.pk}/force-run").json()["run_id"]
    report(api, source, "running", run_id=run_id, worker="a:1")

    def beat(**more) -> int:
        return api.post("/internal/workers/heartbeat", {"hostname": "a", "pid": 1, **more}).json()[
            "runs_renewed"
        ]

    assert beat() == 1 and beat(run_ids=[run_id]) == 1 and beat(run_ids=[]) == 0
    SourceRun.objects.update(started_at=timezone.now() - timedelta(hours=7))
    assert beat() == 0 and beat(run_ids=[run_id, run_id + 1]) == 1
    answer = api.post(
        "/internal/workers/heartbeat", {"hostname": "b", "pid": 1, "run_ids": [run_id, run_id + 1]}
    )
    assert answer.json() == {"status": "ok", "runs_renewed": 0, "runs_lost": [run_id, run_id + 1]}
    for bad in (["x"], [0], [2**70], 5, {"a": 1}):
        answer = api.post("/internal/workers/heartbeat", {"hostname": "a", "pid": 1, "run_ids": bad})
        assert answer.status_code == 422


def test_what_is_crawled_out_of_the_backlog_goes_back_to_it(api, source, tasks):
    category = {"name": "Mugs", "url": "https://shop.example.com/mugs", "site_key": "shop"}
    ingest(api, source, [], categories=[category])
    found = Source.objects.get(status="discovered")
    for end in ("waiting", "error"):
        run_id = api.post(f"/internal/sources/{found.pk}/force-run").json()["run_id"]
        report(api, found, "running", run_id=run_id, worker="a:1")
        assert report(api, found, end, run_id=run_id, worker="a:1").json()["source_status"] == "discovered"
    api.post("/internal/sources/backlog/activate", {"source_ids": [found.pk]})
    api.post(f"/internal/sources/{found.pk}/toggle", {"is_active": False})
    api.post(f"/internal/sources/{found.pk}/force-run")
    assert report(api, found, "waiting").json()["source_status"] == "disabled"


def test_a_source_that_batches_have_begun_while_it_was_off(api, source, tasks):
    api.post(f"/internal/sources/{source.pk}/toggle", {"is_active": False})
    ingest(api, source, [item(1)])
    api.post(f"/internal/sources/{source.pk}/toggle", {"is_active": True})
    runs.due_enqueue()
    assert api.get(f"/internal/sources/{source.pk}").json()["status"] == "running" and tasks.take() == []


def test_a_task_that_nobody_takes_is_sent_again(api, source, tasks):
    api.post(f"/internal/sources/{source.pk}/force-run")
    assert len(tasks.take()) == 1
    runs.sweep()
    assert tasks.take() == []
    SourceRun.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    runs.sweep()
    assert len(tasks.take()) == 1


def test_a_crawl_that_is_handed_back_is_queued_at_once(api, source, tasks):
    run_id = api.post(f"/internal/sources/{source.pk}/force-run").json()["run_id"]
    tasks.take()
    report(api, source, "running", run_id=run_id, worker="a:1")
    assert report(api, source, "queued", run_id=run_id, worker="a:1").json()["source_status"] == "queued"
    assert [m["run_id"] for m in tasks.take()] == [run_id]
    assert SourceRun.objects.get().attempts == 0


def test_a_source_that_is_switched_off_drops_its_task(api, source, tasks):
    run_id = api.post(f"/internal/sources/{source.pk}/force-run").json()["run_id"]
    api.post(f"/internal/sources/{source.pk}/toggle", {"is_active": False})
    assert report(api, source, "running", run_id=run_id, worker="a:1").status_code == 409


def test_batches_without_a_run_open_one_that_ends_by_itself(api, source, tasks):
    ingest(api, source, [item(1)])
    ingest(api, source, [item(2)])
    run = SourceRun.objects.get()
    assert (run.status, run.items_scraped, run.items_new) == ("running", 2, 2)
    SourceRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    runs.sweep()
    run.refresh_from_db()
    assert run.status == "completed" and tasks.take() == []
    source.refresh_from_db()
    assert source.status == "waiting" and source.last_run_new == 2


def test_a_batch_whose_run_ends_as_it_joins_it_opens_another(api, source, tasks, monkeypatch):
    queryset = type(SourceRun.objects.all())
    make, made = queryset.bulk_create, []

    def overtaken(self, rows, **kwargs):
        if not made:
            made.append(SourceRun.objects.create(source=source, status="running"))
        done = make(self, rows, **kwargs)
        SourceRun.objects.filter(pk=made[0].pk).update(status="completed")
        return done

    monkeypatch.setattr(queryset, "bulk_create", overtaken)
    assert ingest(api, source, [item(1)]).json()["items_new"] == 1
    assert sorted(SourceRun.objects.values_list("status", "items_new")) == [("completed", 0), ("running", 1)]
