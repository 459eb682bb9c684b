"""llmock, which speaks OpenAI's API, with a proxy before it: faults by plan, and those that llmock cannot do."""

import base64
import io
import itertools
import json
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from PIL import Image

from config.embedded.state import free_ports
from tests.e2e_real import author

# By llmock: the HTTP errors, what the model says, how it ends, how long it takes.
OF_LLMOCK = ("limited", "error", "overloaded", "cut", "malformed", "empty", "slow")
# By the proxy: what happens to an answer on its way.
OF_PROXY = ("unsaid", "half_body", "lost", "page", "dropped")
FAULTS = OF_LLMOCK + OF_PROXY
SLOW_SECONDS = 4.0


@dataclass
class Llm:
    """`url` is what OPENAI_BASE_URL takes. `asked` counts questions, `faulted` faults by name."""

    llmock: str
    url: str = ""
    key: str = "sk-e2e-test"
    asked: int = 0
    faulted: Counter = field(default_factory=Counter)
    _plan: Callable[[int], str | None] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: itertools.count = field(default_factory=itertools.count)

    @property
    def environment(self) -> dict[str, str]:
        """For processes of the product."""
        host = self.url.split("/")[2]
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": self.key, "OUTBOUND_ALLOW_PRIVATE": host}

    def use(self, settings) -> None:
        """For the product in this process: `settings` is pytest-django's."""
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = self.url, self.key
        settings.OUTBOUND_ALLOW_PRIVATE = [*settings.OUTBOUND_ALLOW_PRIVATE, self.url.split("/")[2]]

    def reset(self) -> None:
        with self._lock:
            self.asked, self.faulted, self._plan = 0, Counter(), lambda _: None
        httpx.post(f"{self.llmock}/_llmock/reset", trust_env=False).raise_for_status()

    def faults(self, *names: str) -> None:
        """The next answers have these faults, one each; those after them have none."""
        ahead = list(names)
        self._plan = lambda _: ahead.pop(0) if ahead else None

    def always(self, name: str) -> None:
        self._plan = lambda _: name

    def every(self, n: int, names: Sequence[str] = FAULTS, seed: int = 1) -> None:
        """Every n-th answer has a fault of `names`, by chance."""
        chance = random.Random(seed)
        self._plan = lambda count: chance.choice(names) if count % n == 0 else None

    def _next(self) -> tuple[str | None, int]:
        with self._lock:
            self.asked += 1
            fault = self._plan(self.asked)
            if fault:
                self.faulted[fault] += 1
            return fault, next(self._numbers)

    def behaviours(self, fault: str | None, said: str | None, model: str) -> list[dict]:
        """What llmock is told to do with the request of this model name, which no other request has."""
        which = {"match": {"model": model}}
        half = said[: len(said) // 2] if said else ""
        match fault:
            case "limited":
                return [{"type": "fail", "status": 429, "retry_after": 1, **which}]
            case "error":
                return [{"type": "fail", "status": 500, **which}]
            case "overloaded":
                return [{"type": "fail", "status": 503, "retry_after": 1, **which}]
        told: list[dict] = []
        if fault == "slow":
            told.append({"type": "delay", "seconds": SLOW_SECONDS, **which})
        if said is not None:
            reply = {"type": "reply", "text": said, "finish_reason": "stop", **which}
            if fault in ("cut", "unsaid"):
                reply |= {"text": half, "finish_reason": "length"}
            elif fault == "malformed":
                reply |= {"text": half + "…"}
            elif fault == "empty":
                reply |= {"text": " "}
            told.append(reply)
        return told


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    llm: Llm
    upstream: httpx.Client

    def do_GET(self) -> None:
        self._pass_on(self.upstream.get(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault, number = self.llm._next()
        if self.path.endswith("/images/generations"):
            if fault in ("limited", "error", "overloaded"):
                self._send(503 if fault == "overloaded" else 429 if fault == "limited" else 500, b"{}")
            else:
                self._send(200, _picture(body))
            return
        said = author.answer(body.get("messages") or [])
        asked_for, model = body.get("model"), f"{body.get('model')}-{number}"
        if told := self.llm.behaviours(fault, said, model):
            self.upstream.post("/_llmock/scenario", json={"behaviors": told}).raise_for_status()
        answer = self.upstream.post(self.path, json={**body, "model": model})
        content = answer.content.replace(model.encode(), str(asked_for).encode())
        match fault:
            case "unsaid":  # what is left of a stream that just ended
                data = json.loads(content)
                data["choices"][0]["finish_reason"] = None
                self._send(200, json.dumps(data).encode())
            case "half_body":  # whole as HTTP, half as JSON
                self._send(200, content[: len(content) // 2])
            case "lost":  # the connection ends in the middle
                self._send(200, content[: len(content) // 2], length=len(content))
                self._drop()
            case "page":
                self._send(200, b"<html><body>Be right back!</body></html>", mime="text/html")
            case "dropped":
                self._drop()
            case _:
                self._pass_on(answer, content)

    def _pass_on(self, answer: httpx.Response, content: bytes | None = None) -> None:
        kept = {k: v for k, v in answer.headers.items() if k.startswith(("retry-after", "x-", "openai-"))}
        mime = answer.headers.get("content-type", "application/json")
        self._send(answer.status_code, answer.content if content is None else content, mime=mime, **kept)

    def _send(
        self,
        status: int,
        content: bytes,
        *,
        mime: str = "application/json",
        length: int | None = None,
        **more: str,
    ) -> None:
        self.send_response(status)
        for name, value in {
            **more,
            "Content-Type": mime,
            "Content-Length": str(length or len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _drop(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args) -> None:
        pass


def _picture(body: dict) -> bytes:
    """llmock's images are SVG, which the product refuses."""
    width, height = (int(side) for side in str(body.get("size") or "1024x1024").split("x"))
    color = zlib.crc32(str(body.get("prompt")).encode()) & 0xFFFFFF
    data = io.BytesIO()
    Image.new("RGB", (width, height), f"#{color:06x}").save(data, "PNG")
    encoded = base64.b64encode(data.getvalue()).decode()
    return json.dumps({"created": int(time.time()), "data": [{"b64_json": encoded}]}).encode()


class Serving:
    """llmock as a process and the proxy as a thread, while the `with` lasts."""

    def __enter__(self) -> Llm:
        port = free_ports(1)[0]
        program = Path(sys.executable).parent / "llmock"
        assert program.exists(), "llmock is not installed: python3 scripts/setup.py e2e.txt"
        command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        llm = Llm(f"http://127.0.0.1:{port}")
        until = time.monotonic() + 60
        while True:
            try:
                llm.reset()
                break
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < until, "llmock did not start"
                time.sleep(0.1)
        handler = type(
            "Handler",
            (Proxy,),
            {"llm": llm, "upstream": httpx.Client(base_url=llm.llmock, trust_env=False, timeout=60)},
        )
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        llm.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return llm

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.process.terminate()
        self.process.wait(timeout=20)
