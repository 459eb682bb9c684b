import pytest

from apps.automation.models import Run, RunLog
from apps.core import jobs
from apps.integration.services.settings import site_settings

pytestmark = pytest.mark.django_db
BASE = "/api/v1/automation"


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)


def url(name, actor=None, **query):
    if actor:
        query["site_id"] = actor.site.pk
    return f"{BASE}/{name}/?" + "&".join(f"{k}={v}" for k, v in query.items())


def test_config_shows_the_stages_as_fields_and_takes_them(alice):
    data = alice.client.get(url("config", alice)).json()["data"]
    assert data["enabled"] is False and data["next_run_at"] is None
    assert (
        data["stage_1_enabled"] is True
        and data["stage_1_batch_size"] == 50
        and data["max_keywords_per_run"] == 0
    )
    change = {
        "enabled": True,
        "frequency": "weekly",
        "scheduled_days": ["tue"],
        "scheduled_time": "09:00",
        "stage_7_enabled": False,
        "max_tasks_per_run": 20,
    }
    answer = alice.client.put(url("update_config", alice), change)
    assert answer.status_code == 200, answer.content
    data = answer.json()["data"]
    assert data["next_run_at"].endswith("T09:00:00Z") and data["stage_7_enabled"] is False
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    assert settings.stage(4)["per_run_limit"] == 20 and settings.stage(7)["enabled"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"frequency": "hourly"}, "frequency"),
        ({"scheduled_days": ["moonday"]}, "scheduled_days"),
        ({"scheduled_time": "25:00"}, "scheduled_time"),
        ({"stage_1_batch_size": 0}, "stage_1_batch_size"),
        ({"max_ideas_per_run": -1}, "max_ideas_per_run"),
    ],
)
def test_config_refuses(alice, change, field):
    answer = alice.client.put(url("update_config", alice), change)
    assert answer.status_code == 400 and field in answer.json()["details"]


def test_one_active_run_a_site_and_its_life(alice):
    assert alice.client.get(url("current_run", alice)).json()["data"] is None
    started = alice.client.post(url("run_now", alice))
    assert started.status_code == 200, started.content
    run = started.json()["data"]
    assert run["status"] == "pending" and run["total_stages"] == 7 and run["items_processed"] == 0
    second = alice.client.post(url("run_now", alice))
    assert second.status_code == 409 and second.json()["code"] == "CONFLICT"
    current = alice.client.get(url("current_run", alice)).json()["data"]
    assert current["id"] == run["id"] and len(current["stages"]) == 7
    assert alice.client.post(url("pause", run_id=run["id"])).json()["data"]["status"] == "paused"
    assert alice.client.post(url("pause", run_id=run["id"])).status_code == 200
    assert alice.client.post(url("resume", run_id=run["id"])).json()["data"]["status"] == "running"
    assert alice.client.post(url("cancel", run_id=run["id"])).json()["data"]["status"] == "cancelled"
    assert alice.client.post(url("resume", run_id=run["id"])).status_code == 409
    listed = alice.client.get(url("runs", alice)).json()
    assert listed["count"] == 1
    assert set(listed["results"][0]) >= {
        "id", "site", "status", "started_at", "completed_at", "current_stage", "total_stages", "items_processed",
        "credits_used", "error_message",
    }  # fmt: skip
    detail = alice.client.get(f"{BASE}/runs/{run['id']}/").json()["data"]
    assert [log["message"] for log in detail["logs"]] == ["Cancelled.", "Resumed."]
    assert alice.client.get(url("history", alice)).json()["count"] == 1
    assert alice.client.get(url("logs", run_id=run["id"])).json()["count"] == 2


def test_a_site_that_is_switched_off_is_not_paid_for(alice):
    alice.site.is_active = False
    alice.site.save()
    answer = alice.client.post(f"/api/v1/automation/run_now/?site_id={alice.site.pk}")
    assert answer.status_code == 409 and "switched off" in answer.json()["error"]


def test_the_site_must_be_named_and_be_ones_own(alice, bob):
    for name in ("config", "current_run", "pipeline_overview", "runs", "history"):
        missing = alice.client.get(url(name))
        assert missing.status_code == 400 and "site_id" in missing.json()["error"], name
        assert alice.client.get(url(name, site_id="x")).status_code == 400
        assert alice.client.get(url(name, bob)).status_code == 404, name
    assert alice.client.post(url("run_now", bob)).status_code == 404
    assert not Run.objects.exists()


def test_viewers_read_and_editors_run(alice):
    viewer, editor = alice.as_role("viewer"), alice.as_role("editor")
    assert viewer.get(url("config", alice)).status_code == 200
    for name in ("run_now", "pause", "resume", "cancel"):
        assert viewer.post(url(name, alice, run_id=1)).status_code == 403
    assert viewer.put(url("update_config", alice), {}).status_code == 403
    assert editor.post(url("run_now", alice)).status_code == 200


def test_a_list_of_runs_costs_the_same_for_any_length(alice, django_assert_max_num_queries):
    Run.objects.bulk_create(
        Run(account=alice.account, site=alice.site, status="completed") for _ in range(20)
    )
    with django_assert_max_num_queries(5):
        assert alice.client.get(url("runs", alice)).json()["count"] == 20


def test_overview_counts_what_waits(alice):
    from tests.automation.conftest import WORDS, add_keywords

    add_keywords(alice)
    stages = alice.client.get(url("pipeline_overview", alice)).json()["data"]
    assert [s["waiting"] for s in stages] == [len(WORDS), 0, 0, 0, 0, 0, 0]


def test_logs_of_others_are_404(alice, bob):
    run = Run.objects.create(account=bob.account, site=bob.site, status="paused")
    RunLog.objects.create(account=bob.account, run=run, message="secret")
    assert alice.client.get(url("logs", run_id=run.pk)).status_code == 404
    assert alice.client.get(f"{BASE}/runs/{run.pk}/").status_code == 404


def test_odd_ids_of_sites_and_unknown_settings(alice):
    for odd in ("9" * 5000, "1.5", "-1", "%C2%B2"):
        for name in ("config", "runs", "current_run"):
            assert alice.client.get(url(name, site_id=odd)).status_code == 400, (name, odd[:9])
        assert alice.client.get(url("logs", run_id=odd)).status_code == 400
    assert alice.client.get(url("runs", alice, status="foo")).status_code == 400
    for change in ({"stage_8_enabled": True}, {"scheduled_time": "09:30:15.5"}):
        answer = alice.client.put(url("update_config", alice), change)
        assert answer.status_code == 400 and next(iter(change)) in answer.json()["details"]
    days = alice.client.put(url("update_config", alice), {"scheduled_days": ["wed", "mon", "mon"]})
    assert days.json()["data"]["scheduled_days"] == ["mon", "wed"]


def test_a_cancelled_runs_job_is_cancelled_and_a_wish_to_pause_is_seen(alice):
    run = alice.client.post(url("run_now", alice)).json()["data"]
    Run.objects.update(status="running")
    assert alice.client.post(url("pause", run_id=run["id"])).json()["data"]["pause_asked"] is True
    alice.client.post(url("cancel", run_id=run["id"]))
    task = alice.client.get(f"/api/v1/system/tasks/{run['task_id']}/").json()["data"]
    assert task["state"] == "cancelled"
