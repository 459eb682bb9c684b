"""Callers that start at the same moment, each with a database connection of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection


def at_once(n: int, function: Callable[[int], Any]) -> list[Any]:
    """What each of `n` calls gave: its result, or the exception it raised."""
    barrier = threading.Barrier(n)

    def call(i: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return function(i)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def beside(act: Callable[[], Any]) -> Future:
    """Begins `act` in a thread of its own and returns once it waits for a lock of this one, or is done."""

    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    # Not of pg_stat_activity, which stays as a transaction has first seen it.
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    until = time.monotonic() + 20
    with connection.cursor() as cursor:
        while not future.done() and time.monotonic() < until:
            cursor.execute(waits)
            if cursor.fetchone():
                break
            time.sleep(0.01)
    return future
