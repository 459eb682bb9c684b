"""Stripe, by its own SDK, whose requests go through apps.core.http."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import stripe

from apps.core import http
from apps.core.errors import AppError

TIMEOUT = 30.0


class StripeFailed(AppError):
    """Stripe could not be asked, or refused. `temporary`: the same again may go well."""

    status = 502
    code = "UPSTREAM_ERROR"

    def __init__(self, message: str, *, temporary: bool = False):
        super().__init__(message)
        self.temporary = temporary


class CardDeclined(StripeFailed):
    """The card, not Stripe, said no."""

    status = 400
    code = "VALIDATION_ERROR"


class BadSignature(Exception):
    """The body was not signed by Stripe, or too long ago."""


@dataclass(frozen=True)
class BankDispute:
    """`amount` in the smallest unit of its currency, which may not be the payment's."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Intent:
    """A PaymentIntent. Amounts are in the currency's smallest unit."""

    id: str
    status: str
    amount_received: int
    amount_refunded: int
    client_secret: str
    error: str
    disputed: bool = False
    disputes: tuple[BankDispute, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True)
class Card:
    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class _Transport(stripe.HTTPClient):
    """The SDK's requests by the client of apps.core.http, which limits their time and size."""

    name = "igny8"

    def __init__(self, base: str):
        super().__init__()
        host = urlsplit(base)
        # The operator named this address, so it may be a private one; users can not.
        private = [f"{host.hostname}:{host.port}"] if host.port else []
        self._client = http.client(timeout=TIMEOUT, allow_private=private or None)

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, post_data=None):
        try:
            answer = self._client.request(method, url, headers=headers, content=post_data or None)
        except http.OutboundError as error:
            raise stripe.APIConnectionError(str(error), should_retry=not error.permanent) from error
        return answer.content, answer.status_code, answer.headers

    def close(self) -> None:
        self._client.close()


class StripeClient:
    """What we ask of Stripe. Raises StripeFailed, CardDeclined. Use it as a context manager."""

    def __init__(self, *, key: str, base: str):
        self._transport = _Transport(base)
        self._sdk = stripe.StripeClient(
            key, base_addresses={"api": base}, http_client=self._transport, max_network_retries=2
        ).v1

    def __enter__(self) -> "StripeClient":
        return self

    def __exit__(self, *exc) -> None:
        self._transport.close()

    def customer_create(self, *, name: str, email: str, account_id: int) -> str:
        params = {"name": name, "email": email, "metadata": {"account_id": str(account_id)}}
        return self._ask(
            self._sdk.customers.create, params, {"idempotency_key": f"igny8-customer-{account_id}"}
        ).id

    def card_attach(self, *, card_id: str, customer_id: str) -> Card:
        method = self._ask(self._sdk.payment_methods.attach, card_id, {"customer": customer_id})
        if method.type != "card":
            raise CardDeclined(f"Only cards can be kept, this is {method.type}.")
        card = method.card
        return Card(method.id, card.brand, card.last4, card.exp_month, card.exp_year)

    def card_detach(self, *, card_id: str) -> None:
        self._ask(self._sdk.payment_methods.detach, card_id)

    def intent_create(
        self,
        *,
        amount: int,
        currency: str,
        customer_id: str,
        metadata: dict[str, str],
        idempotency_key: str,
        card_id: str = "",
    ) -> Intent:
        """A new intent; with a card it is charged at once, nobody being there to confirm."""
        params = {
            "amount": amount,
            "currency": currency.lower(),
            "customer": customer_id,
            "metadata": metadata,
        }
        if card_id:
            params |= {"payment_method": card_id, "confirm": True, "off_session": True}
        options = {"idempotency_key": idempotency_key}
        return _intent(self._ask(self._sdk.payment_intents.create, params, options))

    def intent(self, intent_id: str) -> Intent:
        params = {"expand": ["latest_charge"]}
        found = _intent(self._ask(self._sdk.payment_intents.retrieve, intent_id, params))
        return replace(found, disputes=self._disputes(intent_id)) if found.disputed else found

    def _disputes(self, intent_id: str) -> tuple[BankDispute, ...]:
        found = self._ask(self._sdk.disputes.list, {"payment_intent": intent_id, "limit": 100})
        return tuple(
            BankDispute(d.id, d.status, d.reason or "", d.amount, d.currency.upper()) for d in found.data
        )

    def intent_cancel(self, intent_id: str) -> Intent:
        return _intent(self._ask(self._sdk.payment_intents.cancel, intent_id))

    def refund_create(self, *, intent_id: str, amount: int, idempotency_key: str) -> None:
        params = {"payment_intent": intent_id, "amount": amount}
        self._ask(self._sdk.refunds.create, params, {"idempotency_key": idempotency_key})

    def _ask(self, call, *args):
        try:
            return call(*args)
        except stripe.CardError as error:
            raise CardDeclined(error.user_message or "The card was declined. Use another one.") from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise StripeFailed(
                "Stripe refuses our key. Tell support; other ways to pay still work."
            ) from error
        except stripe.InvalidRequestError as error:
            raise StripeFailed(
                f"Stripe refused it: {error.user_message or 'the request does not fit.'}"
            ) from error
        except stripe.StripeError as error:
            message = "Stripe does not answer at the moment. Nothing was charged; try again in a minute."
            raise StripeFailed(message, temporary=True) from error


def event_of(body: bytes, signature: str, secrets: list[str]) -> dict:
    """The event of a webhook's body, signed with one of the secrets within five minutes. Raises BadSignature."""
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature, secret, stripe.Webhook.DEFAULT_TOLERANCE
            )
            event = json.loads(body)
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            continue
        if (
            isinstance(event, dict)
            and isinstance(event.get("id"), str)
            and isinstance(event.get("type"), str)
        ):
            return event
    raise BadSignature


def _intent(answer: stripe.PaymentIntent) -> Intent:
    found = answer.to_dict()
    charge = found.get("latest_charge")
    received = found.get("amount_received")
    if received is None:
        received = found["amount"] if found["status"] == "succeeded" else 0
    return Intent(
        id=found["id"],
        status=found["status"],
        amount_received=received,
        amount_refunded=(charge.get("amount_refunded") or 0) if isinstance(charge, dict) else 0,
        client_secret=found["client_secret"],
        disputed=isinstance(charge, dict) and bool(charge.get("disputed")),
        error=(found.get("last_payment_error") or {}).get("message") or "",
    )
