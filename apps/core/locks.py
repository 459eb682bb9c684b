"""Locks by name, shared by all processes, for work that no transaction may span."""

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, InterfaceError, connection

from apps.core.jobs import TemporaryError


class Busy(TemporaryError):
    """Somebody else holds the lock for too long."""


@contextmanager
def named_lock(name: str, *, wait: float = 30.0, poll: float = 0.1) -> Iterator[None]:
    """Holds the lock of this name, which ends with the process or its database connection. Raises Busy after `wait`
    seconds.

    It keeps two from working side by side; it proves nothing: who loses his connection goes on without it.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    until = time.monotonic() + wait
    while not _taken(key):
        if time.monotonic() > until:
            raise Busy("Somebody else is at it right now.")
        time.sleep(poll * (0.5 + random.random()))
    try:
        yield
    finally:
        with suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _taken(key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        return cursor.fetchone()[0]
