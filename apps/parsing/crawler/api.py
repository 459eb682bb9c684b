"""The worker's side of /internal/."""

import json
import logging
import random
import time

import httpx
import orjson

from apps.core.http import OutboundError, client

log = logging.getLogger(__name__)
ANYWHERE = ("0.0.0.0/0", "::/0")  # the operator names the API; it may stand in a private network
MAX_PAUSE = 30.0


class ApiUnavailable(Exception):
    """The API did not answer, or answered 5xx, as often as it was tried."""


class ApiRefused(Exception):
    """The API said no: `status`."""

    def __init__(self, status: int, sentence: str):
        super().__init__(f"{status}: {sentence}")
        self.status = status


def encoded(body: dict) -> bytes:
    """JSON of whatever spiders find: what it has no form for as text, and no odd character costs a batch."""
    try:
        return orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        # Halves of surrogate pairs, and numbers of more than 64 bits. The API mends what it can.
        return json.dumps(body, default=str).encode()


class Api:
    """Calls with retry and back-off. `patience`: seconds for which a call is tried."""

    def __init__(self, url: str, token: str, *, patience: float = 300.0, timeout: float = 60.0):
        self._client = client(
            base_url=f"{url.rstrip('/')}/internal/",
            timeout=timeout,
            allow_private=ANYWHERE,
            headers={"X-Internal-Token": token, "Content-Type": "application/json"},
        )
        self.patience = patience

    def post(self, path: str, body: dict, *, patience: float | None = None) -> dict:
        """The answer. Raises ApiRefused for a 4xx, ApiUnavailable once `patience` has run out."""
        content = encoded(body)
        until = time.monotonic() + (self.patience if patience is None else patience)
        pause = 0.5
        while True:
            try:
                answer = self._client.post(path, content=content)
                if 300 <= answer.status_code < 400:
                    place = answer.headers.get("Location", "elsewhere")
                    raise ApiRefused(answer.status_code, f"The API moved: give --api-url as {place} says.")
                if answer.status_code < 400:
                    return orjson.loads(answer.content)
                problem = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code < 500 and answer.status_code not in (408, 429):
                    raise ApiRefused(answer.status_code, answer.text[:1000])
            except (OutboundError, httpx.HTTPError, orjson.JSONDecodeError) as error:
                problem = str(error)
            if time.monotonic() + pause > until:
                raise ApiUnavailable(f"{path}: {problem}")
            log.warning("%s: %s; again in %.1f s", path, problem, pause)
            time.sleep(pause * random.uniform(0.7, 1.3))
            pause = min(MAX_PAUSE, pause * 2)

    def close(self) -> None:
        self._client.close()
