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
import statistics
import tempfile

from bench.serving import BIN, CONNECTIONS, GRANIAN, WSGI, environment, load, scratch_database, served
from config.embedded.state import free_ports

DATABASE = "bench_request"
ACCOUNTS, SITES = 100, 20
ROUNDS, SECONDS = int(os.environ.get("ROUNDS", 11)), float(os.environ.get("SECONDS", 2))
ROUTES = {"groups": "/api/v1/auth/groups/", "sites": f"/api/v1/auth/sites/?page_size={SITES}"}
MAX_QUERIES = 2
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
    server = environment(DATABASE)
    with contextlib.ExitStack() as stack:
        os.environ["STATIC_ROOT"] = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(scratch_database(server, DATABASE))
        tokens, queries = _prepare()
        ports = {}
        for (name, command), port in zip(SERVERS.items(), free_ports(len(SERVERS)), strict=True):
            settings = "bench.request_plain" if name == "plain" else "config.settings"
            stack.enter_context(served(command, port, settings))
            ports[name] = port
        print(f"{ROUNDS} rounds of {SECONDS:g} s, {CONNECTIONS} connections, {ACCOUNTS} accounts", flush=True)
        rates = _rounds(ports, tokens)
    _report(rates, queries)


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


def _rounds(ports: dict[str, int], tokens: list[str]) -> dict[tuple[str, str], list[float]]:
    """Requests a second of each (server, route), one number a round."""
    rates = {(name, route): [] for route in ROUTES for name in ports}
    order = list(rates)
    for name, route in order:  # warm: connections, caches of the code, plans
        load(ports[name], [ROUTES[route]], tokens, 0.7)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name, route in order:
            rates[name, route].append(load(ports[name], [ROUTES[route]], tokens, SECONDS))
    return rates


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
