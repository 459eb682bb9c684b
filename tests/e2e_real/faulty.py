"""A proxy in front of WordPress that breaks answers by a plan, or by chance."""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on, and breaks the answers that `plan` names: how often a route was asked, and what to do."""

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.server.kind(self.command, self.path)
        with self.server.guard:
            self.server.seen[kind] = number = self.server.seen.get(kind, 0) + 1
            fault = self.server.plan.get((kind, number)) or self.server.by_chance(kind)
            self.server.faults[fault] += 1
        if fault == "reset":  # before anything was done
            return self._break_off()
        if fault == "busy":
            return self.answer(429, b"{}", {"Retry-After": "1"})
        if fault == "down":
            return self.answer(503, b"<html>maintenance</html>", {})
        if fault == "error":
            return self.answer(500, b"<html>Internal Server Error</html>", {})
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in ("accept-encoding", "connection")
        }
        if fault == "late":  # it will be done, after everybody has stopped waiting
            self._break_off()
            time.sleep(self.server.late_seconds)
        upstream = self.server.http.request(
            self.command, self.server.upstream + self.path, content=body, headers=headers, timeout=120
        )
        if fault == "late":
            return None
        if fault == "lost":  # it was done, and nobody hears of it
            self.close_connection = True
            return self.connection.close()
        content = upstream.content
        if fault == "cut":
            content = content[: len(content) // 2]
        if fault == "hang":  # it was done, and the answer comes when nobody waits for it any more
            time.sleep(40)
        self.answer(upstream.status_code, content, {
            k: v for k, v in upstream.headers.items()
            if k.lower() in ("content-type", "location", "x-wp-total", "allow")
        })  # fmt: skip

    do_GET = do_POST = do_DELETE = do_OPTIONS = do_PUT = handle_any

    def _break_off(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def handle(self):
        try:
            super().handle()
        except (OSError, httpx.HTTPError):  # whoever asked was killed, or we broke off
            self.close_connection = True

    def finish(self):
        with suppress(OSError, ValueError):
            super().finish()

    def answer(self, status, content, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def kind_of(method: str, path: str) -> str:
    """create, upload and update of posts and media; else the method."""
    last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    if method != "POST":
        return method
    return {"posts": "create", "media": "upload", "categories": "term", "tags": "term"}.get(last, "update")


class Server(ThreadingHTTPServer):
    """`plan` says by (kind, number) what to do, `rates` by fault how often it happens; `seen` and `faults` count."""

    request_queue_size = 100

    def __init__(self, upstream: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Proxy)
        self.upstream, self.plan, self.seen, self.guard = upstream, {}, {}, threading.Lock()
        self.rates: dict[str, float] = {}
        self.faults: Counter = Counter()
        self.chance, self.late_seconds = random.Random(seed), 3.0
        self.http = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def by_chance(self, kind: str) -> str | None:
        at = self.chance.random()
        for fault, rate in self.rates.items():
            if at < rate:
                # What comes late is a matter of what makes something.
                return fault if fault != "late" or kind in ("create", "upload") else "reset"
            at -= rate
        return None


@contextmanager
def faulty_proxy(upstream: str, seed: int = 0) -> Iterator[Server]:
    """Serves `upstream` at `.url`."""
    server = Server(upstream, seed)
    server.kind, server.url = kind_of, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
