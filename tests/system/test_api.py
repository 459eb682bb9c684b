import uuid

import pytest
from django.db import transaction

from apps.core.jobs import job_start

pytestmark = pytest.mark.django_db


def test_a_task_is_seen_by_its_account_alone(alice, bob):
    with transaction.atomic():
        job = job_start(kind="automation.run", account_id=alice.account.pk, payload={"run_id": 1}, total=7)
    data = alice.client.get(f"/api/v1/system/tasks/{job.pk}/").json()["data"]
    assert data["state"] == "pending"
    assert data["progress"] == {"current": 0, "total": 7, "percent": 0, "message": ""}
    assert data["error"] is None
    assert bob.client.get(f"/api/v1/system/tasks/{job.pk}/").status_code == 404
    assert alice.client.get(f"/api/v1/system/tasks/{uuid.uuid4()}/").status_code == 404
    assert alice.client.get("/api/v1/system/tasks/no-uuid/").status_code == 404


def test_ai_models_are_listed_without_secrets(alice, anonymous, ai_models):
    answer = alice.client.get("/api/v1/system/ai-models/?kind=text").json()
    assert {"offline", "gpt-4.1"} <= {m["name"] for m in answer["results"]}
    assert set(answer["results"][0]) == {"id", "name", "provider", "kind", "testing", "default"}
    assert anonymous.get("/api/v1/system/ai-models/").status_code == 401


@pytest.mark.parametrize(
    ("settings_of", "expected"),
    [
        ({}, {("text", "offline"), ("image", "offline")}),
        (
            {"OPENAI_API_KEY": "k"},
            {("text", "gpt-4.1"), ("image", "gpt-image-1"), ("embedding", "text-embedding-3-small")},
        ),
        (
            {"OPENAI_API_KEY": "k", "AI_TEXT_MODEL": "gpt-4.1-mini"},
            {("text", "gpt-4.1-mini"), ("image", "gpt-image-1"), ("embedding", "text-embedding-3-small")},
        ),
    ],
)
def test_the_default_model_is_the_one_that_does_the_work(alice, ai_models, settings, settings_of, expected):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AI_TEXT_MODEL", "AI_IMAGE_MODEL"):
        setattr(settings, name, settings_of.get(name, ""))
    url = "/api/v1/system/ai-models/"
    rows = alice.client.get(url).json()["results"]
    assert {(row["kind"], row["name"]) for row in rows if row["default"]} == expected
    chosen = alice.client.get(url, {"default": "true"}).json()["results"]
    assert {(row["kind"], row["name"]) for row in chosen} == expected
