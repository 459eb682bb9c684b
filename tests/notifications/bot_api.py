"""A stand-in for Telegram's Bot API on loopback."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Takes what is sent; chats in `server.refusals` are answered with their (status, body)."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != f"/bot{self.server.token}/sendMessage":
            return self.answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        if body["chat_id"] in self.server.refusals:
            return self.answer(*self.server.refusals[body["chat_id"]])
        self.server.sent.append((body["chat_id"], body["text"]))
        self.answer(200, {"ok": True, "result": {"message_id": len(self.server.sent)}})

    def answer(self, status: int, body: dict | bytes) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


@contextmanager
def bot_api(token: str):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.token, server.sent, server.refusals = token, [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
