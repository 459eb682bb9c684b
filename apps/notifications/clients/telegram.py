"""Telegram's Bot API, as far as it is needed: messages of plain text."""

from urllib.parse import urlsplit

from apps.core import http

MAX_TEXT = 4096  # characters of one message


class TelegramError(Exception):
    """`str()` says what went wrong, never the token. permanent: this message can not arrive. retry_after: seconds.
    moved_to: the chat's new id, as a group has one that became a supergroup.
    """

    def __init__(
        self,
        sentence: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        moved_to: int | None = None,
    ):
        super().__init__(sentence)
        self.permanent = permanent
        self.retry_after = retry_after
        self.moved_to = moved_to


class TelegramClient:
    """One bot. A context manager, for its connections; may be used by one thread at a time."""

    def __init__(self, token: str, *, base_url: str, timeout: float = 10.0):
        """base_url: "https://api.telegram.org", or a Bot API server of the operator's own, which may be private."""
        url = urlsplit(base_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        self._path = f"/bot{token}"
        self._http = http.client(
            base_url=base_url.rstrip("/"),
            timeout=timeout,
            max_bytes=1024 * 1024,
            allow_private=[f"{url.hostname}:{port}"],
        )

    def __enter__(self) -> "TelegramClient":
        self._http.__enter__()
        return self

    def __exit__(self, *exc) -> None:
        self._http.__exit__(*exc)

    def send_message(self, chat_id: int, text: str) -> int:
        """Sends a text of at most MAX_TEXT characters and returns the message's id. Raises TelegramError."""
        body = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        try:
            response = self._http.post(f"{self._path}/sendMessage", json=body)
        except http.OutboundError as error:
            raise TelegramError(str(error)) from error
        try:
            answer = response.json()
            if response.status_code == 200 and answer["ok"]:
                return int(answer["result"]["message_id"])
            description = str(answer["description"])[:300]
        except (ValueError, KeyError, TypeError):
            raise TelegramError(
                f"Telegram answered {response.status_code} with something that is not its API's."
            ) from None
        raise TelegramError(
            f"Telegram refused: {description}",
            # 400: no such chat; 403: blocked by the user. 401 and 404 are a wrong token, which the operator can mend.
            permanent=response.status_code in (400, 403),
            retry_after=_seconds(answer) if response.status_code == 429 else None,
            moved_to=_number(answer, "migrate_to_chat_id") if response.status_code == 400 else None,
        )


def _number(answer: dict, name: str) -> int | None:
    parameters = answer.get("parameters")
    value = parameters.get(name) if isinstance(parameters, dict) else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(answer: dict) -> float | None:
    seconds = _number(answer, "retry_after")
    return None if seconds is None else min(float(max(1, seconds)), 3600.0)
