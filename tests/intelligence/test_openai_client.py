"""The OpenAI client against a real HTTP server that plays what real ones do."""

import base64
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image

from apps.core import http
from apps.intelligence.clients.base import (
    BadAnswer,
    ImageRequest,
    ProviderRefused,
    ProviderUnavailable,
    TextRequest,
    TruncatedAnswer,
    validate_answer,
)
from apps.intelligence.clients.openai import OpenAIProvider

KEY = "sk-test-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 60},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title", "tags"],
    "additionalProperties": False,
}
GOOD = {"title": "Émile 🚀 مرحبا", "tags": ["a"]}


class Server(ThreadingHTTPServer):
    """Plays `script`, one step a request; a step is (status, headers, body) or a function of the handler."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.requests = [], []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def play(self, *steps):
        self.script.extend(steps)

    def handle_error(self, request, client_address):
        """A client that gave up is part of the play."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = json.loads(body) if body else None
        self.server.requests.append(
            {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": sent}
        )
        step = self.server.script.pop(0)
        if callable(step):
            return step(self)
        status, headers, answer = step
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": len(data),
            **headers,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *args):
        pass


def completion(content, finish="stop", tokens=(10, 5), **message):
    return (
        200,
        {},
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": content, **message},
                }
            ],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            },
        },
    )


def failure(status, message="no", headers=None, code=None):
    return status, headers or {}, {"error": {"message": message, "type": "t", "code": code, "param": None}}


def reset(handler):
    """The connection breaks in the middle of a promised body."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "c", "choices": [')
    handler.wfile.flush()
    handler.connection.close()


OK = completion(json.dumps(GOOD))


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def outbound(server, timeout=5):
    """The client that the product sends with, allowed to reach the test's server."""
    return http.client(timeout=timeout, max_bytes=200_000, allow_private=[f"127.0.0.1:{server.server_port}"])


@pytest.fixture
def waits():
    return []


@pytest.fixture
def provider(server, waits):
    with outbound(server) as client:
        yield OpenAIProvider(KEY, server.url, timeout=5, http_client=client, sleep=waits.append)


def request(**changes):
    fields = {
        "function": "content",
        "system": "Be brief.",
        "prompt": "Write.",
        "schema": SCHEMA,
        "inputs": {},
    }
    return TextRequest(**{**fields, "model": "m", "max_tokens": 100, **changes})


def png(size=(8, 8)):
    out = BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return out.getvalue()


@contextmanager
def raises(kind, *words):
    with pytest.raises(kind) as caught:
        yield caught
    for word in words:
        assert word in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_answer(server, provider, waits):
    server.play(OK)
    answer = provider.text(request())
    assert answer.data == GOOD
    assert (answer.model, answer.tokens_in, answer.tokens_out, answer.calls) == ("m", 10, 5, 1)
    assert waits == []
    sent = server.requests[0]
    assert sent["path"] == "/v1/chat/completions"
    assert sent["headers"]["authorization"] == f"Bearer {KEY}"
    assert sent["body"]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Write."},
    ]
    assert (sent["body"]["max_tokens"], sent["body"]["temperature"]) == (100, 0.7)
    shape = sent["body"]["response_format"]["json_schema"]
    assert shape["strict"] is True
    assert shape["schema"]["properties"]["title"] == {"type": "string"}, "strict mode knows no maxLength"
    assert shape["schema"]["additionalProperties"] is False


def test_retry_after_is_waited_for(server, provider, waits):
    server.play(failure(429, headers={"Retry-After": "7"}), OK)
    assert provider.text(request()).data == GOOD
    assert waits == [7.0]


def test_retry_after_as_a_date(server, provider, waits):
    at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    server.play(failure(429, headers={"Retry-After": at}), OK)
    provider.text(request())
    assert 25 < waits[0] <= 31


def test_a_long_retry_after_goes_to_the_caller(server, provider, waits):
    server.play(failure(429, headers={"Retry-After": "3600"}))
    with raises(ProviderUnavailable) as caught:
        provider.text(request())
    assert (caught.value.retry_after, caught.value.provider_down, caught.value.permanent) == (
        3600.0,
        True,
        False,
    )
    assert waits == []
    assert len(server.requests) == 1


