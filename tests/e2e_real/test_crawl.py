"""The product side, whole, over RabbitMQ: a shop crawled by two workers of which one is killed, scored by two others,
its categories mapped, and crawled again.

make e2e ARGS="-k crawl"       a shop of 300
make soak-crawl                one of 2,000
"""

import os
import signal
import threading
import time
from collections import Counter

import httpx
import pytest
from rest_framework.test import APIClient

from apps.intelligence.axes import AXIS_NAMES
from apps.parsing.clients import queue
from apps.parsing.crawler.pipeline import SIZE as BATCH
from apps.parsing.models import Source, SourceRun
from apps.parsing.services import runs
from scripts.e2e import rabbitmq as rabbit
from scripts.e2e.state import load
from tests.e2e_real.product import running
from tests.parsing.shops import Held, served

PRODUCTS = int(os.environ.get("PRODUCTS", "300"))
HELD_AT = PRODUCTS * 4 // 5  # more than a BATCH
TOKEN = "e2e-token"
TREE = """
from apps.intelligence.models import InternalCategory as C
home = C.objects.create(name="Home", slug="home")
C.objects.create(name="Cups", slug="cups", parent=home)
C.objects.create(name="Light", slug="light", parent=home)
"""
# Whatever is written of a row changes one of these.
VERSIONS = "SELECT id, xmin::text, xmax::text, ctid::text FROM parsing_product ORDER BY id"
LATER = "2100-01-01T00:00:00Z"  # no schedule comes before the test


def wait_for(what, seconds: float = 120.0):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.2)
    return found


class Internal(httpx.Client):
    """A client of /internal/ that wants no error."""

    def __init__(self, url: str):
        super().__init__(
            base_url=f"{url}/internal/", headers={"X-Internal-Token": TOKEN}, timeout=60, trust_env=False
        )

    def ask(self, method: str, path: str, **more):
        answer = self.request(method, path, **more)
        assert answer.is_success, (path, answer.status_code, answer.text[:2000])
        return answer.json()

    def products(self, **params) -> list[dict]:
        """All pages of a search."""
        found: list[dict] = []
        while page := self.ask("GET", "products", params={**params, "limit": 1000, "offset": len(found)}):
            found += page
        return found


@pytest.mark.timeout(300 + PRODUCTS)
def test_a_shop_from_its_source_to_scored_and_mapped_products(rabbitmq, capsys):
    began = time.monotonic()
    with served(Held(PRODUCTS, HELD_AT)) as shop:
        environment = {
            "CELERY_BROKER_URL": rabbitmq,
            "INTERNAL_API_TOKEN": TOKEN,
            "OUTBOUND_ALLOW_PRIVATE": shop.place,
            "PARSING_LEASE_SECONDS": "10",
            "PARSING_SWEEP_SECONDS": "2",
        }
        with running(environment) as product, Internal(product.url) as api:
            figures = [f"up {time.monotonic() - began:.0f} s"]
            # One worker is the product's own, which is started again when it is killed.
            with product.second_crawler():
                figures += _crawled_with_a_kill(product, api, shop)
                figures += _scored(product, api)
                figures += _mapped(product, api)
                figures += _crawled_again(product, api)
            _check_queue(rabbitmq.rpartition("/")[2])
    with capsys.disabled():
        print(f"\n{PRODUCTS} products in {time.monotonic() - began:.0f} s: {'; '.join(figures)}")


