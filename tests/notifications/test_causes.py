"""Who tells what: each type of notification comes from the code that causes it."""

import re
from pathlib import Path

import pytest

from apps.automation.models import Run, RunItem
from apps.automation.services.stages import STAGES
from apps.automation.services.telling import stage_tell
from apps.notifications.models import Notification
from tests.factories import IndustrySectorFactory, SiteFactory
from tests.factories.writer import ContentFactory

pytestmark = pytest.mark.django_db
APPS = Path(__file__).resolve().parents[2] / "apps"


def test_every_type_is_sent_by_some_code():
    """Types that are put together of two parts are named here by what makes them."""
    texts = [
        p.read_text() for p in APPS.rglob("*.py")
        if "migrations" not in p.parts and p.name != "models.py"
    ]  # fmt: skip
    text = "\n".join(texts)
    sent = {kind for kind in Notification.Type.values if re.search(rf'"{kind}"', text)}
    assert not set(Notification.Type.values) - sent


def told(actor, kind):
    return list(Notification.objects.filter(account=actor.account, notification_type=kind))


def test_a_site_with_its_first_sectors_is_set_up(alice, run_jobs):
    sector = IndustrySectorFactory()
    body = {"name": "New", "domain": "new.example.com", "industry_sectors": [sector.pk]}
    made = alice.client.post("/api/v1/auth/sites/", body).json()["data"]
    run_jobs()
    [note] = told(alice, "site_setup_complete")
    assert note.site_id == made["id"] and note.severity == "success" and "New" in note.message


def test_the_first_sector_sets_a_site_up_and_the_second_does_not(alice, run_jobs):
    site = SiteFactory(account=alice.account)
    run_jobs()
    assert not told(alice, "site_setup_complete")
    for _ in range(2):
        body = {"site": site.pk, "industry_sector": IndustrySectorFactory().pk}
        assert alice.client.post("/api/v1/auth/sectors/", body).status_code == 201
        run_jobs()
        assert len(told(alice, "site_setup_complete")) == 1


def test_prompts_that_could_not_be_made_are_told_as_such(alice, run_jobs, settings):
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "not a key", "https://llm.example.com/v1"
    settings.AI_TEXT_MODEL = "m"
    content = ContentFactory(site=alice.site)
    alice.client.post(f"/api/v1/writer/content/{content.pk}/generate_images/", {})
    [job] = run_jobs()
    assert job.state == "failed"
    [note] = told(alice, "ai_prompts_failed")
    assert note.severity == "error" and note.user_id == alice.user.pk
    assert not told(alice, "ai_images_failed")


def test_the_stages_of_a_run_are_told_once_each(alice):
    run = Run.objects.create(account=alice.account, site=alice.site)
    states = {1: ["done"], 2: ["done", "failed"], 3: ["done"], 4: ["failed", "failed"], 5: [], 6: ["done"]}
    for stage, outcomes in states.items():
        for n, state in enumerate(outcomes):
            item = {"run": run, "stage": stage, "object_id": n + 1, "state": state, "credits": 2}
            RunItem.objects.create(account=alice.account, **item)
    for _ in range(2):
        counts = [stage_tell(run=run, stage=stage) for stage in STAGES]
    assert counts[:4] == [(1, 0), (1, 1), (1, 0), (0, 2)]
    notes = Notification.objects.filter(account=alice.account).order_by("pk")
    assert [(n.notification_type, n.severity) for n in notes] == [
        ("ai_cluster_complete", "success"),
        ("ai_ideas_complete", "warning"),
        ("ai_content_failed", "error"),
        ("ai_images_complete", "success"),
    ]
    assert notes[1].metadata == {
        "run_id": run.pk,
        "site_id": alice.site.pk,
        "count": 1,
        "failed": 1,
        "credits": 4,
    }
    assert notes[0].site_id == alice.site.pk
