"""What is kept of the parts: ports, passwords, and where all lies."""

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from config.embedded.state import free_ports, port_is_free, state_dir, write_private

ROLES = ("administrator", "author", "contributor")


@dataclass(frozen=True)
class Secrets:
    """Ports and passwords. A port changes when a stranger has taken it while its server was down."""

    wordpress_port: int
    rabbitmq_port: int
    rabbitmq_node_port: int
    rabbitmq_names_port: int
    rabbitmq_password: str
    wordpress_salt: str
    passwords: dict[str, str]  # of the WordPress users, by role


def folder() -> Path:
    return state_dir() / "e2e"


@contextmanager
def locked() -> Iterator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    folder().chmod(0o700)
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load() -> Secrets:
    """Those of the last start, or new ones. The caller holds the lock."""
    path = folder() / "secrets.json"
    if path.exists():
        return Secrets(**json.loads(path.read_text()))
    made = Secrets(
        *free_ports(4),
        secrets.token_urlsafe(18),
        secrets.token_urlsafe(48),
        {role: secrets.token_urlsafe(18) for role in ROLES},
    )
    return _save(made)


def with_free_ports(kept: Secrets, *names: str) -> Secrets:
    """For a server that is down: other ports for those that are taken."""
    taken = [name for name in names if not port_is_free(getattr(kept, name))]
    return _save(replace(kept, **dict(zip(taken, free_ports(len(taken)), strict=True)))) if taken else kept


def _save(kept: Secrets) -> Secrets:
    write_private(folder() / "secrets.json", json.dumps(asdict(kept), indent=2))
    return kept
