"""The dashboard's log-in by the Telegram Mini App, and what its token opens."""

import json
import time

import pytest
import time_machine
from django.utils import timezone
from init_data_py import sign
from rest_framework.test import APIClient

from apps.accounts.models import TelegramSubscriber, WebAppLogin
from apps.accounts.services.webapp import webapp_forget

AUTH = "/internal/webapp/auth"
BOT = "123456:the-token-of-our-bot"


@pytest.fixture(autouse=True)
def bot(settings):
    settings.TELEGRAM_BOT_TOKEN = BOT
    settings.INTERNAL_API_TOKEN = ["the-token-of-tests"]


@pytest.fixture
def ada(db) -> TelegramSubscriber:
    return TelegramSubscriber.objects.create(chat_id=42, name="Ada", role="admin", permissions=["sources"])


def init_data(user: int | None = 42, token: str = BOT, age: float = 5, **fields) -> str:
    fields = {"query_id": "AAH", **fields}
    if user is not None:
        fields["user"] = json.dumps({"id": user, "first_name": "Ada 🎁", "username": "ada"})
    return sign(fields, token, auth_date=time.time() - age)


def log_in(data: str, client: APIClient | None = None, path: str = AUTH):
    return (client or APIClient()).post(path, {"init_data": data})


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.mark.parametrize("path", [AUTH, f"/api/v1{AUTH}"])
def test_an_admin_is_let_in_without_the_internal_token(ada, path):
    answer = log_in(init_data(), path=path)
    assert answer.status_code == 200
    assert answer.json()["user"]["chat_id"] == 42 and answer.json()["user"]["role"] == "admin"
    assert answer.json()["access"].count(".") == 2
    assert answer.json()["expires_at"] > timezone.now().isoformat()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"token": "123456:another-bot"}, "not what our bot signed"),
        ({"age": 86400 + 60}, "older than a day"),
        ({"age": -3600}, "future"),
        ({"user": None}, "names no user"),
        ({"user": 43}, "Only admins"),
    ],
)
def test_who_is_not_let_in(ada, data, reason):
    answer = log_in(init_data(**data))
    assert answer.status_code == 403
    assert reason in answer.json()["detail"]
    assert not WebAppLogin.objects.exists()


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_active": False}])
def test_only_active_admins(ada, change):
    TelegramSubscriber.objects.update(**change)
    assert log_in(init_data()).status_code == 403


def test_what_was_tampered_with(ada):
    good = init_data()
    for bad in (
        good.replace("%22id%22%3A+42", "%22id%22%3A+43"),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good + "&auth_date=1",
        good.split("&hash")[0],
        "hash=" + "é" * 64 + "&auth_date=1",
        "auth_date=" + "9" * 30 + "&hash=" + "a" * 64,
        "x",
        "🎁" * 100,
    ):
        answer = log_in(bad)
        assert answer.status_code == 403, (bad, answer.content)
    for bad in ("", None, 5, ["x"], {"a": 1}, "x" * 20_000):
        assert APIClient().post(AUTH, {"init_data": bad}).status_code in (403, 422), bad
    assert APIClient().post(AUTH, {}).status_code == 422


def test_a_replay_is_refused(ada):
    data = init_data()
    assert log_in(data).status_code == 200
    again = log_in(data)
    assert again.status_code == 403 and "used before" in again.json()["detail"]
    upper = data[: data.index("hash=") + 5] + data[data.index("hash=") + 5 :].upper()
    assert log_in(upper).status_code == 403
    assert log_in(init_data(query_id="BBB")).status_code == 200


def test_no_bot_closes_it(ada, settings):
    data = init_data()
    settings.TELEGRAM_BOT_TOKEN = ""
    assert log_in(data).status_code == 403
    assert log_in(init_data(token="")).status_code == 403


def test_it_is_limited_by_address(ada, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "auth": 2}
    statuses = [log_in("x").status_code for _ in range(3)]
    assert statuses == [403, 403, 429]
    assert "detail" in log_in("x").json()


def test_used_init_data_is_forgotten_when_it_has_expired(ada):
    log_in(init_data())
    assert webapp_forget() == 0
    with time_machine.travel(timezone.now() + timezone.timedelta(days=2)):
        assert webapp_forget() == 1


def test_the_token_opens_the_internal_routes_as_far_as_the_role_reaches(ada):
    client = bearer(log_in(init_data()).json()["access"])
    at = "/internal/telegram/subscribers"
    assert client.get(at).status_code == 200
    assert client.get(f"/api/v1{at}").status_code == 200
    assert client.post(f"{at}/42/role", {"role": "superadmin"}).status_code == 403
    TelegramSubscriber.objects.update(role="superadmin")
    assert client.post(f"{at}/42/role", {"role": "superadmin"}).status_code == 200
    TelegramSubscriber.objects.update(role="user")
    assert client.get(at).status_code == 401
    TelegramSubscriber.objects.update(role="admin", is_active=False)
    assert client.get(at).status_code == 401


def test_a_permission_opens_its_area_alone(ada):
    client = bearer(log_in(init_data()).json()["access"])
    source = {"url": "https://shop.example/", "site_key": "shop", "type": "hub"}
    assert client.post("/internal/sources", source).status_code in (200, 201)
    assert client.post("/internal/scoring/submit", {"results": [1]}).status_code == 403
    assert client.post("/internal/ingest-batch", {"source_id": 1}).status_code == 403
    assert client.get("/internal/scoring/tasks").status_code == 403  # it takes them from the workers
    TelegramSubscriber.objects.update(permissions=["scoring"])
    refused = client.post("/internal/sources", source)
    assert refused.status_code == 403 and "permission sources" in refused.json()["detail"]
    assert client.post("/internal/scoring/submit", {"results": [1]}).status_code == 200
    assert client.get("/internal/scoring/tasks").status_code == 200


def test_the_token_ends_and_opens_nothing_else(ada, alice):
    token = log_in(init_data()).json()["access"]
    assert bearer(token).get("/api/v1/auth/account/").status_code == 401
    with time_machine.travel(timezone.now() + timezone.timedelta(hours=13)):
        assert bearer(token).get("/internal/telegram/subscribers").status_code == 401
    # Nor does an account's token open the internal routes.
    assert alice.client.get("/internal/telegram/subscribers").status_code == 401
    for bad in ("x", "a.b.c", token[:-2], ""):
        assert bearer(bad).get("/internal/telegram/subscribers").status_code == 401
