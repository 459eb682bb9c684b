"""Content settings, author profiles and modules: saved, checked, and really used."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.services.keys import api_key_create
from apps.automation.services.overview import stage_counts
from apps.automation.services.runs import runs_start_due
from apps.integration.models import SiteSettings
from apps.integration.services.settings import site_settings
from apps.system.models import AuthorProfile
from apps.system.services.authors import author_of, author_save
from apps.writer.models import Task
from apps.writer.services.writing import writing_inputs
from tests.billing.threads import at_once
from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/system"
CONTENT = f"{URL}/settings/content/content_generation"
PUBLISHING = f"{URL}/settings/content/publishing"


def test_content_settings_are_defaults_until_they_are_saved(alice, bob):
    body = alice.client.get(f"{CONTENT}/").json()["data"]
    assert body == {
        "default_article_length": 1200,
        "default_tone": "clear and friendly",
        "include_faq": True,
        "enable_internal_linking": True,
    }
    saved = alice.client.post(f"{CONTENT}/save/", {"default_tone": "dry", "include_faq": False})
    assert saved.status_code == 200
    assert saved.json()["data"] == {**body, "default_tone": "dry", "include_faq": False}
    alice.client.post(f"{CONTENT}/save/", {"default_article_length": 900})
    assert alice.client.get(f"{CONTENT}/").json()["data"]["default_tone"] == "dry"
    assert bob.client.get(f"{CONTENT}/").json()["data"] == body


@pytest.mark.parametrize(
    ("url", "bad", "names"),
    [
        (CONTENT, {"default_article_length": 5}, "default_article_length"),
        (CONTENT, {"default_article_length": "many"}, "default_article_length"),
        (CONTENT, {"default_tone": ""}, "default_tone"),
        (CONTENT, {"default_tone": "x" * 81}, "default_tone"),
        (CONTENT, {"include_faq": None}, "include_faq"),
        (CONTENT, {"include_fak": True}, "include_fak"),
        (PUBLISHING, {"schedule_times": ["9:00"]}, "schedule_times"),
        (PUBLISHING, {"schedule_times": ["24:00"]}, "schedule_times"),
        (PUBLISHING, {"schedule_times": []}, "schedule_times"),
        (PUBLISHING, {"schedule_frequency": "hourly"}, "schedule_frequency"),
        (PUBLISHING, {"default_publish_status": "trash"}, "default_publish_status"),
    ],
)
def test_bad_content_settings_are_refused(alice, url, bad, names):
    answer = alice.client.post(f"{url}/save/", bad)
    assert answer.status_code == 400 and names in answer.json()["details"], answer.content


def test_content_settings_roles_and_keys(alice):
    assert alice.as_role("viewer").get(f"{CONTENT}/").status_code == 200
    assert alice.as_role("editor").post(f"{CONTENT}/save/", {}).status_code == 403
    assert alice.client.get(f"{URL}/settings/content/poems/").status_code == 404
    assert alice.client.post(f"{URL}/settings/content/poems/save/", {}).status_code == 404
    assert alice.client.post(f"{CONTENT}/save/", [1]).status_code == 400


def test_publishing_defaults_are_what_a_new_site_begins_from(alice):
    old = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    asked = {"auto_schedule": True, "schedule_frequency": "weekly", "schedule_times": ["23:30", "08:15"]}
    assert alice.client.post(f"{PUBLISHING}/save/", asked).json()["data"]["schedule_times"][0] == "08:15"
    new = site_settings(site_id=SiteFactory(account=alice.account).pk, account_id=alice.account.pk)
    assert new.auto_publish_enabled is True and new.publish_days == ["mon"]
    assert new.publish_time_slots == [
        {"start": "08:15", "end": "09:15"},
        {"start": "23:30", "end": "00:30"},
    ]
    assert not site_settings(site_id=old.site_id, account_id=alice.account.pk).auto_publish_enabled


def test_a_task_without_a_length_has_the_accounts(alice):
    alice.client.post(f"{CONTENT}/save/", {"default_article_length": 777})
    url, body = "/api/v1/writer/tasks/", {"site": alice.site.pk, "title": "One"}
    assert alice.client.post(url, body).json()["data"]["word_count"] == 777
    assert alice.client.post(url, {**body, "word_count": 500}).json()["data"]["word_count"] == 500
    rows = {"tasks": [body, {**body, "word_count": 600}]}
    made = alice.client.post(f"{url}bulk_create/", rows).json()["data"]
    assert [row["word_count"] for row in made] == [777, 600]


def author(actor, **fields):
    return actor.client.post(f"{URL}/author-profiles/", {"name": "Ada", **fields})


def test_the_author_and_the_settings_reach_the_model(alice):
    task = Task.objects.create(account=alice.account, site=alice.site, title="T")
    assert writing_inputs(task)["author"] == "" and writing_inputs(task)["tone"] == "clear and friendly"
    alice.client.post(f"{CONTENT}/save/", {"default_tone": "dry", "include_faq": False})
    author(alice, job_title="Barista", bio="Roasts since 1999.", style="Short sentences.", is_default=True)
    assert writing_inputs(task)["author"] == "Ada, Barista\nRoasts since 1999.\nShort sentences."
    assert (writing_inputs(task)["tone"], writing_inputs(task)["include_faq"]) == ("dry", False)
    author(alice, name="Bea", site=alice.site.pk, tone="warm", is_default=True)
    assert writing_inputs(task)["author"].startswith("Bea") and writing_inputs(task)["tone"] == "warm"


def test_authors_crud_and_one_default(alice, bob):
    first = author(alice, is_default=True)
    assert first.status_code == 201, first.content
    pk = first.json()["data"]["id"]
    second = author(alice, name="Bea", is_default=True).json()["data"]
    rows = alice.client.get(f"{URL}/author-profiles/").json()
    assert [(r["name"], r["is_default"]) for r in rows["results"]] == [("Ada", False), ("Bea", True)]
    url = f"{URL}/author-profiles/{pk}/"
    assert alice.client.patch(url, {"is_default": True}).json()["data"]["is_default"] is True
    assert not AuthorProfile.objects.get(pk=second["id"]).is_default
    put = alice.client.put(url, {"name": "Ada L.", "bio": "🚀"})
    assert put.status_code == 200 and put.json()["data"]["bio"] == "🚀"
    for client in (bob.client,):
        assert client.get(url).status_code == 404
        assert client.patch(url, {"name": "x"}).status_code == 404
        assert client.delete(url).status_code == 404
    assert alice.as_role("editor").patch(url, {"name": "x"}).status_code == 403
    assert alice.client.delete(url).json()["data"] is None
    assert alice.client.get(url).status_code == 404
    for bad in ({"site": bob.site.pk}, {"name": ""}, {"name": "x" * 121}, {"bio": "x" * 2001}, {"site": "x"}):
        assert author(alice, **bad).status_code == 400, bad


def test_authors_are_filtered_searched_and_seen_by_site(alice):
    other = SiteFactory(account=alice.account)
    author(alice, name="All")
    author(alice, name="Mine", site=alice.site.pk, bio="tea")
    author(alice, name="Other", site=other.pk)

    def names(client, query=""):
        return [r["name"] for r in client.get(f"{URL}/author-profiles/?{query}").json()["results"]]

    assert names(alice.client, f"site_id={alice.site.pk}") == ["Mine"]
    assert names(alice.client, "all_sites=true") == ["All"]
    assert names(alice.client, "search=tea") == ["Mine"]
    assert names(alice.client, "ordering=-name") == ["Other", "Mine", "All"]
    limited = alice.as_role("editor", all_sites=False)
    assert names(limited) == ["All"]
    with CaptureQueriesContext(connection) as few:
        names(alice.client)
    for n in range(15):
        author(alice, name=f"More {n}")
    with CaptureQueriesContext(connection) as many:
        names(alice.client)
    assert len(few) == len(many)


@pytest.mark.django_db(transaction=True)
def test_of_many_defaults_at_once_one_stays(alice):
    def make(n):
        return author_save(author=AuthorProfile(account=alice.account, name=f"A{n}", is_default=True))

    results = at_once(6, make)
    assert not [r for r in results if isinstance(r, Exception)], results
    assert AuthorProfile.objects.filter(is_default=True).count() == 1
    assert author_of(account_id=alice.account.pk, site_id=alice.site.pk).is_default


def switch(actor, **modules):
    return actor.client.put(f"{URL}/modules/", modules)


def test_a_module_that_is_off_is_closed_to_all(alice, bob):
    assert alice.client.get(f"{URL}/modules/").json()["data"] == dict.fromkeys(
        ["planner", "writer", "linker", "optimizer", "publisher", "automation"], True
    )
    assert switch(alice, planner=False).json()["data"]["planner"] is False
    for path in ("planner/keywords/", "planner/clusters/", "keywords-library/"):
        answer = alice.client.get(f"/api/v1/{path}")
        assert answer.status_code == 403 and answer.json()["code"] == "MODULE_DISABLED", path
    assert "planner" in answer.json()["error"]
    # Tasks are the writer's, wherever they are shown; the rest is open, and other accounts know nothing of it.
    assert alice.client.get("/api/v1/writer/tasks/").status_code == 200
    assert alice.client.get("/api/v1/auth/sites/").status_code == 200
    assert bob.client.get("/api/v1/planner/keywords/").status_code == 200
    assert switch(alice, writer=False).json()["data"]["planner"] is False
    assert switch(alice, planner=True, writer=True).status_code == 200
    assert alice.client.get("/api/v1/planner/keywords/").status_code == 200


def test_keys_and_sessions_too(alice, anonymous):
    key = api_key_create(site=alice.site, name="k", user_id=None)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    assert anonymous.get("/api/v1/writer/content/").status_code == 200
    switch(alice, writer=False)
    assert anonymous.get("/api/v1/writer/content/").json()["code"] == "MODULE_DISABLED"
    anonymous.credentials()
    anonymous.force_login(alice.user)
    assert anonymous.get("/api/v1/writer/content/").json()["code"] == "MODULE_DISABLED"


def test_bad_modules_and_roles(alice):
    for bad in ({"billing": False}, {"planner": "maybe"}, {"planner": None}, [1]):
        assert alice.client.put(f"{URL}/modules/", bad).status_code == 400, bad
    assert alice.as_role("viewer").get(f"{URL}/modules/").status_code == 200
    assert alice.as_role("editor").put(f"{URL}/modules/", {"planner": False}).status_code == 403
    assert alice.as_role("admin").put(f"{URL}/modules/", {"planner": False}).status_code == 200


def test_the_pipeline_has_no_stages_of_what_is_off(alice):
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    assert [s["number"] for s in stage_counts(settings=settings)] == [1, 2, 3, 4, 5, 6, 7]
    switch(alice, planner=False)
    url = f"/api/v1/automation/pipeline_overview/?site_id={alice.site.pk}"
    assert [s["number"] for s in alice.client.get(url).json()["data"]] == [3, 4, 5, 6, 7]


def test_a_run_skips_what_is_off(alice, run_jobs):
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    settings.delay_between_stages = settings.delay_within_stage = 0
    settings.save()
    switch(alice, planner=False)
    alice.client.post(f"/api/v1/automation/run_now/?site_id={alice.site.pk}")
    run_jobs()
    run = alice.client.get(f"/api/v1/automation/runs/?site_id={alice.site.pk}").json()["results"][0]
    assert run["status"] == "completed"
    stages = alice.client.get(f"/api/v1/automation/runs/{run['id']}/?site_id={alice.site.pk}").json()["data"]
    states = {s["number"]: s["state"] for s in stages["stages"]}
    assert [n for n, state in states.items() if state == "skipped"] == [1, 2]


def test_due_runs_wait_while_automation_is_off(alice):
    site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    now = timezone.now()
    due = (now - timedelta(minutes=5)).time().replace(microsecond=0)
    SiteSettings.objects.update(
        enabled=True, scheduled_days=[], scheduled_time=due, schedule_set_at=now - timedelta(days=3)
    )
    switch(alice, automation=False)
    assert runs_start_due(now=now) == []
    switch(alice, automation=True)
    assert len(runs_start_due(now=now)) == 1
