"""Callers that start at the same moment, each with a database connection of its own."""

import threading
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