def test_used_up_credit_is_not_hammered(server, provider, waits):
    server.play(failure(429, "You exceeded your quota", code="insufficient_quota"))
    with raises(ProviderUnavailable, "Add credit") as caught:
        provider.text(request())
    assert caught.value.retry_after >= 60
    assert len(server.requests) == 1


def test_500_twice_then_an_answer(server, provider, waits):
    server.play(failure(500), failure(503), OK)
    answer = provider.text(request())
    assert answer.data == GOOD
    assert answer.calls == 1, "what failed has used nothing"
    assert len(waits) == 2
    assert 1 <= waits[0] <= 2 <= waits[1] <= 3, "exponential, with jitter"


def test_a_provider_that_stays_down(server, provider, waits):
    server.play(*[failure(502, "bad gateway")] * 5)
    with raises(ProviderUnavailable, "502") as caught:
        provider.text(request())
    assert caught.value.provider_down
    assert not caught.value.permanent
    assert len(server.requests) == 5


def test_a_connection_reset_in_the_middle_of_the_body(server, provider, waits):
    server.play(reset, OK)
    assert provider.text(request()).data == GOOD
    assert len(waits) == 1


def test_nobody_listens(waits):
    with http.client(timeout=2, allow_private=["127.0.0.1:9"]) as client:
        provider = OpenAIProvider(
            KEY, "http://127.0.0.1:9/v1", max_attempts=2, http_client=client, sleep=waits.append
        )
        with raises(ProviderUnavailable, "cannot be reached", "base URL"):
            provider.text(request())
    assert len(waits) == 1


def test_addresses_that_may_not_be_called(server, waits):
    with http.client(allow_private=[]) as client:
        provider = OpenAIProvider(KEY, server.url, http_client=client, sleep=waits.append)
        with raises(ProviderRefused, "127.0.0.1") as caught:
            provider.text(request())
    assert caught.value.provider_down
    assert (server.requests, waits) == ([], [])


def test_the_default_client_keeps_to_the_operators_addresses(server, settings, waits):
    settings.OUTBOUND_ALLOW_PRIVATE = []
    provider = OpenAIProvider(KEY, server.url, sleep=waits.append)
    with raises(ProviderRefused, "127.0.0.1"):
        provider.text(request())
    settings.OUTBOUND_ALLOW_PRIVATE = [f"127.0.0.1:{server.server_port}"]
    server.play(OK)
    assert OpenAIProvider(KEY, server.url).text(request()).data == GOOD


def test_an_image_at_an_address_that_may_not_be_called(server, provider, waits):
    server.play(picture(url="http://127.0.0.1:9/a.png"))
    with raises(ProviderRefused, "127.0.0.1") as caught:
        provider.image(ASK)
    assert not caught.value.provider_down, "only this picture is out of reach"
    assert waits == []


def test_an_endless_answer(server, provider, waits):
    server.play(completion("x" * 300_000))
    with raises(ProviderRefused, "larger than the limit") as caught:
        provider.text(request())
    assert not caught.value.provider_down


def test_a_time_out(server, waits):
    server.play(lambda handler: time.sleep(1), OK)
    with outbound(server, timeout=0.3) as client:
        provider = OpenAIProvider(KEY, server.url, timeout=0.3, http_client=client, sleep=waits.append)
        assert provider.text(request()).data == GOOD
    assert len(waits) == 1


def test_an_envelope_that_is_not_json_is_asked_for_again(server, provider, waits):
    server.play((200, {}, b'{"id": "c", "choices": [{'), OK)
    assert provider.text(request()).data == GOOD
    assert len(waits) == 1


def test_a_web_page_instead_of_an_api(server, provider, waits):
    page = (200, {"Content-Type": "text/html"}, b"<html>Be right back</html>")
    server.play(page, OK)
    assert provider.text(request()).data == GOOD
    server.play(*[page] * 5)
    with raises(ProviderUnavailable, "base URL"):
        provider.text(request())


def test_an_error_inside_an_answer_with_status_200(server, provider, waits):
    server.play((200, {}, {"error": {"message": "upstream is busy", "code": 502}}), OK)
    assert provider.text(request()).data == GOOD
    server.play((200, {}, {"error": {"message": "no such key", "code": 401}}))
    with raises(ProviderRefused, "no such key"):
        provider.text(request())


