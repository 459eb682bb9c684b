"""python -m config.program COMMAND…: become one program of the process manager.

A kill -9 of a web server or Celery worker leaves its child processes behind, which go on taking requests
and tasks. The successor ends them; they are known by IGNY8_PROGRAM in their environment, which the process
manager sets and children inherit.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def end_leftovers(program: str) -> None:
    """Kill all other processes that were started as this program."""
    mark = f"IGNY8_PROGRAM={program}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        # Gone meanwhile, or of another user.
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def main() -> None:
    end_leftovers(os.environ["IGNY8_PROGRAM"])
    # Nothing may run on when the process manager itself is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606


if __name__ == "__main__":
    main()
