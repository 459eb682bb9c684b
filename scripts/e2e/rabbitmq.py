"""A RabbitMQ node of our own: loopback only, its own name, names service (epmd), cookie and data."""

import hashlib
import os
import socket
import subprocess

from config.embedded.state import HOST, EmbeddedError, write_private

from . import packages
from .daemon import PATH, Daemon
from .state import Secrets, folder, with_free_ports

USER = "igny8"


def _folder():
    return folder() / "rabbitmq"


def _names() -> Daemon:
    return Daemon("epmd", _folder() / "names")


def _node() -> Daemon:
    return Daemon("rabbitmq", _folder())


def start(kept: Secrets) -> Secrets:
    """Begin to start it; `wait` for the rest."""
    packages.unpack(["rabbitmq-server"], folder() / "rabbitmq.program", folder() / "apt.log")
    if _node().pid():
        return kept
    _names().stop()
    kept = with_free_ports(kept, "rabbitmq_port", "rabbitmq_node_port", "rabbitmq_names_port")
    here = _folder()
    here.mkdir(exist_ok=True)
    settings = {
        "listeners.tcp.1": f"{HOST}:{kept.rabbitmq_port}",
        "default_user": USER,
        "default_pass": kept.rabbitmq_password,
        # A disk with little room would stop all publishers without a word.
        "disk_free_limit.absolute": "10MB",
        # Quorum queues fill their log with zeros first: half a gigabyte of them by default.
        "raft.wal_max_size_bytes": "33554432",
    }
    write_private(here / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
    (here / "enabled_plugins").write_text("[].\n")
    _names().start(["epmd", "-port", kept.rabbitmq_names_port, "-address", HOST])
    _node().start([_program("rabbitmq-server")], **_environment(kept))
    return kept


def wait(kept: Secrets) -> None:
    _node().wait(lambda: _answers(kept.rabbitmq_port))


def stop() -> None:
    _node().stop()
    _names().stop()


def url(kept: Secrets, vhost: str = "") -> str:
    """What CELERY_BROKER_URL takes."""
    return f"amqp://{USER}:{kept.rabbitmq_password}@{HOST}:{kept.rabbitmq_port}/{vhost}"


def control(kept: Secrets, *arguments: str) -> str:
    """rabbitmqctl, which takes seconds."""
    command = [_program("rabbitmqctl"), "--quiet", *arguments]
    environment = {"PATH": PATH, "LANG": "C.UTF-8", **_environment(kept)}
    done = subprocess.run(
        command, cwd=_folder(), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise EmbeddedError(f"rabbitmqctl {arguments[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


def new_vhost(kept: Secrets, name: str) -> str:
    """A room of its own in the broker, empty. Returns its URL."""
    if name in control(kept, "list_vhosts").split():
        control(kept, "delete_vhost", name)
    control(kept, "add_vhost", name)
    control(kept, "set_permissions", "-p", name, USER, ".*", ".*", ".*")
    return url(kept, name)


def _program(name: str):
    return next((folder() / "rabbitmq.program" / "usr/lib/rabbitmq/lib").glob(f"*/sbin/{name}"))


def _environment(kept: Secrets) -> dict[str, str]:
    here = _folder()
    mark = hashlib.sha256(os.fsencode(here)).hexdigest()[:8]
    return {
        "HOME": str(here),  # the cookie of the node
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": f"igny8-{mark}@localhost",
        "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
        "RABBITMQ_LOG_BASE": str(here / "log"),
        "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
        "RABBITMQ_PID_FILE": str(here / "node.pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(kept.rabbitmq_node_port),
        "ERL_EPMD_PORT": str(kept.rabbitmq_names_port),
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"  # the frame of its connection.start
    except OSError:
        return False
