"""The routes of sources, good and bad."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import TelegramSubscriber
from apps.accounts.services.telegram import subscriber_topic
from apps.notifications.models import TelegramMessage
from apps.parsing.models import Product, Source, SourceRun
from apps.parsing.services.workers import spiders_sync
from tests.billing.threads import at_once
from tests.parsing.conftest import ingest, item

FIELDS = {
    "id", "url", "type", "site_key", "strategy", "priority", "refresh_interval_hours", "last_synced_at",
    "next_sync_at", "is_active", "status", "config", "created_at", "total_items", "last_run_new",
}  # fmt: skip


def test_upsert_normalises_and_finds_again(api):
    made = api.post(
        "/internal/sources",
        {"url": "HTTPS://Shop.Example.com:443?utm_source=x#top", "site_key": "shop", "priority": 80},
    )
    assert made.status_code == 201
    assert set(made.json()) >= {*FIELDS, "history"}
    assert made.json()["url"] == "https://shop.example.com/"
    assert made.json()["status"] == "waiting" and made.json()["next_sync_at"].endswith("Z")
    again = api.post(
        "/internal/sources", {"url": "https://shop.example.com/", "site_key": "shop", "type": "hub"}
    )
    assert again.status_code == 200
    assert again.json()["id"] == made.json()["id"] and again.json()["priority"] == 80
    later = {"url": "https://later.example/", "site_key": "shop", "next_sync_at": "2100-01-01T00:00:00Z"}
    assert api.post("/internal/sources", later).json()["next_sync_at"] == later["next_sync_at"]
    assert api.get("/api/v1/internal/sources").json()[0]["id"] == made.json()["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"site_key": "s"}, "url"),
        ({"url": "ftp://a.example/", "site_key": "s"}, "url"),
        ({"url": "http://127.0.0.1:9/", "site_key": "s"}, "url"),
        ({"url": "http://2130706433/", "site_key": "s"}, "url"),
        ({"url": "https://a.example/\x00", "site_key": "s"}, "url"),
        ({"url": "https://a.example/" + "x" * 3000, "site_key": "s"}, "url"),
        ({"url": "https://a.example/", "site_key": "a b"}, "site_key"),
        ({"url": "https://a.example/", "site_key": "s\n"}, None),
        ({"url": "https://a.example/", "site_key": "s", "priority": 0}, "priority"),
        ({"url": "https://a.example/", "site_key": "s", "priority": 101}, "priority"),
        ({"url": "https://a.example/", "site_key": "s", "type": "shop"}, "type"),
        ({"url": "https://a.example/", "site_key": "s", "config": [1]}, "config"),
        ({"url": "https://a.example/", "site_key": "s", "config": {"a": "x" * 70_000}}, "config"),
        (
            {"url": "https://a.example/", "site_key": "s", "refresh_interval_hours": 10**30},
            "refresh_interval_hours",
        ),
    ],
)
def test_what_does_not_fit(api, body, field):
    answer = api.post("/internal/sources", body)
    if field is None:
        assert answer.status_code == 201 and answer.json()["site_key"] == "s"
        return
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["detail"][0]["loc"]
    assert not Source.objects.exists()


def test_a_private_address_that_the_operator_allows(api, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1:9"]
    assert api.post("/internal/sources", {"url": "http://127.0.0.1:9/", "site_key": "s"}).status_code == 201


def test_list_filters_orders_searches_and_is_a_bare_array(api, django_assert_num_queries):
    for n in range(30):
        Source.objects.create(
            url=f"https://s{n}.example/",
            site_key=f"s{n % 3}",
            priority=n + 1,
            type="hub" if n % 2 else "list",
        )
    Source.objects.create(url="https://new.example/", site_key="s0", status="discovered", is_active=False)
    with django_assert_num_queries(2):
        everything = api.get("/internal/sources").json()
    assert len(everything) == 31 and isinstance(everything, list)
    assert len(api.get("/internal/sources?site_key=s0&is_active=true").json()) == 10
    assert [s["status"] for s in api.get("/internal/sources?status=discovered").json()] == ["discovered"]
    assert api.get("/internal/sources?ordering=-priority&limit=1").json()[0]["priority"] == 50
    assert [s["url"] for s in api.get("/internal/sources?search=s29").json()] == ["https://s29.example/"]
    for query in ("status=x", "ordering=secret", "limit=0", "limit=x", "is_active=maybe", "offset=-1"):
        assert api.get(f"/internal/sources?{query}").status_code == 422, query


def test_detail_has_history_and_totals_of_a_hubs_whole_site(api, source):
    child = Source.objects.create(url="https://shop.example.com/mugs", site_key="shop", type="list")
    other = Source.objects.create(url="https://other.example/", site_key="other")
    ingest(api, source, [item(n) for n in range(3)])
    ingest(api, child, [item(n) for n in range(2, 7)])
    ingest(api, other, [item(1, site_key="other")])
    api.post(f"/internal/sources/{source.pk}/report-status", {"status": "waiting"})
    detail = api.get(f"/internal/sources/{source.pk}").json()
    assert detail["total_items"] == 7
    assert api.get(f"/internal/sources/{child.pk}").json()["total_items"] == 4
    assert {s["id"]: s["total_items"] for s in api.get("/internal/sources").json()} == {
        source.pk: 7, child.pk: 4, other.pk: 1,
    }  # fmt: skip
    assert detail["last_run_new"] == 3 and detail["last_synced_at"]
    run = detail["history"][0]
    assert {"date", "status", "items_scraped", "items_new", "duration_seconds", "error_message"} <= set(run)
    assert (run["status"], run["items_scraped"], run["items_new"]) == ("completed", 3, 3)
    assert api.get("/internal/sources/999999").status_code == 404
    assert api.get("/internal/sources/99999999999999999999999").status_code == 404


def test_the_whole_history_a_part_at_a_time(api, source, django_assert_num_queries):
    now = timezone.now()
    SourceRun.objects.bulk_create(
        SourceRun(
            source=source,
            status="completed",
            items_new=n,
            created_at=now - timedelta(hours=n),
            logs=f"log {n}",
        )
        for n in range(130)
    )
    with django_assert_num_queries(5):
        detail = api.get(f"/internal/sources/{source.pk}").json()
    assert (len(detail["history"]), detail["runs_total"], detail["logs"]) == (100, 130, "log 0")
    rest = api.get(f"/internal/sources/{source.pk}?offset=100&limit=5000").json()["history"]
    assert [h["items_new"] for h in detail["history"] + rest] == list(range(130))
    assert api.get(f"/internal/sources/{source.pk}?limit=0").status_code == 422


def test_patch(api, source):
    answer = api.patch(f"/internal/sources/{source.pk}", {"priority": 7, "config": {"delay": 1}})
    assert (
        answer.status_code == 200
        and answer.json()["priority"] == 7
        and answer.json()["config"] == {"delay": 1}
    )
    assert api.patch(f"/internal/sources/{source.pk}", {"strategy": "wide"}).status_code == 422
    deep = b'{"config": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}"
    answer = api.patch(f"/internal/sources/{source.pk}", deep, content_type="application/json")
    assert answer.status_code == 422 and "nested" in answer.json()["detail"][0]["msg"]
    assert api.patch("/internal/sources/424242", {"priority": 7}).status_code == 404


@pytest.fixture
def backlog(db) -> list[Source]:
    return [
        Source.objects.create(
            url=f"https://shop.example.com/c{n}",
            site_key="shop",
            status="discovered",
            is_active=False,
            type="list",
        )
        for n in range(3)
    ]


def test_backlog_is_never_taken_for_an_id(api, source, backlog):
    found = api.get("/internal/sources/backlog")
    assert [s["id"] for s in found.json()] == [s.pk for s in backlog]
    assert api.get("/internal/sources/backlog?site_key=none").json() == []
    for query in ("limit=0", "ordering=secret", "offset=x"):
        assert api.get(f"/internal/sources/backlog?{query}").status_code == 422
    found = api.get("/internal/sources/backlog?search=/c&ordering=-id&offset=1&limit=1&type=list").json()
    assert [s["id"] for s in found] == [backlog[1].pk]
    assert api.get("/internal/sources/backlog/stats").json() == {
        "total": 3, "by_site": [{"site_key": "shop", "count": 3}], "quota": 200, "activated_today": 0,
        "left_today": 200,
    }  # fmt: skip


def test_activation_tells_which_and_why_not(api, source, backlog, settings):
    settings.PARSING_ACTIVATIONS_PER_DAY = 2
    ids = [source.pk, 999_999, *[s.pk for s in backlog], backlog[0].pk]
    answer = api.post("/internal/sources/backlog/activate", {"source_ids": ids}).json()
    assert answer["activated"] == [backlog[0].pk, backlog[1].pk]
    reasons = {r["id"]: r["reason"] for r in answer["skipped"]}
    assert set(reasons) == {source.pk, 999_999, backlog[2].pk}
    assert (
        "quota" in reasons[backlog[2].pk]
        and "no such" in reasons[999_999]
        and "waiting" in reasons[source.pk]
    )
    backlog[0].refresh_from_db()
    assert backlog[0].is_active and backlog[0].status == "waiting"
    for body in ({}, {"source_ids": []}, {"source_ids": ["x"]}, {"source_ids": 1}, {"source_ids": [2**70]}):
        assert api.post("/internal/sources/backlog/activate", body).status_code == 422, body


def test_toggle_by_body_and_by_query(api, source):
    path = f"/internal/sources/{source.pk}/toggle"
    assert api.post(path, {"is_active": False}).json()["source_status"] == "disabled"
    assert api.post(path, {"is_active": False}).status_code == 200
    assert api.post(f"{path}?is_active=true").json() == {
        "status": "ok", "source_status": "waiting", "is_active": True,
    }  # fmt: skip
    assert api.post(path, {"is_active": "perhaps"}).status_code == 422
    assert api.post(path, {}).status_code == 422
    for body in (b"5", b"null", b"[1]"):
        answer = api.post(f"{path}?is_active=false", body, content_type="application/json")
        assert answer.status_code == 200 and answer.json()["is_active"] is False
    assert api.post("/internal/sources/424242/toggle", {"is_active": True}).status_code == 404


def test_errors_back_off_and_end_as_broken(api, source):
    path = f"/internal/sources/{source.pk}/report-error"
    waits = []
    for _ in range(4):
        answer = api.post(path, {"error": "HTTP 503"})
        assert answer.json()["source_status"] == "error"
        source.refresh_from_db()
        waits.append(source.next_sync_at - timezone.now())
    assert waits == sorted(waits) and waits[0] > timedelta(minutes=14)
    assert api.post(path, {"error": "HTTP 503"}).json() == {
        "status": "ok", "source_status": "broken", "is_active": False,
    }  # fmt: skip
    history = api.get(f"/internal/sources/{source.pk}").json()["history"]
    assert [h["error_message"] for h in history] == ["HTTP 503"] * 5
    api.post(f"/internal/sources/{source.pk}/toggle", {"is_active": True})
    assert api.get(f"/internal/sources/{source.pk}").json()["status"] == "waiting"
    assert api.post(path, {"error": "gone", "is_broken": True}).json()["source_status"] == "broken"
    assert api.post(path, {"is_broken": True}).status_code == 422
    assert api.post("/internal/sources/424242/report-error", {"error": "x"}).status_code == 404


def test_logs_are_bounded(api, source):
    path = f"/internal/sources/{source.pk}/report-logs"
    assert api.post(path, {"logs": "before any run"}).status_code == 404
    api.post(f"/internal/sources/{source.pk}/report-status", {"status": "running"})
    for n in range(3):
        assert api.post(path, {"logs": f"{n}" * 40_000}).status_code == 200
    logs = api.get(f"/internal/sources/{source.pk}").json()["logs"]
    assert len(logs) == 64_000 and logs.endswith("2" * 40_000)
    assert api.post(path, {"logs": "x" * 1_100_000 + "end"}).status_code == 200
    long = {"error": "Traceback " + "x" * 200_000}
    assert api.post(f"/internal/sources/{source.pk}/report-error", long).status_code == 200
    detail = api.get(f"/internal/sources/{source.pk}").json()
    assert len(detail["error_message"]) == 10_000 and len(detail["logs"]) == 64_000
    assert detail["history"][0]["error_message"].startswith("Traceback")
    assert api.post(path, {}).status_code == 422


@pytest.fixture
def messages(db, settings):
    """What is written to a subscriber of both topics."""
    settings.TELEGRAM_BOT_TOKEN = "1:test"
    subscriber = TelegramSubscriber.objects.create(chat_id=77, slug="ada", name="Ada")
    for topic in ("sources", "spiders"):
        subscriber_topic(chat_id=77, topic=topic, wanted=True)
    return TelegramMessage.objects.filter(subscriber=subscriber)


def test_sync_spiders_tells_of_new_ones_once(api, messages):
    answer = api.post("/internal/sources/sync-spiders", {"available_spiders": ["generic", "mrgeek"]})
    assert answer.json() == {"status": "ok", "new_spiders": ["generic", "mrgeek"]}
    again = api.post("/internal/sources/sync-spiders", {"available_spiders": ["generic", "other"]})
    assert again.json()["new_spiders"] == ["other"]
    assert [m.text[-15:] for m in messages.order_by("pk")] == ["generic, mrgeek", "w spiders: other"[-15:]]
    assert api.post("/internal/sources/sync-spiders", {"available_spiders": "generic"}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_together_announce_a_spider_once(settings):
    settings.TELEGRAM_BOT_TOKEN = "1:test"
    TelegramSubscriber.objects.create(chat_id=77, subscriptions=["spiders"])
    told = at_once(4, lambda n: spiders_sync(names=["generic", "mrgeek"]))
    assert sorted(told) == [[], [], [], ["generic", "mrgeek"]]
    assert TelegramMessage.objects.count() == 1


def test_a_broken_source_is_told(api, source, messages):
    for _ in range(2):
        api.post(f"/internal/sources/{source.pk}/report-error", {"error": "HTTP 410", "is_broken": True})
    assert "HTTP 410" in messages[0].text and source.url in messages[0].text


def test_workers_and_their_heartbeats(api):
    beat = {
        "hostname": "w1",
        "pid": 7,
        "status": "busy",
        "concurrent_tasks": 1,
        "capacity": 2,
        "ram_usage_pct": 41.5,
    }
    assert api.post("/internal/workers/heartbeat", beat).json() == {
        "status": "ok",
        "runs_renewed": 0,
        "runs_lost": [],
    }
    api.post("/internal/workers/heartbeat", {**beat, "concurrent_tasks": 2, "spiders": ["generic"]})
    [worker] = api.get("/internal/workers").json()
    assert (worker["hostname"], worker["concurrent_tasks"], worker["spiders"]) == ("w1", 2, ["generic"])
    from apps.parsing.models import CrawlWorker

    CrawlWorker.objects.update(last_seen_at=timezone.now() - timedelta(seconds=91))
    assert api.get("/internal/workers").json() == []
    for bad in ({}, {**beat, "pid": -1}, {**beat, "ram_usage_pct": 300}, {**beat, "spiders": "x"}):
        assert api.post("/internal/workers/heartbeat", bad).status_code == 422


def test_monitoring_and_stats(api, source, backlog, django_assert_num_queries):
    ingest(api, source, [item(1)])
    with django_assert_num_queries(1):
        [site] = api.get("/internal/monitoring").json()
    assert site["sources"] == 4 and site["states"]["discovered"] == 3 and site["total_items"] == 1
    assert site["states"]["running"] == 1
    stats = api.get("/internal/stats").json()
    assert (stats["runs"], stats["items_new"], stats["products_new"], stats["sources"]["discovered"]) == (
        1,
        1,
        1,
        3,
    )
    assert api.post("/internal/stats").status_code == 405


def test_a_run_belongs_to_its_source(api, source):
    other = Source.objects.create(url="https://other.example/", site_key="other")
    run = SourceRun.objects.create(source=other)
    for path, body in (("report-status", {"status": "running"}), ("report-error", {"error": "x"})):
        answer = api.post(f"/internal/sources/{source.pk}/{path}", {**body, "run_id": run.pk})
        assert answer.status_code == 404
    assert ingest(api, source, [item(1)], run_id=run.pk).status_code == 404
    assert not Product.objects.exists()