@pytest.mark.parametrize(
    "choice", [{}, {"message": None}, {"message": {}}, {"message": {"content": 7}}, None]
)
def test_answers_without_text_are_never_taken(server, provider, waits, choice):
    answer = (200, {}, {"choices": [choice] if choice is not None else []})
    server.play(*[answer] * 12)
    with raises((ProviderUnavailable, TruncatedAnswer)):
        provider.text(request())


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "valid key"), (403, "rights"), (404, "model's name"), (413, "refused")]
)
def test_refusals_are_permanent_and_asked_once(server, provider, waits, status, advice):
    server.play(failure(status, f"Incorrect API key provided: {KEY}."))
    with raises(ProviderRefused, advice, "…cdef") as caught:
        provider.text(request())
    assert caught.value.permanent
    assert caught.value.provider_down is (status in (401, 403, 404))
    assert waits == []
    assert len(server.requests) == 1


def test_a_redirecting_base_url(server, provider):
    server.play((301, {"Location": "https://elsewhere.example/v1"}, b""))
    with raises(ProviderRefused, "https://elsewhere.example/v1"):
        provider.text(request())


def test_malformed_json_is_asked_for_once_more(server, provider):
    server.play(completion('{"title": "a", tags'), OK)
    answer = provider.text(request())
    assert answer.data == GOOD
    assert (answer.tokens_in, answer.tokens_out, answer.calls) == (20, 10, 2)
    told = server.requests[1]["body"]["messages"]
    assert told[2] == {"role": "assistant", "content": '{"title": "a", tags'}
    assert "not valid JSON" in told[3]["content"]


def test_a_wrong_schema_is_told_what_is_wrong(server, provider):
    server.play(completion(json.dumps({"title": "x" * 61, "tags": []})), OK)
    assert provider.text(request()).data == GOOD
    assert "$.title" in server.requests[1]["body"]["messages"][-1]["content"]


def test_two_bad_answers_are_an_error(server, provider):
    server.play(completion("Sure! Here it is."), completion('{"title": "a"}'))
    with raises(BadAnswer, "asked twice", "'tags' is a required property") as caught:
        provider.text(request())
    assert (caught.value.permanent, caught.value.provider_down) == (False, False)
    assert (caught.value.tokens_in, caught.value.tokens_out) == (20, 10)


def test_a_fence_is_tolerated(server, provider):
    server.play(completion(f"```json\n{json.dumps(GOOD)}\n```"))
    answer = provider.text(request())
    assert (answer.data, answer.calls) == (GOOD, 1)


def test_a_cut_answer_is_continued(server, provider):
    whole = json.dumps(GOOD)
    server.play(completion(whole[:12], "length"), completion(whole[12:20], None), completion(whole[20:]))
    answer = provider.text(request())
    assert answer.data == GOOD
    assert (answer.tokens_in, answer.tokens_out, answer.calls) == (30, 15, 3)
    second = server.requests[1]["body"]
    assert second["messages"][2] == {"role": "assistant", "content": whole[:12]}
    assert "response_format" not in second, "a forced schema would make the model begin anew"


@pytest.mark.parametrize(
    "go_on",
    [
        lambda whole: whole,  # began anew
        lambda whole: f"```json\n{whole[60:]}\n```",  # fenced its part
        lambda whole: whole[35:],  # repeated the end
    ],
)
def test_models_that_continue_badly(server, provider, go_on):
    data = {"title": "A title of some length that is cut", "tags": ["one", "two", "three", "four"]}
    whole = json.dumps(data)
    server.play(completion(whole[:60], "length"), completion(go_on(whole)))
    assert provider.text(request()).data == data


def test_a_pattern_of_the_text_is_not_taken_for_its_repeated_end(server, provider):
    data = {**GOOD, "tags": ["<table>" + "<tr><td>yes</td><td>no</td></tr>" * 12 + "</table>"]}
    whole = json.dumps(data, ensure_ascii=False)
    cut = whole.index("<tr>") + 5 * len("<tr><td>yes</td><td>no</td></tr>")
    server.play(completion(whole[:cut], "length"), completion(whole[cut:]))
    assert provider.text(request()).data == data


