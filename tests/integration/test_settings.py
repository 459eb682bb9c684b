"""The settings of a site: one record, shown whole, in part as before, and by the defaults of staff."""

import threading
from copy import deepcopy

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from apps.integration.models import DefaultSettings, SiteSettings
from apps.integration.services.settings import default_settings, site_settings
from apps.intelligence.models import AIModel, ProviderSettings
from apps.intelligence.services import Choice, concurrency, model_choose
from tests.conftest import client_of
from tests.factories import UserFactory

BASE = "/api/v1/integration"


def unified(actor) -> str:
    return f"{BASE}/sites/{actor.site.pk}/unified-settings/"


def publishing(actor) -> str:
    return f"{BASE}/sites/{actor.site.pk}/publishing-settings/"


def patched(actor, **body) -> dict:
    answer = actor.client.patch(unified(actor), body)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


@pytest.mark.django_db
def test_the_whole_is_shown_and_what_was_shown_changes_nothing(alice):
    data = alice.client.get(unified(alice)).json()["data"]
    sections = "automation_config publishing_settings stage_configs ai_settings delays images approval runs"
    assert list(data) == sections.split()
    config = data["automation_config"]
    assert (config["enabled"], config["frequency"], config["scheduled_time"]) == (False, "daily", "02:00:00")
    assert config["next_run_at"] is None and config["stage_1_batch_size"] == 50
    limits = "keywords clusters ideas tasks content image_prompts approvals".split()
    assert [config[f"max_{name}_per_run"] for name in limits] == [0] * 7
    assert data["publishing_settings"] == {
        "auto_approval_enabled": False, "auto_publish_enabled": False, "daily_publish_limit": 3,
        "weekly_publish_limit": 15, "monthly_publish_limit": 50, "publish_days": ["mon", "tue", "wed", "thu", "fri"],
        "publish_time_slots": [{"start": f"{h:02}:00", "end": f"{h + 1:02}:00"} for h in (9, 14, 18)],
        "total_items_per_run": 0,
    }  # fmt: skip
    assert data["stage_configs"][0] == {
        "stage": 1, "enabled": True, "batch_size": 50, "max_per_run": 0, "use_testing": False, "budget_pct": 15,
    }  # fmt: skip
    assert data["ai_settings"] == dict.fromkeys(["testing_model_id", "live_model_id", "image_model_id"])
    assert data["delays"] == {"within_stage": 3, "between_stage": 5}
    assert data["images"] == {"style": "photorealistic", "max_images": 4}
    assert patched(alice, **data) == data
    assert patched(alice) == data
    assert "Deprecation" not in alice.client.get(unified(alice)).headers


@pytest.mark.django_db
def test_a_patch_changes_what_it_names_wherever_a_stage_is_named(alice):
    data = patched(
        alice,
        automation_config={
            "enabled": True,
            "scheduled_time": "09:30",
            "stage_2_batch_size": 10,
            "max_ideas_per_run": 7,
        },
        stage_configs=[
            {"stage": 1, "max_per_run": 100, "use_testing": True},
            {"number": 2, "per_run_limit": 20, "batch_size": 10},
        ],
        publishing_settings={"publish_time_slots": ["23:30:00", {"start": "08:00", "end": "12:15:30"}]},
        delays={"within_stage": 0},
        approval={"min_words": 300},
        runs={"credits_limit": 500, "auto_resume": True},
    )
    config, stages = data["automation_config"], data["stage_configs"]
    assert config["scheduled_time"] == "09:30:00" and config["next_run_at"].endswith("T09:30:00Z")
    assert [s["max_per_run"] for s in stages[:4]] == [100, 20, 7, 0] and stages[0]["use_testing"] is True
    assert config["max_clusters_per_run"] == 20 and stages[1]["batch_size"] == 10
    assert data["publishing_settings"]["publish_time_slots"] == [
        {"start": "08:00", "end": "12:15:30"},
        {"start": "23:30", "end": "00:30"},
    ]
    assert data["delays"] == {"within_stage": 0, "between_stage": 5}
    assert data["approval"] == {"min_words": 300, "needs_featured_image": False}
    assert data["runs"] == {"credits_limit": 500, "auto_resume": True}
    off = [{"stage": n, "enabled": False} for n in range(4, 8)]
    assert patched(alice, stage_configs=off)["publishing_settings"]["total_items_per_run"] == 127
    # The routes of automation show the same record.
    seen = alice.client.get(f"/api/v1/automation/config/?site_id={alice.site.pk}").json()["data"]
    assert seen["max_keywords_per_run"] == 100 and seen["credits_limit"] == 500


