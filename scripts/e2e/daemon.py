"""A server that outlives the process that started it, known by its pid file."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.embedded.state import EmbeddedError, tail

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Daemon:
    """`folder` is where it begins and keeps its log. It leads a process group, which ends with it."""

    name: str
    folder: Path

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def pid(self) -> int | None:
        """Its process if it lives. The time of birth tells it from a stranger that got its number."""
        try:
            pid, born = self._pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        process = _process(pid)
        return int(pid) if process and process.born == born and process.state != "Z" else None

    def start(self, command: list, **environment: str) -> None:
        """Start it unless it lives, with no environment but this."""
        if self.pid():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            started = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env={"PATH": PATH, "LANG": "C.UTF-8", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if process := _process(started.pid):
            self._pid_file.write_text(f"{started.pid} {process.born}\n")

    def wait(self, answers: Callable[[], object], seconds: float = 90) -> None:
        """Until `answers()` is true; EmbeddedError when it takes too long or the server ends."""
        until = time.monotonic() + seconds
        while not answers():
            if not self.pid() or time.monotonic() > until:
                raise EmbeddedError(f"{self.name} did not start, see {self.log}:\n{tail(self.log, 15)}")
            time.sleep(0.1)

    def stop(self, seconds: float = 20) -> None:
        """End it and all that it started."""
        pid = self.pid()
        if not pid:
            return
        until = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
            while _lives(pid):
                if time.monotonic() > until:
                    os.killpg(pid, signal.SIGKILL)
                time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Process:
    state: str
    group: str
    born: str  # clock ticks since the machine's start


def _process(pid: int | str) -> _Process | None:
    try:
        # The name, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return _Process(fields[0], fields[2], fields[19])


def _lives(group: int) -> bool:
    """Whether anything but the dead, whom nobody has taken off the list yet, is in the process group."""
    found = [_process(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    return any(process.group == str(group) and process.state != "Z" for process in found if process)