def test_a_complete_looking_answer_with_length_is_not_believed(server, provider):
    server.play(*[completion(json.dumps(GOOD), "length")] * 5)
    with raises(TruncatedAnswer):
        provider.text(request())


def test_an_answer_that_never_ends(server, provider):
    server.play(*[completion('{"title": "a', "length")] * 5)
    with raises(TruncatedAnswer, "cut off") as caught:
        provider.text(request())
    assert (caught.value.tokens_in, caught.value.tokens_out) == (50, 25)
    assert len(server.requests) == 5


def test_a_model_that_thinks_all_its_tokens_away_gets_more(server, provider):
    server.play(completion(None, "length"), OK)
    assert provider.text(request()).data == GOOD
    assert [sent["body"]["max_tokens"] for sent in server.requests] == [100, 200]


def test_tokens_spent_before_the_provider_went_down_are_told(server, provider):
    server.play(completion('{"title"', "length"), *[failure(500)] * 5)
    with raises(ProviderUnavailable) as caught:
        provider.text(request())
    assert (caught.value.tokens_in, caught.value.tokens_out) == (10, 5)


@pytest.mark.parametrize(
    "answer",
    [completion("", "content_filter"), completion(None, refusal="I cannot help with that.")],
)
def test_a_refusing_model(server, provider, answer):
    server.play(answer)
    with raises(ProviderRefused, "refuses") as caught:
        provider.text(request())
    assert (caught.value.permanent, caught.value.provider_down) == (True, False)
    assert caught.value.tokens_in == 10


def test_a_server_without_json_schema(server, provider):
    server.play(failure(400, "response_format.type must be json_object"), OK, OK)
    assert provider.text(request()).data == GOOD
    assert provider.text(request()).data == GOOD
    shapes = [sent["body"]["response_format"]["type"] for sent in server.requests]
    assert shapes == ["json_schema", "json_object", "json_object"], "what it takes is remembered"
    assert '"maxLength": 60' in server.requests[1]["body"]["messages"][0]["content"]


def test_a_server_without_any_response_format(server, provider):
    server.play(failure(400, "unknown field"), failure(422, "unknown field"), OK)
    assert provider.text(request()).data == GOOD
    assert "response_format" not in server.requests[2]["body"]


def test_a_request_that_is_bad_whatever_its_shape(server, provider):
    server.play(failure(400, "the first reason"), failure(400, "b"), failure(400, "c"))
    with raises(ProviderRefused, "the first reason") as caught:
        provider.text(request())
    assert not caught.value.provider_down
    server.play(failure(400, "too long", code="context_length_exceeded"))
    with raises(ProviderRefused, "too long"):
        provider.text(request())
    assert len(server.requests) == 4


def test_models_with_other_parameters(server, provider):
    server.play(
        failure(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        failure(400, "Unsupported value: 'temperature' does not support 0.7 with this model."),
        OK,
    )
    assert provider.text(request()).data == GOOD
    last = server.requests[2]["body"]
    assert last["max_completion_tokens"] == 100
    assert "max_tokens" not in last
    assert "temperature" not in last
    assert last["response_format"]["type"] == "json_schema"


def test_keys_and_addresses_that_cannot_be_sent(server):
    client = outbound(server)
    for key in ("sk-\nabc", "sk-\0", "klé", "two words"):
        with raises(ProviderRefused, "Paste it again"):
            OpenAIProvider(key, server.url, http_client=client)
    for url in ("ftp://a.example", "example.com/v1", "http://", "http://a b", "javascript:alert(1)"):
        with raises(ProviderRefused, "http://"):
            OpenAIProvider(KEY, url, http_client=client)


def test_check(server, provider, waits):
    server.play(
        (200, {}, {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "x"}]})
    )
    assert provider.check() is None
    assert server.requests[0]["path"] == "/v1/models"
    server.play(completion("ok"))
    assert provider.check("m") is None
    assert server.requests[1]["body"]["max_tokens"] == 16
    server.play(failure(401), failure(500), failure(400, "bad model"))
    with raises(ProviderRefused, "key"):
        provider.check()
    with raises(ProviderUnavailable):
        provider.check("m")
    with raises(ProviderRefused, "bad model"):
        provider.check("m")
    assert waits == []