BAD = [
    ({"publishing_settings": {"publish_time_slots": ["09:00", {"start": "11:00", "end": "25:00"}]}},
     "publishing_settings.publish_time_slots[1].end"),
    ({"publishing_settings": {"publish_time_slots": ["09:00", {"start": "11:00", "end": "11:00"}]}},
     "publishing_settings.publish_time_slots[1].end"),
    ({"publishing_settings": {"publish_time_slots": [{"start": "11:00"}]}}, "publish_time_slots[0].end"),
    ({"publishing_settings": {"publish_time_slots": ["9:00"]}}, "publish_time_slots[0]: "),
    ({"publishing_settings": {"publish_time_slots": [5]}}, "publish_time_slots[0]: "),
    ({"publishing_settings": {"publish_time_slots": ["09:00", "09:00:00"]}}, "publish_time_slots[1].start"),
    ({"publishing_settings": {"publish_time_slots": [{"start": "‮09:0", "end": "🙂", "x": 1}]}}, "[0].start"),
    ({"publishing_settings": {"publish_days": ["moonday"]}}, "publishing_settings.publish_days"),
    ({"publishing_settings": {"daily_publish_limit": -1}}, "publishing_settings.daily_publish_limit"),
    ({"automation_config": {"scheduled_time": "09:30:15.5"}}, "automation_config.scheduled_time"),
    ({"automation_config": {"stage_8_enabled": True}}, "automation_config.stage_8_enabled"),
    ({"automation_config": None}, "automation_config"),
    ({"stage_configs": [{"stage": 8}]}, "stage_configs[0].stage"),
    ({"stage_configs": [{"enabled": True}]}, "stage_configs[0].stage"),
    ({"stage_configs": [{"stage": 1, "budget_pct": 101}]}, "stage_configs[0].budget_pct"),
    ({"stage_configs": [{"stage": 1}, {"stage": 1}]}, "stage_configs[1].stage"),
    ({"stage_configs": [{"stage": 1, "batch_size": 5}, {"stage": 1, "batch_size": 6}]}, "Stage 1 stands here twice"),
    ({"stage_configs": [{"stage": 1, "max_per_run": 5, "per_run_limit": 6}]}, "stage_configs[0].per_run_limit"),
    ({"stage_configs": [{"stage": 1, "batch_size": 9}], "automation_config": {"stage_1_batch_size": 8}},
     "stage_configs[0].batch_size"),
    ({"stage_configs": [{"stage": 7, "max_per_run": 9}], "automation_config": {"max_approvals_per_run": 8}},
     "stage_configs[0].max_per_run"),
    ({"ai_settings": {"live_model_id": 2**63}}, "ai_settings.live_model_id"),
    ({"delays": {"within_stage": 4000}}, "delays.within_stage"),
    ({"images": {"style": ""}}, "images.style"),
    ({"publishing": {}}, "publishing: There is no such name"),
    ({"publishing_settings": {"auto_publish_enabled": True, "publish_days": []}}, "publish_days"),
    ([1], ""),
]  # fmt: skip


@pytest.mark.django_db
def test_what_does_not_fit_names_its_field_and_changes_nothing(alice):
    site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    before = SiteSettings.objects.values().get()
    for body, named in BAD:
        body = {**body, "runs": {"credits_limit": 9}} if isinstance(body, dict) else body
        answer = alice.client.patch(unified(alice), body)
        assert answer.status_code == 400 and named in answer.json()["error"], (body, answer.json())
    assert SiteSettings.objects.values().get() == before


