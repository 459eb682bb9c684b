"""Workers as they run: processes on the queue, of which one is killed, and one is told to stop."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis
from django.db import connection
from django.utils import timezone

from apps.parsing.models import Product, Source, SourceRun
from apps.parsing.services import runs
from tests.parsing.shops import Held, LinkedData, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]

# With a real RabbitMQ, and all that follows upon a crawl: tests/e2e_real/test_crawl.py.
SHOP, HELD_AT = 250, 220  # more than a batch of the spider's


@pytest.fixture
def worker(live_server, settings, tasks, tmp_path):
    """Starts a worker for a shop."""
    settings.INTERNAL_API_TOKEN = ["test-token"]
    settings.PARSING_LEASE_SECONDS = 5
    started = []

    @contextmanager
    def start(shop, *more):
        command = [
            sys.executable, "-m", "apps.parsing.crawler", "--api-url", live_server.url, "--broker-url",
            settings.CELERY_BROKER_URL, "--allow-private", shop.place, "--delay", "0", "--heartbeat", "1", *more,
        ]  # fmt: skip
        with open(tmp_path / f"worker-{len(started)}.log", "wb") as log:
            process = subprocess.Popen(
                command, env={**os.environ, "INTERNAL_API_TOKEN": "test-token"}, stdout=log, stderr=log
            )
        process.log = log.name
        started.append(process)
        yield process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what, seconds: float = 120.0):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not within {seconds} s: {Source.objects.values()[0]}"
        runs.sweep()
        time.sleep(0.3)
    return found


def state(source) -> str:
    return Source.objects.get(pk=source.pk).status


def test_a_shop_by_two_workers_of_which_one_is_killed(worker, api, tasks):
    with served(Held(SHOP, HELD_AT)) as shop, worker(shop) as one, worker(shop) as two:
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        wait_for(lambda: len(api.get("/internal/workers").json()) == 2)
        force = api.post(f"/internal/sources/{source.pk}/force-run").json()
        assert force["dispatched"]
        wait_for(Product.objects.exists)
        run = SourceRun.objects.get(pk=force["run_id"])
        busy = next(p for p in (one, two) if run.worker.endswith(f":{p.pid}"))
        other = two if busy is one else one
        os.kill(busy.pid, signal.SIGKILL)
        assert 0 < Product.objects.count() < SHOP
        shop.released.set()
        wait_for(lambda: state(source) == "waiting", 400)

        run.refresh_from_db()
        assert run.status == "completed" and run.attempts == 2 and run.worker.endswith(f":{other.pid}")
        assert Product.objects.count() == SHOP == Product.objects.values("product_url").distinct().count()
        detail = api.get(f"/internal/sources/{source.pk}").json()
        assert detail["total_items"] == SHOP and detail["history"][0]["items_new"] == SHOP
        assert "run" in detail["logs"] or detail["logs"]

        before = versions()
        api.post(f"/internal/sources/{source.pk}/force-run")
        wait_for(lambda: SourceRun.objects.filter(status="completed").count() == 2, 400)
        again = SourceRun.objects.latest("pk")
        assert (again.items_scraped, again.items_new, again.items_updated) == (SHOP, 0, 0)
        assert versions() == before  # not a row was written
        assert tasks.take() == []


def versions() -> list:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text, xmax::text, ctid::text FROM parsing_product ORDER BY id")
        return cursor.fetchall()


def test_sigterm_hands_the_crawl_back(worker, api, tasks):
    with served(LinkedData(500)) as shop:
        shop.pause = 0.2
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        with worker(shop) as process:
            api.post(f"/internal/sources/{source.pk}/force-run")
            wait_for(lambda: state(source) == "running")
            wait_for(lambda: len(shop.seen) > 5)
            process.terminate()
            assert process.wait(timeout=20) == 0
        assert state(source) == "queued"
        assert [m["source_id"] for m in tasks.take()] == [source.pk]
        assert SourceRun.objects.get().attempts == 0


def test_a_crawl_that_is_another_workers_by_now_is_stopped(worker, api, tasks):
    """As when the API was away for longer than a lease."""
    with served(LinkedData(5000)) as shop, worker(shop) as process:
        shop.pause = 0.05
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        api.post(f"/internal/sources/{source.pk}/force-run")
        wait_for(lambda: state(source) == "running" and len(shop.seen) > 5)
        SourceRun.objects.update(worker="other:1", lease_until=timezone.now() + timedelta(minutes=5))
        wait_for(lambda: "not ours any more" in Path(process.log).read_text())
        wait_for(lambda: [w["concurrent_tasks"] for w in api.get("/internal/workers").json()] == [0])
        assert psutil.Process(process.pid).children() == []
    assert SourceRun.objects.get().worker == "other:1" and state(source) == "running"


def test_limits_of_time_and_memory(worker, api, tasks):
    with served(LinkedData(500)) as shop, worker(shop, "--memory-mb", "20"):
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        api.post(f"/internal/sources/{source.pk}/force-run")
        wait_for(lambda: state(source) == "error")
        source.refresh_from_db()
        assert "20 MiB" in source.error_message


def test_a_worker_outlives_the_loss_of_its_broker(worker, api, tasks):
    with served(LinkedData(20)) as shop, worker(shop) as process:
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        wait_for(lambda: api.get("/internal/workers").json())
        broker, number = redis.Redis.from_url(tasks.url), tasks.url.rpartition("/")[2]
        own = wait_for(
            lambda: [c for c in broker.client_list() if c["db"] == number and c["cmd"] != "client|list"]
        )
        for client in own:
            broker.client_kill_filter(_id=client["id"])
        broker.close()
        api.post(f"/internal/sources/{source.pk}/force-run")
        wait_for(lambda: state(source) == "waiting" and Product.objects.count() == 20)
        assert process.poll() is None


def test_a_worker_with_a_wrong_token_eats_no_task(worker, api, tasks):
    with served(LinkedData(1)) as shop, worker(shop, "--token", "wrong") as process:
        source = Source.objects.create(url=f"{shop.url}/", site_key="shop")
        api.post(f"/internal/sources/{source.pk}/force-run")
        wait_for(lambda: "given back" in Path(process.log).read_text())
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert [m["source_id"] for m in tasks.take()] == [source.pk]
