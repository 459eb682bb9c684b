"""Events for the endpoints of an account: written in the transaction of what they tell of, sent by jobs."""

import json
import secrets
import uuid
from base64 import b64encode

from django.db import transaction
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.jobs import job_start
from apps.notifications.models import Notification, Type, WebhookDelivery, WebhookEndpoint

KIND = "notifications.webhook"
TEST = "webhook.test"
# What an endpoint may be told of, and which notification causes it; the others are told by who calls event_send.
OF_NOTIFICATION = {
    Type.CONTENT_READY_REVIEW: "content.ready_for_review",
    Type.CONTENT_PUBLISHED: "content.published",
    Type.CONTENT_PUBLISH_FAILED: "content.publish_failed",
    Type.CREDITS_LOW: "credits.low",
    Type.CREDITS_DEPLETED: "credits.depleted",
    Type.KEYWORDS_IMPORTED: "keywords.imported",
    Type.WORDPRESS_SYNC_SUCCESS: "sync.succeeded",
    Type.WORDPRESS_SYNC_FAILED: "sync.failed",
    Type.SITE_SETUP_COMPLETE: "site.ready",
}
EVENTS = sorted([*OF_NOTIFICATION.values(), "run.finished", "run.paused"])
# Seconds until the next try, some three days in all.
WAITS = (5, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
_SPACE = uuid.UUID("6f0d5f5c-6c63-4d0b-9a54-6a3c8f6f5b0e")


def secret_new() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def event_send(
    *, account_id: int, event: str, data: dict, site_id: int | None = None, key: str | None = None
) -> None:
    """Writes the event for each active endpoint of the account that wants it, and starts its delivery.

    Part of the caller's transaction. The same `key` twice in an account is one event. Raises LookupError for an
    event that EVENTS does not name.
    """
    if event not in EVENTS:
        raise LookupError(f"{event} is no event of EVENTS")
    endpoints = WebhookEndpoint.objects.filter(account_id=account_id, is_active=True)
    wanted = [e for e in endpoints if not e.events or event in e.events]
    if wanted:
        event_id = uuid.uuid5(_SPACE, f"{account_id}:{event}:{key}") if key else uuid.uuid4()
        _write(wanted, event, event_id, {**data, "site_id": site_id}, site_id)


def notification_send(notification: Notification, event: str = "", more: dict | None = None) -> None:
    """The event of what the account is told, if there is one; what only one user is told has none."""
    event = event or OF_NOTIFICATION.get(notification.notification_type, "")
    if not event or notification.user_id is not None:
        return
    event_send(
        account_id=notification.account_id,
        event=event,
        site_id=notification.site_id,
        key=notification.key,
        data={
            **notification.metadata,
            **(more or {}),
            "title": notification.title,
            "message": notification.message,
            "url": notification.action_url,
        },
    )


def test_send(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """A test event for one endpoint, whatever it wants to be told of. Raises Conflict for one that is switched off."""
    if not endpoint.is_active:
        raise Conflict("The endpoint is switched off. Switch it on first.")
    event_id = uuid.uuid4()
    _write([endpoint], TEST, event_id, {"message": "This is a test.", "site_id": None}, None)
    return WebhookDelivery.objects.get(endpoint=endpoint, event_id=event_id)


def _write(
    endpoints: list[WebhookEndpoint], event: str, event_id: uuid.UUID, data: dict, site_id: int | None
) -> None:
    moment = timezone.now()
    stamp = moment.isoformat().replace("+00:00", "Z")
    body = json.dumps({"type": event, "timestamp": stamp, "data": data}, ensure_ascii=False, default=str)
    rows = [
        WebhookDelivery(
            account_id=endpoint.account_id,
            endpoint=endpoint,
            site_id=site_id,
            event_id=event_id,
            event=event,
            body=body.replace("\\u0000", ""),
            next_try_at=moment,
        )
        for endpoint in endpoints
    ]
    with transaction.atomic():
        WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
        for row in WebhookDelivery.objects.filter(endpoint__in=endpoints, event_id=event_id):
            _start(row, key=f"webhook:{row.pk}")


def _start(delivery: WebhookDelivery, *, key: str) -> None:
    job_start(
        kind=KIND,
        account_id=delivery.account_id,
        payload={"delivery_id": delivery.pk},
        idempotency_key=key,
        max_attempts=len(WAITS) * 10,  # a crash counts as one; the delivery counts its own
    )


def delivery_repeat(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Sends it once more, under the same `webhook-id`. Raises Conflict while it waits, or its endpoint is off."""
    if not delivery.endpoint.is_active:
        raise Conflict("The endpoint is switched off. Switch it on first.")
    with transaction.atomic():
        ended = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=WebhookDelivery.State.PENDING)
        if not ended.update(
            state=WebhookDelivery.State.PENDING,
            attempts=0,
            error="",
            status_code=None,
            response_excerpt="",
            next_try_at=timezone.now(),
            ended_at=None,
        ):
            raise Conflict("It waits to be sent already.")
        _start(delivery, key=f"webhook:{delivery.pk}:{uuid.uuid4()}")
    delivery.refresh_from_db()
    return delivery