@pytest.mark.django_db
def test_publishing_settings_are_the_same_record_and_deprecated(alice):
    shown = alice.client.get(publishing(alice))
    assert shown.headers["Deprecation"].startswith("@")
    assert shown.headers["Link"] == f'<{unified(alice)}>; rel="successor-version"'
    data = shown.json()["data"]
    assert list(data) == ["id", "site", "auto_approval_enabled", "auto_publish_enabled", "daily_publish_limit",
                          "weekly_publish_limit", "monthly_publish_limit", "publish_days", "publish_time_slots",
                          "created_at", "updated_at"]  # fmt: skip
    assert data["site"] == alice.site.pk and data["publish_time_slots"] == ["09:00", "14:00", "18:00"]
    assert alice.client.put(publishing(alice), data).status_code == 200
    short = alice.client.put(publishing(alice), {"daily_publish_limit": 1})
    assert short.status_code == 400 and "weekly_publish_limit" in short.json()["details"]
    assert short.headers["Deprecation"]
    slots = ["10:00", {"start": "12:00", "end": "17:00"}]
    answer = alice.client.patch(publishing(alice), {"publish_time_slots": slots})
    assert answer.json()["data"]["publish_time_slots"] == ["10:00", "12:00"]
    seen = alice.client.get(unified(alice)).json()["data"]["publishing_settings"]
    assert seen["publish_time_slots"] == [
        {"start": "10:00", "end": "11:00"},
        {"start": "12:00", "end": "17:00"},
    ]


@pytest.mark.django_db
def test_defaults_are_what_staff_save_and_new_sites_begin_from(alice):
    url = f"{BASE}/settings/defaults/"
    data = alice.client.get(url).json()["data"]
    assert data == {
        "automation": {"enabled": False, "frequency": "daily", "time": "02:00"},
        "stages": [
            {"number": n, "enabled": True, "batch_size": b, "per_run_limit": 0, "use_testing": False, "budget_pct": p}
            for n, b, p in zip(range(1, 8), (50, 1, 20, 1, 1, 1, 20), (15, 10, 5, 40, 5, 20, 5), strict=True)
        ],
        "delays": {"within_stage": 3, "between_stage": 5},
        "publishing": {
            "auto_approval_enabled": False, "auto_publish_enabled": False, "daily_publish_limit": 3,
            "weekly_publish_limit": 15, "monthly_publish_limit": 50,
            "publish_days": ["mon", "tue", "wed", "thu", "fri"], "time_slots": ["09:00", "14:00", "18:00"],
        },
        "images": {"style": "photorealistic", "max_images": 4},
    }  # fmt: skip
    staff = get_user_model().objects.create_superuser("root@example.com", "a long sentence")
    admin = Client()
    admin.force_login(staff)
    page = f"/admin/integration/defaultsettings/{default_settings().pk}/change/"
    form = admin.get(page).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value is not None and value is not False}
    sent |= {"max_images": 2, "publish_time_slots": '["07:00"]'}
    bad = deepcopy(sent) | {"stages": '[{"number": 1}]', "publish_days": '["moonday"]'}
    refused = admin.post(page, bad)
    assert set(refused.context["adminform"].form.errors) == {"stages", "publish_days"}
    assert admin.post(page, sent).status_code == 302
    data = alice.client.get(url).json()["data"]
    assert data["images"]["max_images"] == 2 and data["publishing"]["time_slots"] == ["07:00"]
    begun = alice.client.get(unified(alice)).json()["data"]
    assert begun["publishing_settings"]["publish_time_slots"] == [{"start": "07:00", "end": "08:00"}]
    assert DefaultSettings.objects.count() == 1


@pytest.mark.django_db
def test_who_may_and_whose(alice, bob):
    viewer, editor, admin = (alice.as_role(role) for role in ("viewer", "editor", "admin"))
    limited = UserFactory(account=alice.account, role="viewer", all_sites=False)
    for url in (unified(alice), publishing(alice)):
        assert viewer.get(url).status_code == 200
        assert editor.patch(url, {}).status_code == 403
        assert admin.patch(url, {}).status_code == 200
        assert bob.client.get(url).status_code == bob.client.patch(url, {}).status_code == 404
        assert client_of(limited).get(url).status_code == 404
    assert alice.client.get(f"{BASE}/sites/{'9' * 30}/unified-settings/").status_code == 404


