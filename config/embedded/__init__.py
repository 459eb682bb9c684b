"""PostgreSQL and Valkey out of their Python packages: for development, tests and small installations.

Settings call `ensure()` for whatever DATABASE_URL or CELERY_BROKER_URL does not name. The servers are daemons
on loopback, protected by generated passwords; they outlive the process that started them until `stop()`.

Only the standard library is used: settings.py imports this package before Django is configured.
"""

import signal
import sys
import time

from . import postgres, valkey
from .state import EmbeddedError, State, locked, new_state, read_state, state_dir, write_state

__all__ = ["EmbeddedError", "State", "ensure", "keep", "state_dir", "status", "stop"]


def ensure(*, database: bool = True, broker: bool = True) -> State:
    """Start what is asked for and down, and return the state. Costs milliseconds when all is up.

    Safe to call from many processes at once. Raises EmbeddedError when a server cannot be started.
    """
    state = read_state()
    if state and (not database or postgres.is_up(state)) and (not broker or valkey.is_up(state)):
        return state
    with locked():
        state = read_state() or write_state(new_state())
        if database and not postgres.is_up(state):
            state = postgres.start(state)
        if broker and not valkey.is_up(state):
            state = valkey.start(state)
    return state


def stop() -> None:
    """Stop both servers cleanly; what is down already is no error."""
    if state := read_state():
        with locked():
            valkey.stop()
            postgres.stop(state)


def status() -> dict[str, bool]:
    """Which of the two answers, by name."""
    state = read_state()
    return {
        "postgres": bool(state and postgres.is_up(state)),
        "valkey": bool(state and valkey.is_up(state)),
    }


def keep(*, database: bool = True, broker: bool = True) -> None:
    """Hold the servers up until SIGTERM or SIGINT, then stop both: one that died is back within seconds."""
    stopping = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    while not stopping:
        try:
            ensure(database=database, broker=broker)
        except EmbeddedError as error:
            print(error, file=sys.stderr, flush=True)
        time.sleep(1)
    stop()
