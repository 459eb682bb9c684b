"""Is every part there? Each check has its own thread and deadline, so that a part that hangs is told as such."""

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Overdue

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu import Connection

DEADLINE_SECONDS = 1.5
# Loads the broker's driver now: it takes longer than the deadline when the first check has to.
Connection(settings.CELERY_BROKER_URL).get_transport_cls()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return f"{waiting} migrations wait: run manage.py migrate" if waiting else ""


def _broker() -> str:
    with Connection(settings.CELERY_BROKER_URL, connect_timeout=1) as broker:
        broker.ensure_connection(max_retries=1, timeout=1)
    return ""


CHECKS = {"database": _database, "migrations": _migrations, "broker": _broker}
_pool = ThreadPoolExecutor(max_workers=2 * len(CHECKS), thread_name_prefix="health")


def _run(check) -> tuple[str, float]:
    began = time.monotonic()
    try:
        problem = check()
    except Exception as error:
        # The kind alone: the message may hold addresses, and this route is public.
        problem = type(error).__name__
    finally:
        connection.close()
    return problem, (time.monotonic() - began) * 1000


def health() -> tuple[bool, dict]:
    """(all well, {part: {ok, ms, problem}}); answers within two seconds whatever hangs."""
    until = time.monotonic() + DEADLINE_SECONDS
    parts = {}
    for name, future in [(n, _pool.submit(_run, check)) for n, check in CHECKS.items()]:
        try:
            problem, ms = future.result(timeout=max(0.0, until - time.monotonic()))
        except Overdue:
            problem, ms = "no answer in time", DEADLINE_SECONDS * 1000
        parts[name] = {"ok": not problem, "ms": round(ms, 1), "problem": problem}
    return all(p["ok"] for p in parts.values()), parts
