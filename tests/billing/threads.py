"""Callers that start at the same moment, each with a database connection of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def beside(act) -> list:
    """Begins `act` in a thread of its own and returns once it waits for a lock of this one, or is done; its result
    comes into the list."""
    found: list = []

    def run():
        try:
            found.append(act())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    until = time.monotonic() + 20
    with connection.cursor() as cursor:
        while thread.is_alive() and time.monotonic() < until:
            cursor.execute(waits)
            if cursor.fetchone():
                break
            time.sleep(0.01)
    found.append(thread)
    return found


def end(found: list):
    [thread] = [f for f in found if isinstance(f, threading.Thread)]
    thread.join(timeout=30)
    found.remove(thread)
    return found[0]
