"""python -m config.serve [stop]: the whole product in one terminal, as `make run` does.

Prepares the database, then runs embedded servers, web server, Celery worker and beat under supervisord until
Ctrl-C or SIGTERM. Whatever of it is killed comes back.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import environ

from config import embedded, processes
from config.embedded.state import REPOSITORY, state_dir, tail

START_SECONDS = 180
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServeError(RuntimeError):
    """The product cannot run; the message says what to do about it."""


def main() -> int:
    environ.Env.read_env(REPOSITORY / ".env")
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        if sys.argv[1:] == ["stop"]:
            stop()
        else:
            serve()
    except KeyboardInterrupt:
        return 0
    except (ServeError, embedded.EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def serve() -> None:
    """Run everything until a signal comes as KeyboardInterrupt; then stop everything."""
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    wanted = {
        "database": not os.environ.get("DATABASE_URL"),
        "broker": not os.environ.get("CELERY_BROKER_URL"),
    }
    os.environ["PORT"] = str(port)
    os.environ.setdefault("GRANIAN_WORKERS", "2")
    os.environ.setdefault("GRANIAN_BLOCKING_THREADS", "4")
    # A thread keeps its database connection: let it live as long as the connection may.
    os.environ.setdefault("GRANIAN_BLOCKING_THREADS_IDLE_TIMEOUT", "600")
    os.environ.setdefault("GRANIAN_RESPAWN_FAILED_WORKERS", "true")
    os.environ.setdefault("GRANIAN_RESPAWN_INTERVAL", "0.5")
    os.environ.setdefault("GRANIAN_WORKERS_KILL_TIMEOUT", "5")
    with _alone(address):
        _check_port(host, port)
        manager = None
        try:
            if any(wanted.values()):
                _say("Starting the embedded servers")
                embedded.ensure(**wanted)
            _say("Preparing the database and the static files")
            _django("-m", "config.prepare") or _fail("Nothing was started: see the error above.")
            _say("Starting web server, worker and scheduler")
            programs = processes.commands(host=host, port=port, embedded=any(wanted.values()))
            configuration = processes.write_configuration(programs)
            manager = _start_manager(configuration)
            _wait_for_health(manager, address)
            if wanted["database"]:
                _demo_once()
            _welcome(address)
            while True:
                started = time.monotonic()
                code = manager.wait()
                if time.monotonic() - started < 10:
                    _fail(f"supervisord ended ({code}): {tail(state_dir() / 'log' / 'supervisord.log')}")
                _say("supervisord was killed: starting it again")
                manager = _start_manager(configuration)
        finally:
            for number in SIGNALS:
                signal.signal(number, lambda *_: None)
            _say("Stopping")
            if manager and manager.poll() is None:
                manager.terminate()
                manager.wait()
            if any(wanted.values()):
                embedded.stop()


def stop() -> None:
    """Stop what `serve` runs in another terminal, and the embedded servers in any case."""
    with contextlib.suppress(FileNotFoundError), open(_lock_path()) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(int(file.read()), signal.SIGTERM)
            fcntl.flock(file, fcntl.LOCK_SH)
    embedded.stop()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)


def _fail(message: str) -> None:
    raise ServeError(message)


def _port() -> int:
    value = os.environ.get("PORT") or "8000"
    if not value.isdecimal() or not 0 < int(value) < 65536:
        _fail(f"PORT is {value!r}: set a number from 1 to 65535.")
    return int(value)


def _lock_path() -> str:
    return str(state_dir() / "serve.lock")


@contextlib.contextmanager
def _alone(address: str) -> Iterator[None]:
    """Refuse to run twice on one data folder."""
    state_dir().mkdir(parents=True, exist_ok=True)
    with open(_lock_path(), "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            _fail(
                f"Igny8 runs already on {state_dir()} (process {file.read()}). Stop it with `make stop`; "
                "for a second one beside it set IGNY8_DATA_DIR and PORT."
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        _fail(
            f"Port {port} on {host} cannot be used ({error.strerror}). "
            f"Stop the program that has it, or take another: PORT={port + 1} make run"
        )


def _django(*arguments: str) -> bool:
    return subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, check=False).returncode == 0


def _start_manager(configuration: os.PathLike) -> subprocess.Popen:
    # In a session of its own: a Ctrl-C of the terminal is for us, who then stop it in order.
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "config.program",
            str(processes.BIN / "supervisord"),
            "-c",
            str(configuration),
        ],
        env={**os.environ, "IGNY8_PROGRAM": f"manager@{state_dir()}"},
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for_health(manager: subprocess.Popen, address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline and manager.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/v1/system/health/", timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(2000).decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        time.sleep(0.2)
    _fail(
        f"The product did not become healthy within {START_SECONDS} s ({answer}). "
        f"The end of {state_dir() / 'log' / 'web.log'}:\n{tail(state_dir() / 'log' / 'web.log', 15)}"
    )


def _demo_once() -> None:
    done = state_dir() / "demo.done"
    if done.exists():
        return
    _say("Making the demo account (the first time only)")
    if _django("manage.py", "demo"):
        done.touch()
    else:
        _say("The demo is incomplete, see above; the next start tries again. All else runs.")


def _welcome(address: str) -> None:
    _say(
        f"\nIgny8 runs at      {address}/\n"
        f"API documentation  {address}/api/docs/\n"
        f"admin site         {address}/admin/\n"
        f"logs               {state_dir() / 'log'}\n"
        "Ctrl-C stops it.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
