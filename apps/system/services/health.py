"""Is every part there? Each check has its own thread and deadline, so that a part that hangs is told as such."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Overdue
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu import Connection

from apps.core.queues import Queue
from apps.system.services.heartbeats import BEAT, LATE_SECONDS, heartbeat_ages, queue_name

DEADLINE_SECONDS = 1.5
# An answer is shared by those who ask within it: the route is public, and its checks are not free.
FRESH_SECONDS = 1.0
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


def _age(seconds: float | None) -> str:
    return "never seen" if seconds is None else f"last seen {seconds:,.0f} s ago"


def _late(seconds: float | None) -> bool:
    return seconds is None or seconds > LATE_SECONDS


def _workers() -> str:
    """A worker that serves no queue of another leaves that one without work done."""
    ages = heartbeat_ages()
    late = [f"{queue} {_age(ages[queue_name(queue)])}" for queue in Queue if _late(ages[queue_name(queue)])]
    return f"no worker for: {', '.join(late)}" if late else ""


def _beat() -> str:
    age = heartbeat_ages()[BEAT]
    return _age(age) if _late(age) else ""


def _storage() -> str:
    """Written, read and deleted again, as an image is."""
    name = default_storage.save(f"health/{uuid.uuid4().hex}", ContentFile(b"ok"))
    try:
        with default_storage.open(name) as file:
            return "" if file.read() == b"ok" else "what was written is not what is read"
    finally:
        default_storage.delete(name)


def _disk() -> str:
    place = Path(settings.MEDIA_ROOT)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 1024**2
    if free < settings.DISK_MIN_FREE_MB:
        return f"{free:,} MB are free, fewer than {settings.DISK_MIN_FREE_MB:,}"
    return ""


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "workers": _workers,
    "beat": _beat,
    "storage": _storage,
    "disk": _disk,
}


class _Running:
    """One check in its thread, and when it began and ended."""

    def __init__(self, check: Callable[[], str]):
        self.check = check
        self.began = time.monotonic()
        self.ended = 0.0
        self.problem: Future[str] = Future()
        threading.Thread(target=self._run, daemon=True, name=f"health{check.__name__}").start()

    def _run(self) -> None:
        try:
            problem = self.check()
        except Exception as error:
            # The kind alone: the message may hold addresses, and this route is public.
            problem = type(error).__name__
        finally:
            connection.close()
        self.ended = time.monotonic()
        self.problem.set_result(problem)

    @property
    def is_stale(self) -> bool:
        return bool(self.ended) and time.monotonic() - self.ended > FRESH_SECONDS


_running: dict[str, _Running] = {}
_lock = threading.Lock()


def _current(name: str) -> _Running:
    """The check that runs or has just ended: one that hangs is waited for, not begun beside itself."""
    with _lock:
        running = _running.get(name)
        if running is None or running.is_stale or running.check is not CHECKS[name]:
            running = _running[name] = _Running(CHECKS[name])
        return running


def health() -> tuple[bool, dict]:
    """(all well, {part: {ok, ms, problem}}); answers within two seconds whatever hangs."""
    until = time.monotonic() + DEADLINE_SECONDS
    parts = {}
    for name, running in [(name, _current(name)) for name in CHECKS]:
        try:
            problem = running.problem.result(timeout=max(0.0, until - time.monotonic()))
            ms = (running.ended - running.began) * 1000
        except Overdue:
            ms = (time.monotonic() - running.began) * 1000
            problem = "no answer in time"
        parts[name] = {"ok": not problem, "ms": round(ms, 1), "problem": problem}
    return all(p["ok"] for p in parts.values()), parts