def _crawled_with_a_kill(product, api, shop) -> list[str]:
    wait_for(lambda: len(api.ask("GET", "workers")) >= 2)
    made = {"url": f"{shop.url}/", "site_key": "shop", "type": "hub", "config": {"delay": 0}}
    source = api.ask("POST", "sources", json={**made, "next_sync_at": LATER})["id"]
    began = time.monotonic()
    forced = api.ask("POST", f"sources/{source}/force-run")
    assert forced["dispatched"]
    # All but what does not fill a batch comes in before the shop holds its answers back.
    wait_for(lambda: product.one("SELECT count(*) FROM parsing_product") > HELD_AT - BATCH, 60 + PRODUCTS / 4)
    killed = product.one(f"SELECT worker FROM parsing_sourcerun WHERE source_id = {source}")
    os.kill(int(killed.rpartition(":")[2]), signal.SIGKILL)
    stored = product.one("SELECT count(*) FROM parsing_product")
    assert 0 < stored < PRODUCTS
    lost = time.monotonic()
    shop.released.set()
    wait_for(lambda: api.ask("GET", f"sources/{source}")["status"] == "waiting", 60 + PRODUCTS / 4)

    detail = api.ask("GET", f"sources/{source}")
    assert detail["total_items"] == PRODUCTS and detail["last_run_new"] == PRODUCTS, detail
    assert [(r["status"], r["items_new"]) for r in detail["history"]] == [("completed", PRODUCTS)]
    assert detail["history"][0]["items_scraped"] >= PRODUCTS and detail["error_message"] == ""
    [(run, worker, attempts)] = product.rows("SELECT id, worker, attempts FROM parsing_sourcerun")
    assert run == forced["run_id"] and worker not in ("", killed) and attempts >= 2
    distinct = "SELECT count(*), count(DISTINCT gift_id), count(DISTINCT product_url) FROM parsing_product"
    assert product.rows(distinct) == [(PRODUCTS,) * 3]
    assert product.one("SELECT count(*) FROM parsing_product WHERE text_version <> 1") == 0
    [site] = api.ask("GET", "monitoring")
    assert site["site_key"] == "shop" and {s["name"] for s in api.ask("GET", "sources/backlog")} == {
        "Mugs",
        "Lamps",
    }
    now = time.monotonic()
    return [
        f"crawled in {now - began:.0f} s, {stored} stored at the kill",
        f"done {now - lost:.0f} s after it",
    ]


def _scored(product, api) -> list[str]:
    """Two workers at the same time, until nothing is left for either."""
    began = time.monotonic()
    taken: dict[str, list[str]] = {"one": [], "two": []}
    updated, both, problems = Counter(), threading.Barrier(2), []

    def score(name: str) -> None:
        try:
            with Internal(product.url) as own:
                while tasks := own.ask("GET", "scoring/tasks", params={"worker": name, "limit": 40}):
                    if not taken[name]:
                        both.wait(timeout=60)  # neither is done before the other has begun
                    taken[name] += [task["gift_id"] for task in tasks]
                    results = {"results": [_score(task) for task in tasks]}
                    done = own.ask("POST", "scoring/submit", params={"worker": name}, json=results)
                    assert done["rejected"] == [], done
                    updated[name] += done["updated"]
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=score, args=(name,)) for name in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert problems == []
    every = taken["one"] + taken["two"]
    assert len(every) == len(set(every)) == PRODUCTS == sum(updated.values())
    assert all(taken.values())
    rows = api.products(scored=True, ordering="-score")
    assert len(rows) == PRODUCTS and {row["gift_id"] for row in rows} == set(every)
    assert [row["llm_gift_score"] for row in rows] == sorted(
        (r["llm_gift_score"] for r in rows), reverse=True
    )
    assert all(row["llm_gift_score"] == _score(row)["llm_gift_score"] for row in rows)
    assert len(api.products(scored=True, min_rest=0.5)) == sum(_rest(row) >= 0.5 for row in rows)
    assert (
        product.one("SELECT count(*) FROM intelligence_productscore WHERE worker = 'one'") == updated["one"]
    )
    return [
        f"scored in {time.monotonic() - began:.0f} s, {updated['one']} by one and {updated['two']} by two"
    ]


def _score(row: dict) -> dict:
    """A judgement that can be told again from the product alone."""
    number = int(row["gift_id"].rpartition("/")[2])
    return {
        "gift_id": row["gift_id"],
        "llm_gift_score": number % 101 / 10,
        "llm_gift_reasoning": f"Judged <b>number {number}</b> 🎁",
        "llm_gift_vector": {**dict.fromkeys(AXIS_NAMES, 0.25), "rest": _rest(row)},
        "llm_scoring_model": "e2e",
        "llm_scoring_version": "1",
        **({"text_version": row["text_version"]} if "text_version" in row else {}),
    }


def _rest(row: dict) -> float:
    return int(row["gift_id"].rpartition("/")[2]) % 10 / 10


