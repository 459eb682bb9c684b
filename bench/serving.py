"""Servers of a benchmark on loopback, on a scratch database of their own, and a client that asks them."""

import contextlib
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import environ
import psycopg
from psycopg import sql

from config import embedded
from config.embedded.state import REPOSITORY

CONNECTIONS = 8
BIN = Path(sys.executable).parent
GRANIAN = [BIN / "granian", "--workers", "1", "--log-level", "error"]
WSGI = [*GRANIAN, "--interface", "wsgi", "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600"]


def environment(database: str) -> str:
    """Sets what the servers and this process shall see; returns the URL of the database server."""
    environ.Env.read_env(REPOSITORY / ".env")
    wanted = {
        "database": not os.environ.get("DATABASE_URL"),
        "broker": not os.environ.get("CELERY_BROKER_URL"),
    }
    state = embedded.ensure(**wanted) if any(wanted.values()) else None
    server = os.environ.get("DATABASE_URL") or state.database_url
    os.environ.setdefault(
        "BENCH_CACHE_URL", state.cache_url if wanted["broker"] else os.environ["CELERY_BROKER_URL"]
    )
    os.environ.update(
        DATABASE_URL=urlsplit(server)._replace(path=f"/{database}").geturl(),
        SECRET_KEY="only for this benchmark, and long enough for HS256",
        FIELD_ENCRYPTION_KEYS="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        JWT_SIGNING_KEY="",
        RATE_LIMIT_GENERAL="100000",
        ACCESS_TOKEN_MINUTES="60",
        PUBLIC_URL="http://127.0.0.1",
        HTTPS="false",
        DEBUG="false",
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    return server


@contextlib.contextmanager
def scratch_database(server: str, database: str) -> Iterator[None]:
    name = sql.Identifier(database)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield
        finally:
            connection.execute(drop)


@contextlib.contextmanager
def served(command: list, port: int, settings: str) -> Iterator[int]:
    """The server's process id, once it answers."""
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[-1]} did not start with {settings}: see above.")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def database_process(server: str) -> int:
    """The process that all of the database server's are children of; 0 when it runs on another machine."""
    with psycopg.connect(server) as connection, contextlib.suppress(OSError):
        name, parent, _ = _stat(connection.info.backend_pid)
        return parent if name.startswith("postgres") else 0
    return 0


def cpu_seconds(*roots: int) -> float:
    """What these processes have used of the CPU, with their children and those that have ended."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        with contextlib.suppress(OSError):  # ended meanwhile
            _, parent, ticks[pid] = _stat(pid)
            children.setdefault(parent, []).append(pid)
    waiting, total = [root for root in roots if root], 0
    while waiting:
        pid = waiting.pop()
        total += ticks.get(pid, 0)
        waiting += children.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> tuple[str, int, int]:
    """Name, parent and clock ticks of a process."""
    head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    fields = rest.split()
    return head.partition("(")[2], int(fields[1]), sum(map(int, fields[11:15]))


def load(port: int, paths: list[str], tokens: list[str], seconds: float) -> float:
    """Requests a second over kept-alive connections, each of which asks again when it has its answer."""
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for path, token in _paired(paths, tokens)
    ]
    selector, buffers, done = selectors.DefaultSelector(), {}, 0
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        buffers[connection] = b""
    started = time.perf_counter()
    for i, connection in enumerate(buffers):
        connection.sendall(requests[i % len(requests)])
    sent = CONNECTIONS
    while time.perf_counter() - started < seconds:
        ready = selector.select(10)
        assert ready, f"port {port} did not answer {paths[0]} within 10 s"
        for key, _ in ready:
            buffers[key.fileobj] += key.fileobj.recv(65536)
            if _complete(buffers[key.fileobj]):
                buffers[key.fileobj] = b""
                done += 1
                key.fileobj.sendall(requests[sent % len(requests)])
                sent += 1
    elapsed = time.perf_counter() - started
    for connection in buffers:
        connection.close()
    selector.close()
    return done / elapsed


def _paired(paths: list[str], tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Each path and each token as often as the others, in turn."""
    for n in range(math.lcm(len(paths), len(tokens))):
        yield paths[n % len(paths)], tokens[n % len(tokens)]


def _complete(answer: bytes) -> bool:
    """Whether a whole answer is there. AssertionError when it is not a good one."""
    assert answer, "the server closed the connection"
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200 "), answer[:500]
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)
