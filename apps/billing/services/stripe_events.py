"""What Stripe's webhooks tell.

What an event says is never believed: it only makes us ask Stripe how the payment stands now. So events may come
ten times, in any order, or not at all, and the payment is the same.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.billing.clients.stripe import StripeFailed, event_of
from apps.billing.models import Payment, StripeEvent
from apps.billing.services.stripe import METADATA, payment_apply, stripe_client
from apps.core.jobs import TemporaryError, job_start


def event_receive(*, body: bytes, signature: str) -> StripeEvent:
    """Stores what Stripe sent and starts the job that handles it. The same again: nothing. Raises BadSignature."""
    event = event_of(body, signature, settings.STRIPE_WEBHOOK_SECRETS)
    row = StripeEvent(id=event["id"][:80], type=event["type"][:80], payload=event)
    payment = _payment_of(event)
    row.account_id = payment.account_id if payment else None
    with transaction.atomic():
        StripeEvent.objects.bulk_create([row], ignore_conflicts=True)
        if payment is not None:
            job_start(
                kind="billing.stripe_event",
                account_id=payment.account_id,
                payload={"event_id": row.pk, "payment_id": payment.pk},
                idempotency_key=f"stripe:{row.pk}",
                max_attempts=8,
            )
    return row


def event_handle(*, event_id: str, payment_id: int) -> None:
    """Asks Stripe how the payment stands. Raises TemporaryError."""
    payment = Payment.objects.get(pk=payment_id)
    if payment.intent_id:
        try:
            with stripe_client() as client:
                intent = client.intent(payment.intent_id)
        except StripeFailed as error:
            if error.temporary:
                raise TemporaryError(error.message) from error
            raise
        payment_apply(payment=payment, intent=intent)
    StripeEvent.objects.filter(pk=event_id).update(handled_at=timezone.now())


def events_forget() -> int:
    """Deletes events that were handled, or were of nobody here, STRIPE_EVENT_DAYS after they came. Returns how many.

    Stripe sends an event again for three days, and when told to for thirty. One that comes later still is stored and
    handled anew, which changes nothing: it only makes us ask.
    """
    before = timezone.now() - timedelta(days=settings.STRIPE_EVENT_DAYS)
    done = Q(account=None) | Q(handled_at__isnull=False)
    return StripeEvent.objects.filter(done, received_at__lt=before).delete()[0]


def _payment_of(event: dict) -> Payment | None:
    """Whose event it is: by the intent that it is about, or by what we wrote on that."""
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        return None
    intent_id = thing.get("id") if thing.get("object") == "payment_intent" else thing.get("payment_intent")
    if isinstance(intent_id, str) and (payment := Payment.objects.filter(intent_id=intent_id).first()):
        return payment
    metadata = thing.get("metadata")
    mark = str(metadata.get(METADATA, "")) if isinstance(metadata, dict) else ""
    if not mark.isdecimal() or len(mark) > 18 or not isinstance(intent_id, str):
        return None
    # The answer to our own request was lost, so we do not know its intent yet.
    Payment.objects.filter(pk=mark, method=Payment.Method.STRIPE, intent_id=None).update(intent_id=intent_id)
    return Payment.objects.filter(pk=mark, intent_id=intent_id).first()
