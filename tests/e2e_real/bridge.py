"""The plugin's side of a test: its page in wp-admin, and a stand-in for the product that notes what it is told."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from apps.core.errors import CODES
from apps.integration.clients.wordpress.signing import EVENT, signature_of

PAGE = "/wp-admin/options-general.php?page=igny8-bridge"


class Admin:
    """Somebody at the plugin's page in wp-admin."""

    def __init__(self, wordpress) -> None:
        self.http = httpx.Client(base_url=wordpress.url, trust_env=False, timeout=120, follow_redirects=True)
        user = wordpress.users["administrator"]
        self.http.get("/wp-login.php")
        self.http.post(
            "/wp-login.php", data={"log": user["login"], "pwd": user["password"], "testcookie": "1"}
        )

    def page(self) -> str:
        return self.http.get(PAGE).raise_for_status().text

    def press(self, button: str, **fields: str) -> str:
        """Presses a button of the page; returns the page that follows."""
        form = self.page()
        hidden = dict(re.findall(r'<input type="hidden"[^>]* name="([^"]+)" value="([^"]*)"', form))
        answer = self.http.post("/wp-admin/admin-post.php", data={**hidden, **fields, "do": button})
        return answer.raise_for_status().text

    def connect(self, base: str, key: str, user: int = 1) -> str:
        return self.press("connect", base=base, api_key=key, user_id=str(user))


class _Recorder(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/test_connection/"):
            return self._answer(200, {"connected": True, "message": "All is well."})
        if self.path.endswith("/integration/"):
            return self._answer(200, {"id": 7, "signing_secret": server.secret})
        told = json.loads(body)
        signed = signature_of(
            server.secret,
            word=EVENT,
            time=self.headers["X-Igny8-Timestamp"],
            nonce=told["event_id"],
            method="POST",
            host=self.headers["Host"],
            path=self.path,
            body=body,
        )
        assert self.headers["X-Igny8-Nonce"] == told["event_id"]
        assert self.headers["X-Igny8-Signature"] == signed
        assert self.headers["Authorization"] == "ApiKey ig8_test"
        status = server.answers.pop(0) if server.answers else 200
        if isinstance(status, tuple):  # of somebody else
            server.told.append((status[0], told))
            return self._send(*status)
        server.told.append((status, told))
        self._answer(status, {"event_id": told["event_id"], "stored": True})

    def _answer(self, status: int, data: dict) -> None:
        refusal = {"success": False, "error": "Not now.", "code": CODES[max(status, 400)]}
        self._send(status, json.dumps({"success": True, "data": data} if status < 300 else refusal))

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def recorder() -> Iterator[ThreadingHTTPServer]:
    """`.told` is what came as (status that it got, body), `.answers` the statuses of the next ones, or (status, text)
    of what somebody else answers in our place."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    server.secret, server.told, server.answers = "5ec2e7" * 8, [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
