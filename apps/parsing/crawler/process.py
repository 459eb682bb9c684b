"""One crawl's process, as its worker sees it: within its time and its memory."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

import psutil

GRACE_SECONDS = 30.0  # for what was found already to be sent
LOG_BYTES = 60_000


class CrawlProcess:
    """`message` is the broker's, None once the connection that brought it is gone."""

    def __init__(self, task: dict, message, options):
        self.task, self.message, self.options = task, message, options
        self.problem = ""
        self.until = time.monotonic() + options.seconds + GRACE_SECONDS
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by logs()
        read, write = os.pipe()
        self._out = os.fdopen(read, "rb")
        order = {
            "task": task,
            "api_url": options.api_url,
            "token": options.token,
            "allow_private": list(options.allow_private),
            "spiders": list(options.spiders),
            "delay": options.delay,
            "seconds": options.seconds,
            "patience": options.patience,
            "out": write,
        }
        # Its result has a descriptor of its own: a spider may print. The token goes by the input, not the arguments.
        command = [sys.executable, "-m", "apps.parsing.crawler.crawl"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, pass_fds=[write]
        )
        os.close(write)
        with contextlib.suppress(BrokenPipeError):  # it died at once: `outcome` tells
            self.process.stdin.write(json.dumps(order).encode())
            self.process.stdin.close()

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def watch(self) -> None:
        """Ends it where it takes more time or memory than it may."""
        if self.is_over:
            return
        if time.monotonic() > self.until:
            self.problem = f"It took more than {self.options.seconds:.0f} seconds."
            self.kill()
            return
        try:
            used = psutil.Process(self.process.pid).memory_info().rss
        except psutil.Error:
            return
        if used > self.options.memory:
            self.problem = f"It took more than {self.options.memory // 1024**2} MiB of memory."
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def outcome(self) -> dict:
        """What it told at its end; an error where it came to none."""
        told = self._out.read().decode(errors="replace").strip()
        self._out.close()
        if self.problem or self.process.returncode != 0 or not told:
            error = self.problem or f"The crawl's process ended with {self.process.returncode}."
            return {"error": error, "is_broken": False}
        return json.loads(told)

    def logs(self) -> str:
        """The end of its log."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - LOG_BYTES))
        text = self._log.read().decode(errors="replace").replace("\0", "")
        self._log.close()
        return text
