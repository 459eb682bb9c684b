"""Sends one signed message to an address of a user, by the convention of standardwebhooks.com."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from standardwebhooks import Webhook

from apps.core.http import AddressRefused, OutboundError, client

TIMEOUT_SECONDS = 15.0
EXCERPT_BYTES = 2000
MAX_RETRY_AFTER = 24 * 3600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the other side said. `status` None: nothing. `gone`: it wants no more; `refused`: we may not send there."""

    status: int | None
    excerpt: str = ""
    error: str = ""
    retry_after: float | None = None
    refused: bool = False

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410


def webhook_post(*, url: str, secret: str, message_id: str, body: str) -> Outcome:
    """POSTs the body once. Never raises for what the other side does; redirects are not followed."""
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(msg_id=message_id, timestamp=now, data=body),
    }
    status = None
    try:
        with (
            client(timeout=TIMEOUT_SECONDS) as http,
            http.stream("POST", url, content=body.encode(), headers=headers) as answer,
        ):
            status, said = answer.status_code, b""
            retry_after = _retry_after(answer.headers.get("Retry-After"))
            for chunk in answer.iter_bytes(EXCERPT_BYTES):
                said += chunk
                if len(said) >= EXCERPT_BYTES:  # of a large answer the beginning will do
                    break
    except OutboundError as error:
        if status is not None and 200 <= status < 300:
            return Outcome(status)  # it was taken; what broke is only the answer's text
        return Outcome(status, error=str(error), refused=isinstance(error, AddressRefused))
    excerpt = said[:EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "")[:500]
    if 200 <= status < 300:
        return Outcome(status, excerpt)
    if 300 <= status < 400:
        return Outcome(status, excerpt, "The address redirects. Enter the address where it leads.")
    return Outcome(status, excerpt, f"The endpoint answered {status}, not 2xx.", retry_after)


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None
