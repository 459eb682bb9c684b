"""What the platform's people are told in Telegram: a notice goes to the active subscribers of its topic.

A message is a row, written in the transaction of what it tells of; a worker sends it, later if Telegram is away. A
worker that dies between sending and noting it sends the message twice: the Bot API knows no idempotency.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from celery import current_app
from celery.exceptions import OperationalError
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import TelegramSubscriber
from apps.notifications.clients.telegram import MAX_TEXT, TelegramClient, TelegramError
from apps.notifications.models import TelegramMessage

log = logging.getLogger(__name__)

BATCH = 25
# Longer than a batch can take: BATCH times the client's timeout.
LEASE = timedelta(minutes=5)
KEPT = timedelta(days=30)
SEND_TASK = "apps.notifications.tasks.send_telegram"


@dataclass(frozen=True, slots=True)
class Notice:
    """A text in each language that we write, with its values as `{name}`; English stands for the others."""

    topic: str
    texts: Mapping[str, str]


NOTICES: Mapping[str, Notice] = {
    "source_broken": Notice(
        "sources",
        {
            "en": "⚠️ The source {site_key} is broken and was switched off.\n{url}\n\n{error}",
            "ru": "⚠️ Источник {site_key} сломан и выключен.\n{url}\n\n{error}",
        },
    ),
    "dispute": Notice(
        "billing",
        {
            "en": "⚖️ {account}: the bank's dispute {dispute} over {amount} of invoice {invoice} is {state} ({reason}). "
            "Credits taken: {taken}. Answer it at Stripe; here it is payment {payment}.",
            "ru": "⚖️ {account}: спор банка {dispute} на {amount} по счёту {invoice}: {state} ({reason}). "
            "Списано кредитов: {taken}. Ответьте в Stripe; здесь это платёж {payment}.",
        },
    ),
    "credits_missing": Notice(
        "billing",
        {
            "en": "⚠️ {account}: money of invoice {invoice} went back (payment {payment}). {taken} credits were taken, "
            "{missing} had been spent already.",
            "ru": "⚠️ {account}: деньги по счёту {invoice} возвращены (платёж {payment}). Списано кредитов: {taken}, "
            "ещё {missing} уже потрачены.",
        },
    ),
    "new_spiders": Notice(
        "spiders",
        {
            "en": "🕷 New spiders: {spiders}",
            "ru": "🕷 Новые пауки: {spiders}",
        },
    ),
}

CLAIM = """
UPDATE notifications_telegrammessage SET run_after = statement_timestamp() + %(lease)s, attempts = attempts + 1
WHERE id = ANY (ARRAY(
  SELECT id FROM notifications_telegrammessage WHERE state = 'pending' AND run_after <= statement_timestamp()
  ORDER BY run_after, id LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
RETURNING id
"""


def telegram_notify(*, notice: str, values: Mapping[str, object], key: str | None = None) -> int:
    """Writes the notice for each subscriber of its topic and returns for how many. The same `key`: told once.

    Part of the caller's transaction. Without a bot (TELEGRAM_BOT_TOKEN) nobody is told. Raises KeyError for an
    unknown notice or a missing value.
    """
    known = NOTICES[notice]
    clean = {name: str(value).replace("\x00", "")[:1000] for name, value in values.items()}
    texts = {language: text.format_map(clean)[:MAX_TEXT] for language, text in known.texts.items()}
    if not settings.TELEGRAM_BOT_TOKEN:
        return 0
    now = timezone.now()
    found = TelegramSubscriber.objects.of_topic(known.topic).values_list("pk", "language")
    messages = [
        TelegramMessage(
            subscriber_id=pk,
            topic=known.topic,
            text=texts.get(language.split("-")[0].lower(), texts["en"]),
            key=key,
            run_after=now,
        )
        for pk, language in found
    ]
    TelegramMessage.objects.bulk_create(messages, ignore_conflicts=True)
    if messages:
        transaction.on_commit(_wake)
    return len(messages)


def telegram_send(*, batch: int = BATCH) -> int:
    """Sends messages that are due, side by side with others who do, and returns how many it took."""
    if not settings.TELEGRAM_BOT_TOKEN:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"lease": LEASE, "batch": batch})
        ids = [row[0] for row in cursor.fetchall()]
    messages = list(TelegramMessage.objects.filter(pk__in=ids).select_related("subscriber").order_by("pk"))
    with TelegramClient(settings.TELEGRAM_BOT_TOKEN, base_url=settings.TELEGRAM_API_BASE) as client:
        for n, message in enumerate(messages):
            try:
                client.send_message(message.subscriber.chat_id, message.text)
            except TelegramError as error:
                if error.moved_to is not None and _moved(message.subscriber, error.moved_to):
                    message.put_off(str(error), retry_after=0, permanent=False)
                    continue
                message.put_off(str(error), retry_after=error.retry_after, permanent=error.permanent)
                if error.retry_after is not None:
                    _give_back([m.pk for m in messages[n + 1 :]], seconds=error.retry_after)
                    return n + 1
            else:
                message.mark_sent()
    return len(ids)


def _moved(subscriber: TelegramSubscriber, chat_id: int) -> bool:
    """A group that became a supergroup goes on under its new id, where nobody has that yet."""
    try:
        with transaction.atomic():
            rows = TelegramSubscriber.objects.filter(pk=subscriber.pk)
            return bool(rows.update(chat_id=chat_id, updated_at=timezone.now()))
    except IntegrityError:
        return False


def _give_back(ids: list[int], *, seconds: float) -> None:
    """Telegram wants to be left alone: what was claimed and not tried waits as well, and counts no attempt."""
    TelegramMessage.objects.filter(pk__in=ids).update(
        run_after=timezone.now() + timedelta(seconds=seconds), attempts=F("attempts") - 1
    )


def telegram_forget() -> int:
    """Deletes messages that ended long ago."""
    ended = TelegramMessage.objects.exclude(state=TelegramMessage.State.PENDING)
    return ended.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _wake() -> None:
    try:
        current_app.send_task(SEND_TASK, queue="default", retry=False)
    except (OSError, OperationalError):
        log.warning("the broker is away; the messages go out with the next sweep", exc_info=True)
