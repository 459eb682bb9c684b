"""The Anthropic client against a real HTTP server that plays what the real one does."""

import time

import pytest

from apps.core import http
from apps.intelligence.clients.anthropic import AnthropicProvider
from apps.intelligence.clients.base import (
    BadAnswer,
    ImageRequest,
    ProviderRefused,
    ProviderUnavailable,
    TextRequest,
    TruncatedAnswer,
)
from apps.intelligence.services import model_choose, text_call
from tests.intelligence.test_openai_client import GOOD, SCHEMA, reset, server  # noqa: F401  the fixture
from tests.intelligence.test_own_providers import ARTICLE, URL, allowed  # noqa: F401  the fixture
from tests.intelligence.test_services import CONTENT

KEY = "sk-ant-test-0123456789"
REQUEST = TextRequest("content", "You write.", "Write.", SCHEMA, {}, "claude-x", max_tokens=1000)


def message(data=None, stop="tool_use", tokens=(10, 5)):
    block = {"type": "tool_use", "id": "t", "name": "answer", "input": data}
    return (
        200,
        {},
        {
            "id": "m", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": stop,
            "stop_sequence": None, "content": [block] if data is not None else [{"type": "text", "text": "ok"}],
            "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
        },
    )  # fmt: skip


def failure(status, kind, said, headers=None):
    return status, headers or {}, {"type": "error", "error": {"type": kind, "message": said}}


@pytest.fixture
def waits():
    return []


@pytest.fixture
def provider(server, waits):  # noqa: F811
    base = server.url.removesuffix("/v1")
    with http.client(
        timeout=5, max_bytes=200_000, allow_private=[f"127.0.0.1:{server.server_port}"]
    ) as client:
        yield AnthropicProvider(KEY, base, timeout=5, max_attempts=3, http_client=client, sleep=waits.append)


def test_an_answer_is_the_input_of_the_tool(provider, server):  # noqa: F811
    server.play(message(GOOD))
    answer = provider.text(REQUEST)
    assert (answer.data, answer.tokens_in, answer.tokens_out, answer.calls) == (GOOD, 10, 5, 1)
    asked = server.requests[0]
    assert asked["path"] == "/v1/messages" and KEY in asked["headers"]["authorization"]
    assert asked["headers"]["user-agent"] and asked["body"]["system"] == "You write."
    assert asked["body"]["tools"][0]["input_schema"] == SCHEMA
    assert asked["body"]["tool_choice"] == {"type": "tool", "name": "answer"}


def test_what_does_not_fit_is_asked_again_once(provider, server):  # noqa: F811
    server.play(message({"title": "x" * 61, "tags": []}), message(GOOD))
    answer = provider.text(REQUEST)
    assert answer.data == GOOD and answer.tokens_in == 20
    again = server.requests[1]["body"]["messages"]
    assert [m["role"] for m in again] == ["user", "assistant", "user"] and "title" in again[2]["content"]
    server.play(message({"title": 5}), message(None, stop="end_turn"))
    with pytest.raises(BadAnswer) as failed:
        provider.text(REQUEST)
    assert failed.value.tokens_in == 20


def test_a_cut_answer_is_asked_again_with_more_room(provider, server):  # noqa: F811
    server.play(message({"title": "x"}, stop="max_tokens"), message(GOOD))
    assert provider.text(REQUEST).data == GOOD
    assert [r["body"]["max_tokens"] for r in server.requests] == [1000, 2000]
    server.play(*[message({}, stop="max_tokens")] * 6)
    with pytest.raises(TruncatedAnswer):
        provider.text(REQUEST)


