"""A proxy in front of WordPress that breaks answers by a plan."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on, and breaks the answers that `plan` names: how often a route was asked, and what to do."""

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.server.kind(self.command, self.path)
        with self.server.guard:
            self.server.seen[kind] = number = self.server.seen.get(kind, 0) + 1
        fault = self.server.plan.get((kind, number))
        if fault == "busy":
            return self.answer(429, b"{}", {"Retry-After": "1"})
        if fault == "down":
            return self.answer(503, b"<html>maintenance</html>", {})
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in ("accept-encoding", "connection")
        }
        upstream = httpx.request(
            self.command, self.server.upstream + self.path, content=body, headers=headers, timeout=60
        )
        if fault == "lost":  # it was done, and nobody hears of it
            self.close_connection = True
            return self.connection.close()
        content = upstream.content
        if fault == "cut":
            content = content[: len(content) // 2]
        self.answer(upstream.status_code, content, {
            k: v for k, v in upstream.headers.items()
            if k.lower() in ("content-type", "location", "x-wp-total", "allow")
        })  # fmt: skip

    do_GET = do_POST = do_DELETE = do_OPTIONS = do_PUT = handle_any

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


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[ThreadingHTTPServer]:
    """Serves `upstream` at `.url`; `.plan` says by (kind, number) what to do, `.seen` counts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.upstream, server.plan, server.seen, server.guard = upstream, {}, {}, threading.Lock()
    server.kind, server.url = kind_of, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