@pytest.mark.django_db
def test_the_models_of_a_site_do_its_work(alice, ai_models, settings):
    rows = {row.name: row for row in AIModel.objects.filter(provider="openai")}
    live, image = rows["gpt-4.1-mini"], AIModel.objects.filter(provider="openai", kind="image").last()
    wrong = alice.client.patch(unified(alice), {"ai_settings": {"image_model_id": live.pk}})
    assert wrong.status_code == 400 and "ai_settings.image_model_id" in wrong.json()["error"]
    ids = {"live_model_id": live.pk, "testing_model_id": rows["gpt-4.1"].pk, "image_model_id": image.pk}
    assert patched(alice, ai_settings=ids)["ai_settings"] == ids
    asked = {"account_id": alice.account.pk, "site_id": alice.site.pk}
    assert model_choose(kind="text", **asked).provider == "offline"  # nobody has a key
    settings.OPENAI_API_KEY = "sk-platform"
    assert model_choose(kind="text", account_id=alice.account.pk).model == "gpt-4.1"
    assert model_choose(kind="text", **asked) == Choice("openai", "gpt-4.1-mini", live.cost_in, live.cost_out)
    assert model_choose(kind="text", testing=True, **asked).model == "gpt-4.1"
    assert model_choose(kind="image", **asked).model == image.name
    own = ProviderSettings.objects.create(
        account=alice.account, kind="openai", api_key="sk-own", model="mine"
    )
    assert model_choose(kind="text", **asked) == Choice("openai", "gpt-4.1-mini", owner=alice.account.pk)
    own.base_url = "https://models.example.com/v1"  # which need not know the platform's models
    own.save()
    assert model_choose(kind="text", **asked).model == "mine"
    own.delete()
    settings.AI_TEXT_MODEL = "pinned"
    assert model_choose(kind="text", **asked).model == "pinned"
    settings.AI_TEXT_MODEL = ""
    assert patched(alice, ai_settings={"live_model_id": None})["ai_settings"]["live_model_id"] is None
    assert model_choose(kind="text", **asked).model == "gpt-4.1"


@pytest.mark.django_db
def test_work_of_one_site_is_as_wide_as_its_model_allows(alice, ai_models, settings):
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "sk-platform"
    settings.AI_CONCURRENCY = {"openai": 16, "anthropic": 3, "offline": 2}
    live = AIModel.objects.filter(provider="anthropic", kind="text").first() or AIModel.objects.create(
        provider="anthropic", kind="text", name="claude"
    )
    patched(alice, ai_settings={"live_model_id": live.pk})
    asked = {"kind": "text", "account_id": alice.account.pk}
    assert concurrency(**asked) == 16
    assert concurrency(**asked, site_ids=[alice.site.pk, alice.site.pk]) == 3
    assert concurrency(**asked, site_ids=[alice.site.pk, alice.site.pk + 1]) == 16


@pytest.mark.django_db
def test_another_setting_leaves_the_due_run_due(alice):
    record = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    patched(alice, images={"max_images": 1}, automation_config={"enabled": False})
    assert SiteSettings.objects.get().schedule_set_at == record.schedule_set_at
    patched(alice, automation_config={"enabled": True})
    assert SiteSettings.objects.get().schedule_set_at > record.schedule_set_at


@pytest.mark.django_db(transaction=True)
def test_patches_of_different_parts_at_once_all_hold(alice):
    changes = [{"stage_configs": [{"stage": n, "batch_size": 10 + n}]} for n in range(1, 8)]
    changes += [{"images": {"max_images": 9}}, {"publishing_settings": {"daily_publish_limit": 8}}]
    barrier, answers = threading.Barrier(len(changes)), []

    def send(body):
        client = client_of(alice.user)
        try:
            barrier.wait()
            answers.append(client.patch(unified(alice), body).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[body]) for body in changes]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert answers == [200] * len(changes)
    data = alice.client.get(unified(alice)).json()["data"]
    assert [s["batch_size"] for s in data["stage_configs"]] == [11, 12, 13, 14, 15, 16, 17]
    assert data["images"]["max_images"] == 9 and data["publishing_settings"]["daily_publish_limit"] == 8