@pytest.mark.parametrize(
    ("step", "kind", "says", "calls"),
    [
        (failure(401, "authentication_error", f"invalid x-api-key {KEY}"), ProviderRefused, "API key", 1),
        (failure(404, "not_found_error", "model: claude-x"), ProviderRefused, "does not know the model", 1),
        (
            failure(400, "invalid_request_error", "Your credit balance is too low"),
            ProviderUnavailable,
            "used up",
            1,
        ),
        (failure(529, "overloaded_error", "Overloaded"), ProviderUnavailable, "failed with status 529", 3),
        (
            failure(429, "rate_limit_error", "slow down", {"Retry-After": "7"}),
            ProviderUnavailable,
            "limits",
            3,
        ),
        (reset, ProviderUnavailable, "cannot be reached", 3),
        ((200, {"Content-Type": "text/html"}, b"<html>"), ProviderRefused, "base URL", 1),
        ((302, {"Location": "https://e.example.com"}, b""), ProviderRefused, "redirects", 1),
        (message(None, stop="refusal"), ProviderRefused, "refuses", 1),
    ],
)
def test_failures_are_sentences(provider, server, waits, step, kind, says, calls):  # noqa: F811
    server.play(*[step] * 3)
    with pytest.raises(kind, match=says) as failed:
        provider.text(REQUEST)
    assert len(server.requests) == calls and KEY not in str(failed.value)
    if "limits" in says:
        assert all(wait >= 7 for wait in waits)


def test_a_slow_server_is_given_up(server):  # noqa: F811
    server.play(lambda handler: time.sleep(1.5))
    with http.client(timeout=0.3, allow_private=[f"127.0.0.1:{server.server_port}"]) as client:
        slow = AnthropicProvider(KEY, server.url.removesuffix("/v1"), max_attempts=1, http_client=client)
        with pytest.raises(ProviderUnavailable, match="in time"):
            slow.text(REQUEST)


def test_private_addresses_and_what_it_cannot_do(server):  # noqa: F811
    with pytest.raises(ProviderRefused, match="cannot be used"):
        AnthropicProvider(KEY, server.url.removesuffix("/v1")).check("m")
    assert not server.requests
    for bad in ("", "a b", "ключ"):
        with pytest.raises(ProviderRefused):
            AnthropicProvider(bad)
    with pytest.raises(ProviderRefused, match="images"):
        AnthropicProvider(KEY).image(ImageRequest("p", "m", "1x1", {}))
    with pytest.raises(ProviderRefused):
        AnthropicProvider(KEY).embed(["a"], "m")


@pytest.mark.django_db
def test_an_account_with_its_own_key_is_written_for_by_anthropic(alice, allowed, ai_models):  # noqa: F811
    base = allowed.url.removesuffix("/v1")
    values = {"api_key": KEY, "base_url": base, "model": "claude-x"}
    allowed.play(message(None, stop="end_turn"))
    tested = alice.client.post(f"{URL}/test/", {"integration": "anthropic", **values})
    assert tested.status_code == 200, tested.content
    assert alice.client.put(f"{URL}/openai/", {"api_key": "sk-openai-key"}).status_code == 200
    saved = alice.client.put(f"{URL}/anthropic/", values).json()["data"]
    assert saved["in_use"] == {"provider": "anthropic", "model": "claude-x", "source": "account"}
    allowed.play(message(ARTICLE))
    answer = text_call(function="content", inputs=CONTENT, account_id=alice.account.pk)
    assert (answer.provider, answer.cost, answer.data["title"]) == ("anthropic", 0, "Cold brew")
    # Images stay with OpenAI, as Anthropic makes none.
    assert model_choose(kind="image", account_id=alice.account.pk).provider == "openai"


@pytest.mark.django_db
def test_the_platforms_key_and_staffs_default_model(settings, ai_models):
    from apps.intelligence.models import AIModel

    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = settings.AI_TEXT_MODEL = ""
    settings.ANTHROPIC_API_KEY = KEY
    AIModel.objects.filter(provider="anthropic").delete()
    assert model_choose(kind="text", account_id=None).provider == "anthropic"  # though staff list none of it
    AIModel.objects.create(provider="anthropic", name="claude-x", kind="text", cost_in="0.003")
    choice = model_choose(kind="text", account_id=None)
    assert (choice.provider, choice.model, choice.owner) == ("anthropic", "claude-x", None)
    assert model_choose(kind="image", account_id=None).provider == "offline"
