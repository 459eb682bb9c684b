"""One WordPress site: sends requests and takes answers, nothing more."""

import time
import uuid
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from apps.core.http import OutboundError, client
from apps.integration.clients.wordpress.errors import (
    WordPressError,
    error_of_answer,
    error_of_transport,
    json_of,
)
from apps.integration.clients.wordpress.signing import REQUEST, host_of, signature_of

MAX_BYTES = 20 * 1024 * 1024
ATTEMPTS = 3
LONGEST_WAIT = 15.0


class WordPress:
    """`url` is the site's address; `rest_root` where its REST API was found, else /wp-json under it. With `secret`
    requests are signed for the companion plugin; else they carry user and application password. With `finds_root` a
    read that finds no REST API goes on behind the parameter, where it stands when permalinks are switched off.

    Every method raises WordPressError. Reads and what may be done twice are tried again when the site is busy or the
    answer was lost; for what may not be, `once=True` leaves that to the caller.
    """

    def __init__(
        self,
        *,
        url: str,
        username: str = "",
        password: str = "",
        secret: str = "",
        rest_root: str = "",
        timeout: float = 30.0,
        attempts: int = ATTEMPTS,
        finds_root: bool = False,
    ) -> None:
        self._attempts, self._finds_root = attempts, finds_root
        self.url = url.rstrip("/")
        self.root = (rest_root or f"{self.url}/wp-json").rstrip("/")
        self._http = client(timeout=timeout, max_bytes=MAX_BYTES)
        self._auth = (username, password) if username and not secret else None
        self._secret = secret

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
        rows, headers = self._sent(False, "GET", path, params, {})
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
        if not self._secret:
            files = {"file": (name, content, mime)}
            return self.request("POST", "/wp/v2/media", once=True, files=files, data=fields)
        # PHP shows nobody the bytes of a form, so what is signed goes by itself, found again by its slug.
        headers = {"Content-Type": mime, "Content-Disposition": f'attachment; filename="{name}"'}
        slug = {"slug": fields["slug"]}
        medium = self.request(
            "POST", "/wp/v2/media", once=True, params=slug, content=content, headers=headers
        )
        return self.post(f"/wp/v2/media/{medium['id']}", fields)

    def xmlrpc_knows(self, username: str, password: str) -> bool | None:
        """Whether the login is right, by WordPress's older interface; None where that does not say."""
        values = "".join(
            f"<param><value><string>{escape(v)}</string></value></param>" for v in (username, password)
        )
        call = f"<methodCall><methodName>wp.getUsersBlogs</methodName><params>{values}</params></methodCall>"
        try:
            answer = self._http.post(
                f"{self.url}/xmlrpc.php", content=call.encode(), headers={"Content-Type": "text/xml"}
            )
        except OutboundError:
            return None
        if not answer.is_success or "<methodResponse>" not in answer.text:
            return None
        if "<fault>" not in answer.text:
            return True
        return False if "<int>403</int>" in answer.text else None

    def request(
        self, method: str, path: str, *, params: Mapping | None = None, once: bool = False, **body
    ) -> Any:
        """`path` begins with a slash and is below the REST API's root."""
        return self._sent(once, method, path, dict(params or {}), body)[0]

    def _sent(self, once: bool, method: str, path: str, params: dict, body: dict) -> tuple[Any, Mapping]:
        try:
            return self._retrying(once)(self._answer, method, path, params, body)
        except WordPressError as error:
            if method != "GET" or not self._is_behind_parameter(error):
                raise
        return self._retrying(once)(self._answer, method, path, params, body)

    def _is_behind_parameter(self, error: WordPressError) -> bool:
        """Whether the API that was not found under the usual address answers behind a parameter: from now on there."""
        absent = error.cause in ("rest_missing", "html", "redirect") and not error.code
        if not (self._finds_root and absent) or "rest_route=" in self.root:
            return False
        usual, self.root = self.root, f"{self.url}/index.php?rest_route="
        try:
            index = self._answer("GET", "/", {}, {})[0]
            if isinstance(index, dict) and "wp/v2" in index.get("namespaces", []):
                return True
        except WordPressError:
            pass
        self.root = usual
        return False

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
            response = self._http.send(self._request(method, url, params, body), auth=self._auth)
        except OutboundError as error:
            raise error_of_transport(error, self.host) from error
        if not response.is_success:
            raise error_of_answer(response)
        data = json_of(response.text)
        if data is None:
            raise error_of_answer(response)
        return data, response.headers

    def _request(self, method: str, url: str, params: dict, body: dict) -> httpx.Request:
        request = self._http.build_request(method, url, params=params, **body)
        if self._secret:
            sign(request, self._secret)
        return request


def sign(request: httpx.Request, secret: str) -> None:
    """For the companion plugin, which takes a request once: a repeated one needs another nonce."""
    now, nonce = str(int(time.time())), uuid.uuid4().hex
    signature = signature_of(
        secret,
        word=REQUEST,
        time=now,
        nonce=nonce,
        method=request.method,
        host=host_of(request.url.netloc.decode()),
        path=request.url.raw_path.decode(),
        body=request.read(),
    )
    headers = {"X-Igny8-Timestamp": now, "X-Igny8-Nonce": nonce, "X-Igny8-Signature": signature}
    request.headers.update(headers)


def _worth_another_try(error: BaseException, once: bool) -> bool:
    if not isinstance(error, WordPressError) or error.permanent:
        return False
    if (error.retry_after or 0) > LONGEST_WAIT:
        return False
    return not (once and error.maybe_done)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception()
    return error.retry_after or 0.5 * 2**state.attempt_number
