"""Health: every part named, in 200 or 503, within two seconds whatever hangs."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.queues import Queue
from apps.system import tasks
from apps.system.models import Heartbeat
from apps.system.services import health as module
from apps.system.services import heartbeats
from apps.system.services.heartbeats import BEAT, heartbeat, heartbeats_forget, queue_name

# The checks have connections of their own, which see only what was committed.
pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/system/health/"
PARTS = {"database", "migrations", "broker", "workers", "beat", "storage", "disk"}


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    """No answer of the test before."""
    monkeypatch.setattr(module, "_running", {})
    monkeypatch.setattr(heartbeats, "_told", {})


@pytest.fixture
def alive():
    heartbeat(names=[queue_name(q) for q in Queue], host="worker@one", close=False)
    heartbeat(names=[BEAT], host=BEAT, close=False)


def asked(client) -> tuple[int, dict, float]:
    began = time.monotonic()
    answer = client.get(URL)
    seconds = time.monotonic() - began
    body = answer.json()
    parts = (body["data"] if answer.status_code == 200 else body["details"])["parts"]
    assert set(parts) == PARTS
    return answer.status_code, parts, seconds


def test_all_parts_are_well(anonymous, alive):
    status, parts, _ = asked(anonymous)
    assert status == 200, parts
    answer = anonymous.get(URL)
    assert answer["X-RateLimit-Limit"] and "no-cache" in answer["Cache-Control"]


def test_nobody_has_shown_a_sign_of_life(anonymous):
    status, parts, _ = asked(anonymous)
    assert status == 503
    assert "default never seen" in parts["workers"]["problem"] and parts["beat"]["problem"] == "never seen"
    assert parts["database"]["ok"] and parts["broker"]["ok"]


def test_a_queue_without_a_worker_and_a_beat_that_stopped(anonymous, alive):
    heartbeat(names=[queue_name(Queue.AI)], host="worker@two", close=False)
    Heartbeat.objects.filter(host="worker@one", name__in=["queue:ai", "queue:images"]).update(
        at=timezone.now() - timedelta(seconds=90)
    )
    Heartbeat.objects.filter(name=BEAT).update(at=timezone.now() - timedelta(seconds=90))
    status, parts, _ = asked(anonymous)
    assert status == 503
    # Another worker serves the queue ai.
    assert parts["workers"]["problem"].startswith("no worker for: images last seen 9")
    assert parts["beat"]["problem"].startswith("last seen 9")


def test_a_broker_that_is_away(anonymous, settings, alive):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    answer = anonymous.get(URL)
    assert answer.status_code == 503
    body = answer.json()
    assert body["code"] == "SERVICE_UNAVAILABLE" and "broker" in body["error"]
    assert "127.0.0.1" not in body["error"]


def test_a_full_disk_and_a_storage_that_can_not_be_written(anonymous, settings, alive, tmp_path):
    settings.DISK_MIN_FREE_MB = 10**9
    blocked = tmp_path / "a file"
    blocked.write_text("no folder")
    settings.MEDIA_ROOT = str(blocked)
    status, parts, _ = asked(anonymous)
    assert status == 503
    assert "MB are free" in parts["disk"]["problem"] and not parts["storage"]["ok"]


@pytest.mark.parametrize("part", ["storage", "database", "broker"])
def test_a_part_that_hangs_is_told_in_time_and_waited_for_once(anonymous, alive, monkeypatch, part):
    release, begun = threading.Event(), []
    if part != "database":  # the others wait as long, which is seen once
        monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.3)

    def hang() -> str:
        begun.append(1)
        release.wait(30)
        return ""

    monkeypatch.setitem(module.CHECKS, part, hang)
    try:
        for _ in range(3):
            status, parts, seconds = asked(anonymous)
            assert status == 503 and seconds < 2, seconds
            assert parts[part]["problem"] == "no answer in time"
            assert all(p["ok"] for name, p in parts.items() if name != part), parts
        assert len(begun) == 1
    finally:
        release.set()


def test_answers_are_shared_within_a_second(anonymous, alive, monkeypatch):
    counted = []
    monkeypatch.setitem(module.CHECKS, "storage", lambda: counted.append(1) or "")
    for _ in range(5):
        asked(anonymous)
    assert len(counted) == 1


class _Sender:
    hostname = "worker@here"


def test_workers_and_beat_show_their_signs():
    tasks.worker_lives(sender=_Sender())
    tasks._speaking["worker@here"].join()
    names = set(Heartbeat.objects.filter(host="worker@here").values_list("name", flat=True))
    assert names == {queue_name(q) for q in Queue}
    first = Heartbeat.objects.get(host="worker@here", name="queue:default").at
    tasks.worker_lives(sender=_Sender())  # ten seconds have not passed
    tasks._speaking["worker@here"].join()
    assert Heartbeat.objects.get(host="worker@here", name="queue:default").at == first
    tasks.beat_sent()
    assert not Heartbeat.objects.filter(name=BEAT).exists()  # this process is no beat
    tasks.beat_begins()
    try:
        tasks.beat_sent()
        tasks._speaking[BEAT].join()
    finally:
        tasks._processes.clear()
    assert Heartbeat.objects.filter(name=BEAT).exists()


def test_a_database_that_hangs_holds_nobody_up(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(tasks, "heartbeat", lambda **_: release.wait(30))
    monkeypatch.setattr(tasks, "_speaking", {})
    began = time.monotonic()
    for _ in range(5):
        heartbeats._told.clear()
        tasks.worker_lives(sender=_Sender())
    threads = [t for t in threading.enumerate() if t.name == "sign-of-life"]
    release.set()
    assert time.monotonic() - began < 1 and len(threads) == 1


def test_a_sign_that_can_not_be_written_breaks_nothing(monkeypatch):
    assert heartbeat(names=["x" * 500], host="h", close=False) is False


def test_those_who_are_gone_are_forgotten(alive):
    Heartbeat.objects.filter(host="worker@one").update(at=timezone.now() - timedelta(days=2))
    heartbeats_forget()
    assert list(Heartbeat.objects.values_list("name", flat=True)) == [BEAT]
