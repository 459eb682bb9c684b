"""python -m bench.request: what every request pays, over HTTP on loopback, one server process each.

Two routes: auth/groups/, which answers from memory and so costs nothing but the request itself, and a list of 20
sites. Three ways to serve them, on the same database and with the same tokens:

    ours     the product under granian
    plain    DRF as it comes (bench.request_plain) under granian with the same options
    fastapi  FastAPI and asyncpg (bench.request_fastapi), on uvloop under uvicorn and granian; the faster counts

100 accounts ask in turn, so that no rate limit is reached and DRF's throttle keeps lists of a usual length.
The rounds are interleaved; a ratio is the median of the rounds' ratios. `plain` and `fastapi` are those of
auth/groups/, `list_plain` and `list_fastapi` those of the sites, most of which is serializing rows.
ROUNDS= and SECONDS= (of one measurement) change the length.
"""

import contextlib
import os
import random
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import environ
import psycopg
from psycopg import sql

from config import embedded
from config.embedded.state import REPOSITORY, free_ports

DATABASE = "bench_request"
ACCOUNTS, SITES = 100, 20
CONNECTIONS = 8
ROUNDS, SECONDS = int(os.environ.get("ROUNDS", 11)), float(os.environ.get("SECONDS", 2))
ROUTES = {"groups": "/api/v1/auth/groups/", "sites": f"/api/v1/auth/sites/?page_size={SITES}"}
MAX_QUERIES = 2
BIN = Path(sys.executable).parent
GRANIAN = [BIN / "granian", "--workers", "1", "--log-level", "error"]
WSGI = [*GRANIAN, "--interface", "wsgi", "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600"]
SERVERS = {
    "ours": [*WSGI, "config.wsgi:application"],
    "plain": [*WSGI, "config.wsgi:application"],
    "fastapi on uvicorn": [
        BIN / "uvicorn",
        "--no-access-log",
        "--log-level",
        "warning",
        "bench.request_fastapi:app",
    ],
    "fastapi on granian": [*GRANIAN, "--interface", "asgi", "bench.request_fastapi:app"],
}


def main() -> None:
    server = _environment()
    with contextlib.ExitStack() as stack:
        os.environ["STATIC_ROOT"] = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(_scratch_database(server))
        tokens, queries = _prepare()
        ports = {}
        for (name, command), port in zip(SERVERS.items(), free_ports(len(SERVERS)), strict=True):
            stack.enter_context(_served(name, command, port))
            ports[name] = port
        print(f"{ROUNDS} rounds of {SECONDS:g} s, {CONNECTIONS} connections, {ACCOUNTS} accounts", flush=True)
        rates = _rounds(ports, tokens)
    _report(rates, queries)


def _environment() -> str:
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
        DATABASE_URL=urlsplit(server)._replace(path=f"/{DATABASE}").geturl(),
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
def _scratch_database(server: str) -> Iterator[None]:
    name = sql.Identifier(DATABASE)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield
        finally:
            connection.execute(drop)


def _prepare() -> tuple[list[str], dict[str, int]]:
    """Makes the tables and the rows; returns an access token per account, and the queries of each route."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from apps.accounts.models import Account, Site, User
    from apps.accounts.services.sessions import session_open

    call_command("migrate", interactive=False, verbosity=0)
    accounts = Account.objects.bulk_create(Account(name=f"Account {i}") for i in range(ACCOUNTS))
    users = User.objects.bulk_create(
        User(account=account, email=f"user{i}@example.com", role="owner", password="!")
        for i, account in enumerate(accounts)
    )
    Site.objects.bulk_create(
        Site(account=account, name=f"Site {i}", slug=f"site-{account.pk}-{i}", domain=f"site{i}.example.com")
        for account in accounts
        for i in range(SITES)
    )
    tokens = [session_open(user=user)["access"] for user in users]
    queries = {}
    for name, path in ROUTES.items():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = Client().get(path, headers={"Authorization": f"Bearer {tokens[0]}", "Host": "127.0.0.1"})
        assert answer.status_code == 200, answer.content
        queries[name] = len(captured)
    connection.close()
    assert queries["groups"] <= MAX_QUERIES, (
        f"a request costs {queries['groups']} queries, not {MAX_QUERIES} at most"
    )
    return tokens, queries


@contextlib.contextmanager
def _served(name: str, command: list, port: int) -> Iterator[None]:
    settings = "bench.request_plain" if name == "plain" else "config.settings"
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
                sys.exit(f"The server of {name} did not start: see above.")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _rounds(ports: dict[str, int], tokens: list[str]) -> dict[tuple[str, str], list[float]]:
    """Requests a second of each (server, route), one number a round."""
    rates = {(name, route): [] for route in ROUTES for name in ports}
    order = list(rates)
    for name, route in order:  # warm: connections, caches of the code, plans
        _load(ports[name], ROUTES[route], tokens, 0.7)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name, route in order:
            rates[name, route].append(_load(ports[name], ROUTES[route], tokens, SECONDS))
    return rates


def _load(port: int, path: str, tokens: list[str], seconds: float) -> float:
    """Requests a second over kept-alive connections, each of which asks again when it has its answer."""
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for token in tokens
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
        assert ready, f"port {port} did not answer {path} within 10 s"
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


def _complete(answer: bytes) -> bool:
    """Whether a whole answer is there. AssertionError when it is not a good one."""
    assert answer, "the server closed the connection"
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200 "), answer[:500]
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def _report(rates: dict[tuple[str, str], list[float]], queries: dict[str, int]) -> None:
    print(f"\n{'route':8}{'server':22}{'requests/s':>12}{'spread':>9}{'ours/it':>9}")
    ratios: dict[tuple[str, str], list[float]] = {}
    for (name, route), found in rates.items():
        ratio = statistics.median(o / r for o, r in zip(rates["ours", route], found, strict=True))
        quarters = statistics.quantiles(found, n=4)
        middle = statistics.median(found)
        spread = (quarters[2] - quarters[0]) / middle
        print(f"{route:8}{name:22}{middle:12.0f}{spread:9.0%}{ratio:9.2f}")
        ratios.setdefault((name.partition(" ")[0], route), []).append(ratio)
    print("queries of ours: " + ", ".join(f"{route} {n}" for route, n in queries.items()) + "\n")
    for prefix, route in (("list_", "sites"), ("", "groups")):
        for name in ("plain", "fastapi"):
            print(f"ratio {prefix}{name} {min(ratios[name, route]):.2f}")


if __name__ == "__main__":
    main()
