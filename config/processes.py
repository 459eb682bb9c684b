"""The processes of one machine as a configuration for supervisord: each has its log, each is restarted."""

import os
import shlex
import sys
from pathlib import Path

from config.embedded.state import REPOSITORY, state_dir

BIN = Path(sys.executable).parent


def commands(*, host: str, port: int, embedded: bool) -> dict[str, list[str]]:
    """The programs in the order in which they start; they stop in the reverse one."""
    granian = [str(BIN / "granian"), "--interface", "wsgi", "config.wsgi:application"]
    celery = [str(BIN / "celery"), "-A", "config.celery"]
    concurrency = os.environ.get("WORKER_CONCURRENCY") or "4"
    schedule = str(state_dir() / "beat" / "schedule")
    programs = {
        "embedded": [sys.executable, "-m", "config.embedded", "keep"],
        "web": [*granian, "--host", host, "--port", str(port)],
        # Without -Q: all queues of settings. Gossip and mingle serve workers that talk to each other.
        "worker": [
            *celery,
            "worker",
            "-l",
            "INFO",
            "-c",
            concurrency,
            "--without-gossip",
            "--without-mingle",
        ],
        "crawler": [
            sys.executable,
            str(REPOSITORY / "manage.py"),
            "parsing_worker",
            "--api-url",
            # Where the web server listens; 0.0.0.0 is no address to call.
            f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}",  # noqa: S104
        ],
        "beat": [*celery, "beat", "-l", "INFO", "--schedule", schedule, "--pidfile", ""],
    }
    if not embedded:
        del programs["embedded"]
    return programs


def write_configuration(programs: dict[str, list[str]]) -> Path:
    """Write supervisord's configuration and make the folders that it names."""
    directory = state_dir()
    logs = directory / "log"
    for folder in (logs, directory / "beat"):
        folder.mkdir(mode=0o700, exist_ok=True)
    root = "user=root\n" if os.geteuid() == 0 else ""  # said aloud, else supervisord warns
    sections = [
        f"""[supervisord]
nodaemon=true
silent=true
{root}logfile={_escape(logs / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={_escape(directory / "supervisord.pid")}
"""
    ]
    for priority, (name, command) in enumerate(programs.items()):
        # The worker's children are left to it: they end what they do before it goes.
        group = "false" if name in ("worker", "crawler") else "true"
        command = [sys.executable, "-m", "config.program", *command]
        sections.append(
            f"""[program:{name}]
command={_escape(shlex.join(command))}
directory={_escape(REPOSITORY)}
environment=IGNY8_PROGRAM="{_escape(f"{name}@{directory}")}"
priority={priority}
autorestart=true
startsecs=2
startretries=1000000
stopasgroup={group}
killasgroup=true
stopwaitsecs={60 if name == "embedded" else 10}
redirect_stderr=true
stdout_logfile={_escape(logs / f"{name}.log")}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""
        )
    path = directory / "supervisord.conf"
    path.write_text("\n".join(sections))
    return path


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")
