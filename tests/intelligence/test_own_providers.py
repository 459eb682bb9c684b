"""An account's own providers: stored encrypted, shown masked, really asked."""

import json

import pytest
from django.db import connection

from apps.intelligence.models import ProviderSettings
from apps.intelligence.services import UpstreamFailed, image_call, model_choose, text_call
from apps.intelligence.services.choice import Choice
from tests.intelligence.test_openai_client import completion, failure, server  # noqa: F401  the fixture
from tests.intelligence.test_services import CONTENT

pytestmark = pytest.mark.django_db
URL = "/api/v1/system/settings/integrations"
KEY = "sk-account-0123456789-tail"
ARTICLE = {
    "title": "Cold brew", "slug": "cold-brew", "excerpt": "", "meta_title": "", "meta_description": "",
    "primary_keyword": "", "secondary_keywords": [], "categories": [], "tags": [], "html": "<p>Text</p>",
}  # fmt: skip


@pytest.fixture
def allowed(server, settings):  # noqa: F811
    settings.OUTBOUND_ALLOW_PRIVATE = [f"127.0.0.1:{server.server_port}"]
    return server


def put(actor, kind, **values):
    return actor.client.put(f"{URL}/{kind}/", values)


def test_a_key_is_encrypted_masked_and_kept(alice, bob, ai_models):
    answer = put(alice, "openai", api_key=KEY, model="gpt-4.1-mini")
    assert answer.status_code == 200, answer.content
    assert KEY not in answer.content.decode()
    data = answer.json()["data"]
    assert data["api_key"] == "••••tail" and data["enabled"] is True
    assert data["in_use"] == {"provider": "openai", "model": "gpt-4.1-mini", "source": "account"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM intelligence_providersettings")
        assert KEY not in cursor.fetchone()[0]
    # Sent back as it was shown, or left out, it stays.
    put(alice, "openai", api_key="••••tail", model="")
    put(alice, "openai", testing_model="gpt-4.1-mini")
    assert ProviderSettings.objects.get().api_key == KEY
    shown = alice.client.get(f"{URL}/openai/").json()["data"]
    assert shown["in_use"]["model"] == "gpt-4.1" and shown["testing_model"] == "gpt-4.1-mini"
    assert bob.client.get(f"{URL}/openai/").json()["data"]["api_key"] == ""
    # Its own key makes the images too, and is not counted as our cost.
    assert model_choose(kind="image", account_id=alice.account.pk) == Choice(
        "openai", "gpt-image-1", owner=alice.account.pk
    )
    assert put(alice, "openai", api_key="").json()["data"]["in_use"]["source"] == "offline"


def test_what_is_switched_off_is_the_platforms(alice, settings, ai_models):
    settings.OPENAI_API_KEY = "sk-platform"
    put(alice, "openai", api_key=KEY, model="mine")
    assert model_choose(kind="text", account_id=alice.account.pk).model == "mine"
    put(alice, "image_generation", enabled=False)
    assert model_choose(kind="image", account_id=alice.account.pk).owner is None
    off = put(alice, "openai", enabled=False).json()["data"]
    assert off["in_use"] == {"provider": "openai", "model": "gpt-4.1", "source": "platform"}


def test_roles_and_bad_values(alice, anonymous):
    assert alice.as_role("viewer").get(f"{URL}/openai/").status_code == 200
    assert alice.as_role("editor").put(f"{URL}/openai/", {"model": "x"}).status_code == 403
    assert alice.as_role("admin").put(f"{URL}/openai/", {"testing_model": "x"}).status_code == 200
    assert anonymous.get(f"{URL}/openai/").status_code == 401
    for bad in (
        {"api_key": "ключ"},
        {"api_key": "a b"},
        {"api_key": "x\ny"},
        {"api_key": "x" * 501},
        {"base_url": "http://10.0.0.1/v1", "model": "m"},
        {"base_url": "ftp://example.com"},
        {"base_url": "nonsense"},
        {"base_url": "https://llm.example.com/v1"},  # names no model
        {"model": "a\nb"},
        {"model": {"a": 1}},
        {"enabled": "perhaps"},
    ):
        answer = put(alice, "openai", **bad)
        assert answer.status_code == 400, (bad, answer.content)
    assert put(alice, "image_generation", size="9x9").status_code == 400


def test_a_key_is_not_sent_to_another_address(alice, allowed):
    put(alice, "openai", api_key=KEY)
    moved = put(alice, "openai", base_url=allowed.url, model="m")
    assert moved.status_code == 400 and "api_key" in moved.json()["details"]
    tested = alice.client.post(f"{URL}/test/", {"base_url": allowed.url, "model": "m"})
    assert tested.status_code == 400 and not allowed.requests
    assert put(alice, "openai", base_url=allowed.url, model="m", api_key="sk-other-key").status_code == 200


def test_the_accounts_provider_and_model_write_the_text(alice, bob, allowed):
    put(alice, "openai", api_key=KEY, base_url=allowed.url, model="own-model", testing_model="cheap")
    allowed.play(completion(json.dumps(ARTICLE)), completion(json.dumps(ARTICLE)))
    answer = text_call(function="content", inputs=CONTENT, account_id=alice.account.pk)
    assert (answer.provider, answer.model, answer.cost) == ("openai", "own-model", 0)
    text_call(function="content", inputs=CONTENT, account_id=alice.account.pk, testing=True)
    first, second = allowed.requests
    assert first["headers"]["authorization"] == f"Bearer {KEY}"
    assert (first["body"]["model"], second["body"]["model"]) == ("own-model", "cheap")
    assert text_call(function="content", inputs=CONTENT, account_id=bob.account.pk).is_offline
    # A server of its own need not make images: they stay the platform's until they are set up.
    assert image_call(prompt="p", inputs={"title": "t"}, account_id=alice.account.pk).is_offline


def test_images_take_their_own_size_and_borrow_the_key(alice, allowed):
    put(alice, "openai", api_key=KEY, base_url=allowed.url, model="own-model")
    put(alice, "image_generation", model="painter", size="1024x1024")
    allowed.play(failure(400, "no pictures today"))
    with pytest.raises(UpstreamFailed):
        image_call(prompt="p", inputs={"title": "t"}, account_id=alice.account.pk)
    asked = allowed.requests[0]
    assert asked["path"].endswith("/images/generations")
    assert (asked["body"]["model"], asked["body"]["size"]) == ("painter", "1024x1024")
    assert asked["headers"]["authorization"] == f"Bearer {KEY}"


def test_testing_asks_the_provider_and_stores_nothing(alice, allowed):
    asked = {"integration": "openai", "api_key": KEY, "base_url": allowed.url, "model": "m"}
    allowed.play(completion("ok"))
    answer = alice.client.post(f"{URL}/test/", asked)
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["model"] == "m" and answer.json()["message"].startswith("openai answered")
    assert not ProviderSettings.objects.exists()
    put(alice, "openai", **{k: v for k, v in asked.items() if k != "integration"})
    allowed.play(completion("ok"))
    assert alice.client.post(f"{URL}/test/", {}).status_code == 200


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (failure(401, f"Incorrect API key provided: {KEY}"), "refuses the API key"),
        (failure(404, "model m does not exist"), "does not know the model"),
        (failure(429, "quota", code="insufficient_quota"), "credit with the AI provider is used up"),
        (failure(500, "oops"), "failed with status 500"),
        ((200, {"Content-Type": "text/html"}, b"<html>a web page</html>"), "base URL"),
        ((302, {"Location": "https://elsewhere.example.com/"}, b""), "redirects"),
    ],
)
def test_testing_says_what_is_wrong(alice, allowed, step, says):
    allowed.play(step)
    answer = alice.client.post(f"{URL}/test/", {"api_key": KEY, "base_url": allowed.url, "model": "m"})
    assert answer.status_code == 502 and answer.json()["code"] == "UPSTREAM_ERROR"
    assert says in answer.json()["error"], answer.json()
    assert KEY not in answer.content.decode()


def test_testing_images_looks_whether_the_model_is_listed(alice, allowed):
    models = (
        200,
        {},
        {"object": "list", "data": [{"id": "painter", "object": "model", "created": 1, "owned_by": "x"}]},
    )
    asked = {"integration": "image_generation", "api_key": KEY, "base_url": allowed.url}
    allowed.play(models, models)
    assert alice.client.post(f"{URL}/test/", {**asked, "model": "painter"}).status_code == 200
    wrong = alice.client.post(f"{URL}/test/", {**asked, "model": "sculptor"})
    assert wrong.status_code == 502 and "sculptor" in wrong.json()["error"]
    assert all(r["path"].endswith("/models") for r in allowed.requests)


def test_testing_nothing_or_as_an_editor(alice, server):  # noqa: F811
    assert alice.client.post(f"{URL}/test/", {}).status_code == 400
    assert alice.client.post(f"{URL}/test/", {"integration": "wordpress"}).status_code == 400
    assert alice.as_role("editor").post(f"{URL}/test/", {}).status_code == 403
    # A private address is refused before anything is sent.
    answer = alice.client.post(f"{URL}/test/", {"api_key": KEY, "base_url": server.url, "model": "m"})
    assert answer.status_code == 400 and not server.requests
