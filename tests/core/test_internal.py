"""The frame of /internal/: who gets in, and what refusals look like."""

import logging

import pytest
from django.test import override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.core.apps import internal_addresses_are_networks
from apps.core.errors import Conflict, Invalid
from apps.core.internal import InternalView


class Body(serializers.Serializer):
    ids = serializers.ListField(child=serializers.IntegerField())
    limit = serializers.IntegerField(default=1, min_value=1)


class Limit(serializers.Serializer):
    limit = serializers.IntegerField(default=1, min_value=1)


class EchoView(InternalView):
    def get(self, request):
        return Response([self.params(Limit)["limit"], request.user.name])

    def post(self, request):
        return Response(self.body(Body))

    def put(self, request):
        raise Conflict("Not now.")

    def patch(self, request):
        raise Invalid("url", "It is none.")


urlpatterns = [path("internal/echo", EchoView.as_view()), path("api/v1/internal/echo", EchoView.as_view())]
handler404 = "apps.core.errors.handler404"

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.test_internal")]


@pytest.fixture
def tokens(settings):
    settings.INTERNAL_API_TOKEN = ["first-secret", "second-secret"]
    settings.INTERNAL_API_TOKEN_NAMES = ["worker"]


def client(token: str | None = "first-secret", **headers) -> APIClient:
    if token is not None:
        headers["HTTP_X_INTERNAL_TOKEN"] = token
    made = APIClient()
    made.credentials(**headers)
    return made


def test_two_tokens_of_one_name_are_both_good(tokens, settings):
    settings.INTERNAL_API_TOKEN_NAMES = ["worker", "worker"]
    for token in settings.INTERNAL_API_TOKEN:
        assert client(token).get("/internal/echo").status_code == 200


@pytest.mark.parametrize("mount", ["/internal/echo", "/api/v1/internal/echo"])
def test_any_of_the_tokens_is_good_on_both_mounts(tokens, mount):
    assert client("first-secret").get(mount).json() == [1, "worker"]
    assert client("second-secret").get(mount).json() == [1, "token-2"]


@pytest.mark.parametrize("mount", ["/internal/echo", "/api/v1/internal/echo"])
def test_none_is_401_and_a_wrong_one_403(tokens, mount):
    missing = client(None).get(mount)
    assert missing.status_code == 401
    assert missing.json() == {"detail": "Send the internal token as the header X-Internal-Token."}
    for wrong in ("first-secre", "first-secret,second-secret", "ä", " "):
        answer = client(wrong).get(mount)
        assert answer.status_code in (401, 403) if not wrong.strip() else answer.status_code == 403
        assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize("unset", [[], "", None])
def test_unset_closes(settings, unset):
    settings.INTERNAL_API_TOKEN = unset
    for token in (None, "", "x"):
        assert client(token).get("/internal/echo").status_code == 403


def test_each_use_is_logged_by_name_and_never_the_token(tokens, caplog):
    with caplog.at_level(logging.INFO, logger="apps.core.internal"):
        client("second-secret").get("/internal/echo")
        client("nonsense-secret").get("/internal/echo")
    assert "token-2 used" in caplog.text
    assert "secret" not in caplog.text


def test_addresses(tokens, settings):
    settings.INTERNAL_ALLOW_IPS = ["10.0.0.0/8", "2001:db8::1"]
    assert client().get("/internal/echo").status_code == 403
    assert client(REMOTE_ADDR="10.2.3.4").get("/internal/echo").status_code == 200
    assert client(REMOTE_ADDR="::ffff:10.2.3.4").get("/internal/echo").status_code == 200
    assert client(REMOTE_ADDR="2001:db8::1").get("/internal/echo").status_code == 200
    assert client(REMOTE_ADDR="2001:db8::2").get("/internal/echo").status_code == 403


def test_addresses_that_are_none_are_told_at_the_start(settings):
    assert internal_addresses_are_networks() == []
    settings.INTERNAL_ALLOW_IPS = ["10.0.0.0/8", "10.0.0.300"]
    (error,) = internal_addresses_are_networks()
    assert "10.0.0.300" in error.msg and "Give addresses or CIDR" in error.msg


def test_what_does_not_fit_is_a_list_that_names_the_fields(tokens):
    answer = client().post("/internal/echo", {"ids": [1, "x"], "limit": 0})
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", "ids", 1], ["body", "limit"]]
    answer = client().get("/internal/echo?limit=x")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "limit"]
    for raw in (b"{", b'"\\ud800"', b'{"ids": ["\\u0000"]}', b"[1]", b"null"):
        answer = client().post("/internal/echo", raw, content_type="application/json")
        assert answer.status_code == 422, raw
        assert isinstance(answer.json()["detail"], list)


def test_other_errors_are_a_sentence(tokens):
    assert client().put("/internal/echo").json() == {"detail": "Not now."}
    assert client().put("/internal/echo").status_code == 409
    assert client().patch("/internal/echo").status_code == 422
    assert client().delete("/internal/echo").status_code == 405
    assert "detail" in client().get("/internal/nowhere").json()
    answer = client().post("/internal/echo", "a=1", content_type="text/plain")
    assert answer.status_code == 415 and "detail" in answer.json()


@override_settings(RATE_LIMITS=dict.fromkeys(("ai", "content", "auth", "general"), 1))
def test_no_rate_limit(tokens):
    for _ in range(3):
        answer = client().get("/internal/echo")
        assert answer.status_code == 200
    assert "X-RateLimit-Limit" not in answer