def _mapped(product, api) -> list[str]:
    counts = {"Lamps": (PRODUCTS + 1) // 2, "Mugs": PRODUCTS // 2}
    tasks = {task["external_name"]: task for task in api.ask("GET", "categories/tasks")}
    assert {name: task["count"] for name, task in tasks.items()} == counts
    assert all("Thing" in title for task in tasks.values() for title in task["examples"])
    product.manage("shell", code=TREE)
    ours = {row["path"]: row["id"] for row in api.ask("GET", "categories")}
    wanted = {"Mugs": ours["Home > Cups"], "Lamps": ours["Home > Light"], "No such name": ours["Home"]}
    results = [{"external_name": name, "internal_category_id": pk} for name, pk in wanted.items()]
    done = api.ask("POST", "categories/submit", json={"results": results})
    assert done["updated"] == 2 and [r["index"] for r in done["rejected"]] == [2]
    assert api.ask("GET", "categories/tasks") == []
    # It holds for what was there before, by itself and from above.
    cups = api.products(category=ours["Home > Cups"])
    assert len(cups) == counts["Mugs"] and {row["internal_category"] for row in cups} == {"Cups"}
    assert len(api.products(category=ours["Home"])) == PRODUCTS
    return [f"{counts['Mugs']} and {counts['Lamps']} mapped"]


def _crawled_again(product, api) -> list[str]:
    began = time.monotonic()
    rows = product.rows(VERSIONS)
    [source] = [s for s in api.ask("GET", "sources") if s["type"] == "hub"]
    forced = api.ask("POST", f"sources/{source['id']}/force-run")
    wait_for(
        lambda: api.ask("GET", f"sources/{source['id']}")["history"][0]["status"] == "completed",
        60 + PRODUCTS / 4,
    )
    detail = api.ask("GET", f"sources/{source['id']}")
    again = detail["history"][0]
    assert detail["last_run_new"] == 0 and len(detail["history"]) == 2 and detail["total_items"] == PRODUCTS
    found = "SELECT items_scraped, items_new, items_updated FROM parsing_sourcerun WHERE id = {}"
    assert product.rows(found.format(forced["run_id"])) == [(again["items_scraped"], 0, 0)]
    assert again["items_scraped"] >= PRODUCTS
    assert product.rows(VERSIONS) == rows, "a row was written"
    assert api.ask("GET", "scoring/tasks", params={"worker": "one"}) == []
    return [f"crawled again in {time.monotonic() - began:.0f} s, no row written"]


def _check_queue(vhost: str) -> None:
    columns = ("name", "type", "durable", "arguments", "messages")
    listed = rabbit.control(load(), "list_queues", "-p", vhost, *columns, "--no-table-headers")
    [line] = [line.split("\t") for line in listed.splitlines() if line.startswith(queue.NAME)]
    assert line[1:3] == ["classic", "true"] and "x-max-priority" in line[3] and line[4] == "0", line


def test_the_queue_keeps_tasks_over_everything(db, settings, rabbitmq):
    """The broker down, a consumer that goes away, the broker started anew, a task that nobody took."""
    settings.CELERY_BROKER_URL = rabbitmq
    settings.INTERNAL_API_TOKEN = [TOKEN]
    api = APIClient(headers={"X-Internal-Token": TOKEN})
    urgent, other, last = (
        Source.objects.create(url=f"https://s{n}.example/", site_key="s", priority=n) for n in (95, 50, 5)
    )
    rabbit.control(load(), "stop_app")
    try:
        assert runs.due_enqueue() == 3
        shown = api.get(f"/internal/sources/{other.pk}").json()
        assert shown["status"] == "queued" and "broker" in shown["error_message"]
        assert api.post(f"/internal/sources/{last.pk}/force-run").json()["dispatched"] is False
    finally:
        rabbit.control(load(), "start_app")
    runs.sweep()
    assert api.get(f"/internal/sources/{other.pk}").json()["error_message"] == ""
    assert SourceRun.objects.filter(status="queued", sent_at__isnull=False).count() == 3

    taken = _take(rabbitmq, acknowledge=False)
    # What is forced is as urgent as can be.
    assert [task["source_id"] for task in taken] == [last.pk, urgent.pk, other.pk]
    rabbit.control(load(), "stop_app")
    rabbit.control(load(), "start_app")
    again = _take(rabbitmq)
    assert {task["run_id"] for task in again} == {task["run_id"] for task in taken} and len(again) == 3

    runs.sweep()
    assert _take(rabbitmq) == []
    settings.PARSING_TASK_SECONDS = -1  # in their time no worker has finished them
    runs.sweep()
    assert {task["run_id"] for task in _take(rabbitmq)} == {task["run_id"] for task in taken}


def _take(url: str, *, acknowledge: bool = True) -> list[dict]:
    found = []

    def on_message(body, message):
        assert message.properties["delivery_mode"] == 2 and message.content_type == "application/json"
        found.append(body)
        if acknowledge:
            message.ack()

    with queue.consumer(url, on_message, prefetch=10) as connection:
        while True:
            try:
                connection.drain_events(timeout=1)
            except TimeoutError:
                return found
