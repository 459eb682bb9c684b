"""One WordPress site: sends requests and takes answers, nothing more."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from apps.core.http import OutboundError, client
from apps.integration.clients.wordpress.errors import (
    WordPressError,
    error_of_answer,
    error_of_transport,
    json_of,
)

MAX_BYTES = 20 * 1024 * 1024
ATTEMPTS = 3
LONGEST_WAIT = 15.0


class WordPress:
    """`url` is the site's address; `rest_root` where its REST API was found, else /wp-json under it.

    Every method raises WordPressError. Reads and what may be done twice are tried again when the site is busy or the
    answer was lost; for what may not be, `once=True` leaves that to the caller.
    """

    def __init__(
        self,
        *,
        url: str,
        username: str = "",
        password: str = "",
        rest_root: str = "",
        timeout: float = 30.0,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._attempts = attempts
        self.url = url.rstrip("/")
        self.root = (rest_root or f"{self.url}/wp-json").rstrip("/")
        self._http = client(timeout=timeout, max_bytes=MAX_BYTES)
        self._auth = (username, password) if username else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url

    def get(self, path: str, **params) -> Any:
        return self.request("GET", path, params=params)

    def listed(self, path: str, **params) -> tuple[list[dict], int | None]:
        """The rows of a list page, and how many there are in all: None where a proxy took that away."""
        rows, headers = self._retrying(False)(self._answer, "GET", path, params, {})
        total = headers.get("X-WP-Total", "")
        if not isinstance(rows, list):
            raise WordPressError("rejected", f"{self.host} gave no list where one was asked for.")
        return [row for row in rows if isinstance(row, dict)], int(total) if total.isdecimal() else None

    def post(self, path: str, data: Mapping, *, once: bool = False) -> Any:
        return self.request("POST", path, once=once, json=data)

    def delete(self, path: str) -> None:
        """For good, past the trash. What is gone already is deleted too."""
        try:
            self.request("DELETE", path, params={"force": "true"})
        except WordPressError as error:
            if not error.is_gone:
                raise

    def upload(self, *, name: str, mime: str, content: bytes, fields: Mapping[str, str]) -> Any:
        """A new medium. Not tried again: look whether it is there first."""
        files = {"file": (name, content, mime)}
        return self.request("POST", "/wp/v2/media", once=True, files=files, data=fields)

    def request(
        self, method: str, path: str, *, params: Mapping | None = None, once: bool = False, **body
    ) -> Any:
        """`path` begins with a slash and is below the REST API's root."""
        return self._retrying(once)(self._answer, method, path, dict(params or {}), body)[0]

    def _retrying(self, once: bool) -> Retrying:
        return Retrying(
            retry=retry_if_exception(lambda error: _worth_another_try(error, once)),
            stop=stop_after_attempt(self._attempts),
            wait=_wait,
            reraise=True,
        )

    def _answer(self, method: str, path: str, params: dict, body: dict) -> tuple[Any, Mapping[str, str]]:
        url = self.root + path
        if "rest_route=" in self.root:  # the API without permalinks: its path is a parameter
            url, _, route = self.root.partition("?rest_route=")
            params["rest_route"] = (route.rstrip("/") + path) or "/"
        try:
            response = self._http.request(method, url, params=params, auth=self._auth, **body)
        except OutboundError as error:
            raise error_of_transport(error, self.host) from error
        if not response.is_success:
            raise error_of_answer(response)
        data = json_of(response.text)
        if data is None:
            raise error_of_answer(response)
        return data, response.headers


def _worth_another_try(error: BaseException, once: bool) -> bool:
    if not isinstance(error, WordPressError) or error.permanent:
        return False
    if (error.retry_after or 0) > LONGEST_WAIT:
        return False
    return not (once and error.maybe_done)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception()
    return error.retry_after or 0.5 * 2**state.attempt_number
