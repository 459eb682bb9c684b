"""The bound on a provider's concurrent calls, shared by all processes: session-level advisory locks.

A process that dies gives its slots back with its connection, so nothing has to be swept. It needs a connection
that stays with its session: no transaction-mode pooler in front of the workers.
"""

import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TAKE = "SELECT i FROM generate_series(0, %s - 1) AS i WHERE pg_try_advisory_lock(%s, i) LIMIT 1"


def _key(provider: str) -> int:
    return zlib.crc32(f"igny8.provider.{provider}".encode()) - 2**31


@contextmanager
def provider_slot(*, provider: str, limit: int, poll: float = 0.05) -> Iterator[int]:
    """Waits for one of `limit` slots of the provider and holds it."""
    key = _key(provider)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [limit, key])
            row = cursor.fetchone()
        if row:
            break
        time.sleep(poll * (0.5 + random.random()))
    try:
        yield row[0]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [key, row[0]])
