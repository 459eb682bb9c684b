"""What a run would cost, and what its workers are on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.automation.models import Run, RunItem
from apps.integration.services.settings import settings_change, site_settings
from apps.planner.models import Cluster
from apps.writer.models import Task
from tests.automation.conftest import WORDS, add_keywords

pytestmark = pytest.mark.django_db
BASE = "/api/v1/automation"


def estimate(actor) -> dict:
    answer = actor.client.get(f"{BASE}/estimate/?site_id={actor.site.pk}")
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def tasks(actor, n: int) -> None:
    Task.objects.bulk_create(
        Task(account=actor.account, site=actor.site, title=f"T{i}", word_count=600) for i in range(n)
    )


def test_by_prices_what_waits_and_what_it_makes(alice):
    nothing = estimate(alice)
    assert nothing["total_credits"] == nothing["total_items"] == 0 and nothing["enough"] is True
    add_keywords(alice)
    tasks(alice, 3)
    found = estimate(alice)
    by = {row["number"]: row for row in found["stages"]}
    assert (by[1]["items"], by[1]["credits"], by[1]["confidence"]) == (len(WORDS), 1, "high")
    made = round(len(WORDS) * 0.3)
    assert by[2]["items"] == by[3]["items"] == made and by[2]["credits"] == made
    assert (by[4]["waiting"], by[4]["items"], by[4]["credits_per_item"]) == (3, 3 + made, 6.0)
    assert by[4]["confidence"] == "low" and by[4]["basis"] == "price"
    assert by[5]["credits"] == 0 and by[6]["items"] == 4 * by[5]["items"]  # max_images
    assert by[6]["credits"] == by[6]["items"] * 5
    assert by[7]["enabled"] is False and by[7]["items"] == 0
    assert found["total_credits"] == sum(row["credits"] for row in found["stages"])
    assert found["enough"] is (found["total_credits"] <= found["available_credits"])
    assert found["confidence"] == "low"


def test_by_usage_within_limits_and_off_stages(alice):
    tasks(alice, 10)
    site = {"site_id": alice.site.pk, "account_id": alice.account.pk}
    settings_change(**site, values={}, stages={4: {"per_run_limit": 8}, 6: {"enabled": False}})
    run = Run.objects.create(account=alice.account, site=alice.site, status="completed")
    RunItem.objects.bulk_create(
        RunItem(
            account=alice.account,
            run=run,
            stage=4,
            object_id=i,
            state="done",
            credits=9,
            finished_at=timezone.now(),
        )
        for i in range(6)
    )
    by = {row["number"]: row for row in estimate(alice)["stages"]}
    assert (by[4]["items"], by[4]["basis"], by[4]["samples"], by[4]["credits"]) == (8, "usage", 6, 72)
    assert by[4]["confidence"] == "medium" and by[6]["items"] == 0 and by[6]["enabled"] is False
    RunItem.objects.update(finished_at=timezone.now() - timedelta(days=91))
    assert {row["number"]: row for row in estimate(alice)["stages"]}[4]["credits"] == 48
    settings_change(**site, values={"credits_limit": 50})
    shared = {row["number"]: row for row in estimate(alice)["stages"]}[4]
    assert (shared["items"], shared["credits"]) == (3, 18)  # 40 % of 50


def test_the_estimate_costs_the_same_for_any_number(alice, django_assert_max_num_queries):
    site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    estimate(alice)
    with django_assert_max_num_queries(45):
        estimate(alice)
    add_keywords(alice)
    tasks(alice, 5)
    with django_assert_max_num_queries(45):
        estimate(alice)


def test_what_the_workers_are_on(alice, bob, django_assert_max_num_queries):
    url = f"{BASE}/current_processing/?site_id={alice.site.pk}"
    none = alice.client.get(url)
    assert none.json()["data"] is None and none.headers["ETag"]
    clusters = Cluster.objects.bulk_create(
        Cluster(account=alice.account, site=alice.site, sector=alice.sector, name=f"Kaffee ☕ {i}")
        for i in range(4)
    )
    run = Run.objects.create(account=alice.account, site=alice.site, status="running", current_stage=2)
    since = timezone.now()
    for cluster, fields in zip(
        clusters,
        (
            {"state": "claimed", "claimed_at": since, "attempts": 1},
            {"state": "claimed"},
            {"state": "done"},
            {},
        ),
        strict=True,
    ):
        RunItem.objects.create(account=alice.account, run=run, stage=2, object_id=cluster.pk, **fields)
    with django_assert_max_num_queries(6):  # the request, the site, and four
        answer = alice.client.get(url)
    data = answer.json()["data"]
    assert (data["stage"], data["total"], data["done"], data["failed"], data["waiting"]) == (2, 4, 1, 0, 2)
    (item,) = data["items"]
    assert item["title"] == "Kaffee ☕ 0" and item["object_type"] == "cluster" and item["attempt"] == 1
    assert item["since"] == since.isoformat().replace("+00:00", "Z")
    same = alice.client.get(url, HTTP_IF_NONE_MATCH=answer.headers["ETag"])
    assert same.status_code == 304 and not same.content
    RunItem.objects.filter(state="claimed").update(state="done")
    changed = alice.client.get(url, HTTP_IF_NONE_MATCH=answer.headers["ETag"])
    assert changed.status_code == 200 and changed.json()["data"]["items"] == []
    for name in ("current_processing", "estimate"):
        assert bob.client.get(f"{BASE}/{name}/?site_id={alice.site.pk}").status_code == 404
        assert alice.client.get(f"{BASE}/{name}/").status_code == 400
