"""The transport: resolve, judge, connect to what was judged; count bytes and seconds."""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from apps.core.http.addresses import Address, AllowList, literal, permitted, plain, target
from apps.core.http.errors import (
    AddressRefused,
    BadAnswer,
    CannotConnect,
    OutboundError,
    ResponseTooLarge,
    TimedOut,
)
from apps.core.http.inflate import inflated

MAX_REDIRECTS = 5


class _TimeLeft:
    """Stands where httpcore expects seconds: it hands time-outs on to our streams untouched, and a plain
    number could not shrink between the many small reads of a server that drips."""

    def __init__(self, step: float | None, end: float) -> None:
        self.step = step
        self.end = end

    def seconds(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole exchange is used up")
        return left if self.step is None else min(self.step, left)


class _Stream(httpcore.NetworkStream):
    _WRITE_STEP = 16 * 1024

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: _TimeLeft) -> bytes:
        return self._inner.read(max_bytes, timeout.seconds())

    def write(self, buffer: bytes, timeout: _TimeLeft) -> None:
        for at in range(0, len(buffer), self._WRITE_STEP):
            self._inner.write(buffer[at : at + self._WRITE_STEP], timeout.seconds())

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str, timeout: _TimeLeft) -> "_Stream":
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout.seconds()))

    def get_extra_info(self, info: str):
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Resolves, judges, and connects to an address that passed."""

    def __init__(self, allow: AllowList) -> None:
        self._allow = allow
        self._sync = httpcore.SyncBackend()

    def connect_tcp(self, host, port, timeout, local_address=None, socket_options=None) -> _Stream:
        host = plain(host)
        found = literal(host) or _resolve(host, port, timeout.seconds())
        addresses = permitted(host, port, found, self._allow)
        for index, address in enumerate(addresses):
            # A dead first address must leave time for the others.
            seconds = timeout.seconds() / (len(addresses) - index)
            try:
                stream = self._sync.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
                continue
            reached = ipaddress.ip_address(stream.get_extra_info("server_addr")[0])
            if reached != address:
                stream.close()
                raise AddressRefused(f"{host}:{port} was to be reached at {address}, not at {reached}.")
            return _Stream(stream)
        raise failure


def _resolve(host: str, port: int, seconds: float) -> list[Address]:
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            answers.put(exc)

    # getaddrinfo knows no time-out, so it waits in a thread of its own.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise httpcore.ConnectTimeout(f"no answer of the DNS for {host}") from None
    if isinstance(answer, Exception):
        raise CannotConnect(
            f"The name {host} could not be resolved: check the spelling of the address.",
            reason="dns",
            permanent=getattr(answer, "errno", None) == socket.EAI_NONAME,
        ) from answer
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in answer))


class OutboundClient(httpx.Client):
    def __init__(self, *, total: float, **options) -> None:
        super().__init__(**options)
        self._total = total

    def build_request(self, *args, **options) -> httpx.Request:
        try:
            return super().build_request(*args, **options)
        except httpx.InvalidURL as exc:
            raise AddressRefused(f"This is not a valid address: {exc}") from exc

    def send(self, request: httpx.Request, **options) -> httpx.Response:
        # httpx copies the extensions to the requests that redirects make: the end is one for all hops.
        request.extensions["end"] = time.monotonic() + self._total
        try:
            return super().send(request, **options)
        except OutboundError:
            raise
        except httpx.TooManyRedirects as exc:
            raise BadAnswer(
                f"{request.url.host} redirects more than {MAX_REDIRECTS} times.", permanent=True
            ) from exc
        except httpx.RemoteProtocolError as exc:
            raise BadAnswer(f"{request.url.host} redirects to an invalid address.", permanent=True) from exc


class OutboundTransport(httpx.BaseTransport):
    def __init__(self, *, allow: AllowList, max_bytes: int, tls: ssl.SSLContext) -> None:
        self._max_bytes = max_bytes
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Backend(allow),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host, _ = target(request.url)
        steps = request.extensions.get("timeout", {})
        end = request.extensions["end"]
        timeouts = {name: _TimeLeft(steps.get(name), end) for name in ("connect", "read", "write")}
        with _translated(host):
            timeouts["pool"] = _TimeLeft(steps.get("pool"), end).seconds()
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=host.encode(),
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={**request.extensions, "timeout": timeouts},
                )
            )
        headers = httpx.Headers(answer.headers)
        has_body = request.method != "HEAD" and answer.status not in (204, 304)
        encoding = headers.get("content-encoding", "").strip().lower() if has_body else ""
        try:
            if has_body and int(headers.get("content-length", 0)) > self._max_bytes:
                raise ResponseTooLarge(host, self._max_bytes)
            if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
                raise BadAnswer(
                    f'{host} answered in the encoding "{encoding[:40]}", which was not asked for.'
                )
        except OutboundError:
            answer.close()
            raise
        packed = encoding not in ("", "identity")
        if packed:
            # Unpacked here, bit by bit, so that a small body cannot become a huge one in memory.
            del headers["content-encoding"]
            headers.pop("content-length", None)
        return httpx.Response(
            answer.status,
            headers=headers,
            stream=_Body(answer, host=host, limit=self._max_bytes, packed=packed),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, *, host: str, limit: int, packed: bool) -> None:
        self._answer = answer
        self._host = host
        self._limit = limit
        self._packed = packed

    def __iter__(self) -> Iterator[bytes]:
        with _translated(self._host):
            body = self._limited(self._answer.iter_stream())
            if self._packed:
                body = self._limited(inflated(body, self._host))
            yield from body

    def _limited(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        total = 0
        for chunk in chunks:
            total += len(chunk)
            if total > self._limit:
                raise ResponseTooLarge(self._host, self._limit)
            yield chunk

    def close(self) -> None:
        with _translated(self._host):
            self._answer.close()


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """httpcore's errors as ours."""
    try:
        yield
    except httpcore.TimeoutException as exc:
        raise TimedOut(host) from exc
    except httpcore.NetworkError as exc:
        # The pool drops the cause, but the error was made of it.
        raise _network_error(host, exc.args[0] if exc.args else None) from exc
    except httpcore.RemoteProtocolError as exc:
        raise BadAnswer(f"The answer of {host} is incomplete or not HTTP: {exc}") from exc
    except httpcore.ProtocolError as exc:
        raise OutboundError(
            f"The request to {host} could not be written: {exc}", reason="request", permanent=True
        ) from exc


def _network_error(host: str, cause: object) -> CannotConnect:
    match cause:
        case ssl.SSLCertVerificationError():
            detail = cause.verify_message
            return CannotConnect(
                f"The certificate of {host} is not valid: {detail}.", reason="tls", permanent=True
            )
        case ssl.SSLError():
            return CannotConnect(f"No secure connection to {host}: {cause}.", reason="tls", permanent=False)
        case ConnectionRefusedError():
            return CannotConnect(
                f"{host} refused the connection: nothing listens there.", reason="refused", permanent=False
            )
        case ConnectionError():
            return CannotConnect(f"{host} broke off the connection.", reason="reset", permanent=False)
    return CannotConnect(f"{host} cannot be reached: {cause}.", reason="unreachable", permanent=False)
