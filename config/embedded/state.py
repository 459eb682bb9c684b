"""The one file of the embedded servers: ports, passwords and the secrets of this installation."""

import base64
import contextlib
import fcntl
import importlib.util
import json
import os
import random
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
DATABASE = USER = "igny8"
# Below Linux's ephemeral range, so that no outgoing connection takes the port while a server restarts.
PORTS = range(20000, 32000)


class EmbeddedError(RuntimeError):
    """An embedded server cannot be used; the message says what to do about it."""


@dataclass(frozen=True)
class State:
    """What state.json holds. Everything but the ports stays the same for the life of the installation."""

    database_port: int
    broker_port: int
    database_password: str
    broker_password: str
    secret_key: str
    field_encryption_key: str  # a Fernet key
    internal_api_token: str
    postgres_dir: str | None = None  # None: <state_dir>/postgres

    @property
    def database_url(self) -> str:
        return f"postgres://{USER}:{self.database_password}@{HOST}:{self.database_port}/{DATABASE}"

    @property
    def broker_url(self) -> str:
        return f"redis://:{self.broker_password}@{HOST}:{self.broker_port}/0"

    @property
    def cache_url(self) -> str:
        return f"redis://:{self.broker_password}@{HOST}:{self.broker_port}/1"


def state_dir() -> Path:
    """The folder of all that the embedded servers keep: IGNY8_DATA_DIR, else `.data` in the checkout."""
    return Path(os.environ.get("IGNY8_DATA_DIR") or REPOSITORY / ".data").absolute()


def new_state() -> State:
    database_port, broker_port = free_ports(2)
    return State(
        database_port=database_port,
        broker_port=broker_port,
        database_password=secrets.token_urlsafe(24),
        broker_password=secrets.token_urlsafe(24),
        secret_key=secrets.token_urlsafe(50),
        field_encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        internal_api_token=secrets.token_urlsafe(32),
    )


def read_state() -> State | None:
    """The stored state, None before the first start. EmbeddedError when it cannot be read."""
    path = state_dir() / "state.json"
    try:
        values = json.loads(path.read_text())
        return State(**{field.name: values[field.name] for field in fields(State)})
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise EmbeddedError(_not_ours(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EmbeddedError(
            f"{path} is damaged ({error!r}). Restore it, or delete {path.parent} to start empty."
        ) from error


def write_state(state: State) -> State:
    path = state_dir() / "state.json"
    new = path.with_suffix(".new")
    write_private(new, json.dumps(asdict(state), indent=2))
    new.replace(path)
    return state


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, never readable by others even for a moment."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold the lock under which servers are started and stopped and the state is written."""
    if sys.platform != "linux":
        raise EmbeddedError("The embedded servers need Linux: set DATABASE_URL and CELERY_BROKER_URL.")
    folder = state_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # PostgreSQL does not run as root: the user that it then runs as must be able to pass through.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise EmbeddedError(_not_ours(folder)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _not_ours(path: Path) -> str:
    return (
        f"{path} belongs to another user. Run as that user, or set IGNY8_DATA_DIR to a folder of your own, "
        "or set DATABASE_URL and CELERY_BROKER_URL."
    )


def live_pid(file: Path, *, cwd: Path) -> int | None:
    """The process that a pid file names, if it lives and works in the folder `cwd`.

    The folder tells our server from a stranger that got a dead server's number, as after a reboot.
    """
    try:
        pid = int(file.read_text().split("\n", 1)[0])
        return pid if os.path.samefile(f"/proc/{pid}/cwd", cwd) else None
    except (OSError, ValueError):
        return None


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    found = []
    for port in random.sample(PORTS, 500):
        if port_is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise EmbeddedError(f"No free ports between {PORTS.start} and {PORTS.stop} on {HOST}.")


def wait_until(done: Callable[[], object], *, seconds: float, message: str) -> None:
    """Poll until `done()` is true; EmbeddedError with the message after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise EmbeddedError(message)
        time.sleep(0.05)


def package_dir(name: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    if not spec or not spec.origin:
        raise EmbeddedError(
            f"The package {name} is not installed: run `make setup`, "
            "or set DATABASE_URL and CELERY_BROKER_URL to servers of your own."
        )
    return Path(spec.origin).parent


def tail(path: Path, lines: int = 5) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
