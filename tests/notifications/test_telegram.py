"""Notices to the bot's subscribers: rows that are sent to a Bot API on loopback."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import TelegramSubscriber
from apps.notifications.clients.telegram import TelegramClient, TelegramError
from apps.notifications.models import TelegramMessage
from apps.notifications.services.telegram import NOTICES, telegram_forget, telegram_notify, telegram_send
from apps.notifications.tasks import send_telegram
from tests.billing.threads import at_once
from tests.notifications.bot_api import bot_api

TOKEN = "123456:the-token-of-our-bot"
VALUES = {"site_key": "shop", "url": "https://shop.example/?a={b}", "error": "403 \x00<b>Forbidden</b>"}


@pytest.fixture
def api(settings, db):
    with bot_api(TOKEN) as server:
        settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_API_BASE = TOKEN, server.url
        settings.OUTBOUND_ALLOW_PRIVATE = []
        yield server


def subscriber(chat_id: int, **fields) -> TelegramSubscriber:
    return TelegramSubscriber.objects.create(chat_id=chat_id, **{"subscriptions": ["sources"], **fields})


def states() -> dict[int, str]:
    return dict(TelegramMessage.objects.values_list("subscriber__chat_id", "state"))


def make_due() -> None:
    TelegramMessage.objects.update(run_after=timezone.now() - timedelta(seconds=1))


def test_the_topics_subscribers_are_told_in_their_language_once(api):
    subscriber(1), subscriber(2, language="ru-RU"), subscriber(-3, language="de")
    subscriber(4, is_active=False), subscriber(5, subscriptions=["spiders"])
    for _ in range(2):
        telegram_notify(notice="source_broken", values=VALUES, key="source:7:run:1")
    send_telegram()
    sent = dict(api.sent)
    assert len(api.sent) == 3 and set(sent) == {1, 2, -3}
    assert "is broken" in sent[1] and "a={b}" in sent[1] and "<b>Forbidden</b>" in sent[1]
    assert "сломан" in sent[2] and sent[-3] == sent[1]
    send_telegram()
    assert len(api.sent) == 3
    telegram_notify(notice="new_spiders", values={"spiders": "shop, mall"})
    send_telegram()
    assert api.sent[3:] == [(5, "🕷 New spiders: shop, mall")]


def test_a_notice_costs_the_same_for_any_number(api, django_assert_num_queries):
    for n in range(30):
        subscriber(n + 1)
    with django_assert_num_queries(2):
        assert telegram_notify(notice="source_broken", values=VALUES) == 30
    send_telegram()
    assert len(api.sent) == 30


def test_what_is_rolled_back_was_never_told(api):
    subscriber(1)
    with transaction.atomic():
        telegram_notify(notice="source_broken", values=VALUES)
        transaction.set_rollback(True)
    assert telegram_send() == 0


def test_without_a_bot_nobody_is_told(api, settings):
    subscriber(1)
    settings.TELEGRAM_BOT_TOKEN = ""
    assert telegram_notify(notice="source_broken", values=VALUES) == 0
    assert telegram_send() == 0 and not TelegramMessage.objects.exists()


def test_unknown_notices_and_missing_values_are_errors_of_ours(api):
    with pytest.raises(KeyError):
        telegram_notify(notice="gossip", values={})
    with pytest.raises(KeyError):
        telegram_notify(notice="source_broken", values={"url": "x"})
    for notice in NOTICES.values():
        assert "en" in notice.texts


def test_who_blocked_the_bot_is_given_up_and_the_rest_is_told(api):
    subscriber(1), subscriber(2)
    refused = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    api.refusals[1] = (403, refused)
    telegram_notify(notice="source_broken", values=VALUES)
    send_telegram()
    assert states() == {1: "failed", 2: "sent"}
    assert "blocked" in TelegramMessage.objects.get(state="failed").error


def test_a_limit_is_waited_for(api):
    subscriber(1), subscriber(2)
    limit = {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests",
        "parameters": {"retry_after": 7},
    }
    api.refusals[1] = (429, limit)
    telegram_notify(notice="source_broken", values=VALUES)
    assert telegram_send() == 1
    first, second = TelegramMessage.objects.order_by("pk")
    assert {(m.state, m.attempts) for m in (first, second)} == {("pending", 0)}  # it was no attempt
    for message in (first, second):
        assert timedelta(seconds=5) < message.run_after - timezone.now() <= timedelta(seconds=7)
    assert telegram_send() == 0
    api.refusals.clear()
    make_due()
    send_telegram()
    assert states() == {1: "sent", 2: "sent"}


def test_who_is_deleted_while_being_told_stops_nobody(api, monkeypatch):
    gone, _ = subscriber(1), subscriber(2)
    telegram_notify(notice="source_broken", values=VALUES)
    send = TelegramClient.send_message

    def deleted_meanwhile(self, chat_id, text):
        TelegramSubscriber.objects.filter(pk=gone.pk).delete()
        return send(self, chat_id, text)

    monkeypatch.setattr(TelegramClient, "send_message", deleted_meanwhile)
    send_telegram()
    assert states() == {2: "sent"}


def test_a_group_that_became_a_supergroup_is_followed(api):
    moved, taken, there = subscriber(-1), subscriber(-2), subscriber(-1002)
    for chat, to in ((-1, -1001), (-2, -1002)):
        error = {
            "ok": False,
            "error_code": 400,
            "description": "group chat was upgraded to a supergroup chat",
        }
        api.refusals[chat] = (400, {**error, "parameters": {"migrate_to_chat_id": to}})
    telegram_notify(notice="source_broken", values=VALUES)
    send_telegram()
    make_due()
    send_telegram()
    moved.refresh_from_db()
    assert moved.chat_id == -1001
    assert sorted(chat for chat, _ in api.sent) == [-1002, -1001]  # each once
    assert states() == {-1001: "sent", -2: "failed", there.chat_id: "sent"} and taken.pk


@pytest.mark.parametrize("answer", [(500, b"oops"), (200, b"<html>"), (200, b"[]"), (502, {"ok": False})])
def test_a_server_in_trouble_is_asked_again_and_given_up_in_the_end(api, answer):
    subscriber(1)
    api.refusals[1] = answer
    telegram_notify(notice="source_broken", values=VALUES)
    for n in range(TelegramMessage.MAX_ATTEMPTS):
        assert states() == {1: "pending"}, n
        make_due()
        assert telegram_send() == 1
    assert states() == {1: "failed"}


def test_a_server_that_is_away_and_a_wrong_token_lose_nothing(api, settings):
    subscriber(1)
    telegram_notify(notice="source_broken", values=VALUES)
    settings.TELEGRAM_BOT_TOKEN = "123456:wrong"
    send_telegram()
    assert states() == {1: "pending"}
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_API_BASE = TOKEN, "http://127.0.0.1:9"
    make_due()
    send_telegram()
    message = TelegramMessage.objects.get()
    assert message.state == "pending" and "127.0.0.1" in message.error and TOKEN not in message.error
    settings.TELEGRAM_API_BASE = api.url
    make_due()
    send_telegram()
    assert states() == {1: "sent"}


def test_the_client_tells_what_is_permanent(api):
    with TelegramClient(TOKEN, base_url=api.url) as client:
        assert client.send_message(1, "hello") == 1
        api.refusals[2] = (400, {"ok": False, "description": "Bad Request: chat not found"})
        with pytest.raises(TelegramError) as refused:
            client.send_message(2, "hello")
        assert refused.value.permanent and "chat not found" in str(refused.value)
    with TelegramClient("wrong", base_url=api.url) as client, pytest.raises(TelegramError) as refused:
        client.send_message(1, "hello")
    assert not refused.value.permanent


@pytest.mark.django_db(transaction=True)
def test_senders_at_once_send_each_message_once(api):
    for n in range(20):
        subscriber(n + 1)
    telegram_notify(notice="source_broken", values=VALUES)
    taken = at_once(4, lambda _: telegram_send(batch=5))
    assert taken == [5, 5, 5, 5]
    assert sorted(chat for chat, _ in api.sent) == list(range(1, 21))


def test_old_messages_are_forgotten(api):
    subscriber(1), subscriber(2)
    telegram_notify(notice="source_broken", values=VALUES)
    assert telegram_forget() == 0
    TelegramMessage.objects.update(created_at=timezone.now() - timedelta(days=31))
    TelegramMessage.objects.filter(subscriber__chat_id=1).update(state="sent")
    assert telegram_forget() == 1
    assert states() == {2: "pending"}
