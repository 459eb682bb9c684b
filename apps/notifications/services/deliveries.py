"""Sending what waits for an endpoint, with later tries; switching off an endpoint that nothing reaches."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.core.errors import AppError
from apps.core.jobs import TemporaryError
from apps.notifications.clients.webhooks import Outcome, webhook_post
from apps.notifications.models import WebhookDelivery, WebhookEndpoint
from apps.notifications.services import notify
from apps.notifications.services.webhooks import WAITS

# So long nothing arrives, and the endpoint is switched off.
PATIENCE = timedelta(days=5)
KEPT = timedelta(days=30)


class DeliveryFailed(AppError):
    """The event did not arrive, and is not tried again by itself."""

    status = 502
    code = "UPSTREAM_ERROR"


class DeliveryWaits(TemporaryError):
    """The event did not arrive, and is tried again."""


def delivery_try(*, delivery_id: int) -> dict:
    """Sends a delivery that waits, once. Raises DeliveryWaits for a later try, DeliveryFailed after the last.

    A worker that dies between sending and noting it sends again: the receiver knows it by its `webhook-id`.
    """
    row = WebhookDelivery.objects.select_related("endpoint").filter(pk=delivery_id).first()
    if row is None or row.state != WebhookDelivery.State.PENDING:
        return {"state": row.state if row else "deleted"}
    endpoint = row.endpoint
    if not endpoint.is_active:
        _end(row, WebhookDelivery.State.FAILED, Outcome(None, error="The endpoint was switched off."))
        raise DeliveryFailed("The endpoint was switched off.")
    outcome = webhook_post(
        url=endpoint.url, secret=endpoint.secret, message_id=str(row.event_id), body=row.body
    )
    row.attempts += 1
    if outcome.ok:
        _end(row, WebhookDelivery.State.SUCCEEDED, outcome)
        WebhookEndpoint.objects.filter(pk=endpoint.pk, failing_since__isnull=False).update(failing_since=None)
        return {"state": row.state, "status_code": row.status_code}
    off = _note_failure(endpoint, outcome)
    if off or outcome.refused or row.attempts > len(WAITS):
        _end(row, WebhookDelivery.State.FAILED, outcome)
        raise DeliveryFailed(outcome.error)
    wait = max(WAITS[row.attempts - 1], outcome.retry_after or 0)
    row.next_try_at = timezone.now() + timedelta(seconds=wait)
    _note(row, outcome)
    raise DeliveryWaits(outcome.error, retry_after=wait)


def _note(row: WebhookDelivery, outcome: Outcome) -> None:
    row.status_code, row.response_excerpt, row.error = outcome.status, outcome.excerpt, outcome.error[:500]
    row.save(update_fields=["state", "attempts", "status_code", "response_excerpt", "error", "next_try_at",
                            "ended_at"])  # fmt: skip


def _end(row: WebhookDelivery, state: str, outcome: Outcome) -> None:
    row.state, row.next_try_at, row.ended_at = state, None, timezone.now()
    _note(row, outcome)


def _note_failure(endpoint: WebhookEndpoint, outcome: Outcome) -> bool:
    """Notes since when nothing arrives; switches the endpoint off after days of it, or when it is gone. True: off."""
    now = timezone.now()
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk, is_active=True)
    rows.update(failing_since=Coalesce(F("failing_since"), now))
    if outcome.gone:
        reason = "The endpoint answered 410: it wants no more."
    else:
        rows = rows.filter(failing_since__lte=now - PATIENCE)
        reason = f"Nothing has arrived for {PATIENCE.days} days. Last: {outcome.error}"
    with transaction.atomic():
        off = rows.update(is_active=False, disabled_reason=reason[:300])
        if off:
            notify(
                account_id=endpoint.account_id,
                notification_type="system_info",
                severity="error",
                title="A webhook was switched off",
                message=f"{endpoint.url}: {reason} Put it right, switch it on, and redeliver what it missed.",
                action_label="View webhooks",
                action_url="/settings/webhooks",
                metadata={"webhook_id": endpoint.pk},
            )
    return bool(off)


def deliveries_forget() -> int:
    """Deletes deliveries that ended long ago."""
    ended = WebhookDelivery.objects.exclude(state=WebhookDelivery.State.PENDING)
    return ended.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