def picture(**item):
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_tokens_details": {}}
    return 200, {}, {"created": 1, "data": [item], "usage": usage}


ASK = ImageRequest(prompt="A fox", model="i", size="1024x1024", inputs={})


def test_an_image_as_base64(server, provider):
    server.play(picture(b64_json=base64.b64encode(png()).decode()))
    image = provider.image(ASK)
    assert (image.data, image.mime, image.tokens_in, image.tokens_out) == (png(), "image/png", 3, 4)
    assert server.requests[0]["body"] == {"model": "i", "prompt": "A fox", "size": "1024x1024", "n": 1}


def test_an_image_by_address_is_fetched_without_the_key(server, provider):
    server.play(
        picture(url=server.url + "/made.png"),
        (302, {"Location": server.url + "/moved.png"}, b""),
        (200, {"Content-Type": "text/plain"}, png()),
    )
    assert provider.image(ASK).mime == "image/png"
    assert [sent["path"] for sent in server.requests[1:]] == ["/v1/made.png", "/v1/moved.png"]
    assert all("authorization" not in sent["headers"] for sent in server.requests[1:])


def test_an_image_in_a_data_url(server, provider):
    server.play(picture(url="data:image/png;base64," + base64.b64encode(png()).decode()))
    assert provider.image(ASK).data == png()


@pytest.mark.parametrize(
    ("item", "word"),
    [
        ({"url": "data:image/svg+xml;base64," + base64.b64encode(b"<svg xmlns='x'/>").decode()}, "SVG"),
        ({"url": "data:image/svg+xml,%3Csvg xmlns='x'/%3E"}, "SVG"),
        ({"b64_json": base64.b64encode(b"<svg/>").decode()}, "SVG"),
        ({"b64_json": base64.b64encode(png()[:40]).decode()}, "cannot be read"),
        ({"b64_json": "%%%"}, "base64"),
        ({"url": "file:///etc/passwd"}, "no image"),
        ({}, "no image"),
    ],
)
def test_what_is_not_a_raster_image_is_refused(server, provider, item, word):
    server.play(picture(**item))
    with raises(BadAnswer, word) as caught:
        provider.image(ASK)
    assert (caught.value.tokens_in, caught.value.tokens_out) == (3, 4)


def test_an_image_that_is_gone_and_one_that_is_late(server, provider, waits):
    server.play(picture(url=server.url + "/a.png"), (404, {}, b""))
    with raises(BadAnswer, "404"):
        provider.image(ASK)
    server.play(picture(url=server.url + "/a.png"), (503, {}, b""), (200, {}, png()))
    assert provider.image(ASK).data == png()


def test_embeddings_come_in_the_order_of_the_texts(server, provider):
    rows = [{"object": "embedding", "index": i, "embedding": [float(i), 0.5]} for i in (1, 0)]
    answer = {"object": "list", "data": rows, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    server.play((200, {}, answer), (200, {}, answer))
    assert provider.embed(["a", "b"], "e") == [[0.0, 0.5], [1.0, 0.5]]
    assert server.requests[0]["body"]["encoding_format"] == "float"
    with raises(BadAnswer, "3 embeddings"):
        provider.embed(["a", "b", "c"], "e")
    assert provider.embed([], "e") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not valid JSON"),
        ("[]", "list"),
        ('{"title": NaN, "tags": []}', "NaN"),
        ('{"title": "a\\u0000", "tags": []}', "NUL"),
        ('{"title": "\\ud83d", "tags": []}', "surrogate"),
        ('{"title": "a", "tags": [], "more": 1}', "more"),
        ('{"a":' * 100_000, "nested"),
        ('Here: {"title": "a", "tags": []}', "not valid JSON"),
        ('{"title": "a", "tags": []} {"title": "b", "tags": []}', "not valid JSON"),
    ],
)
def test_answers_that_do_not_fit(text, word):
    with raises(BadAnswer, word):
        validate_answer(text, SCHEMA)


def test_answers_that_fit():
    assert validate_answer(f"```\n{json.dumps(GOOD)}\n```\n", SCHEMA) == GOOD
    assert validate_answer(json.dumps({"title": "\\u0000 written out", "tags": []}), SCHEMA)["tags"] == []
