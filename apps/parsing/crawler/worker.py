"""The worker: takes tasks from the queue, has each crawled by a process of its own, and tells the API how it went.

A message is acknowledged once its crawl has ended, or belongs to somebody else. What is lost on the way the API
notices by the silence: it hands the crawl to the next worker.
"""

import contextlib
import json
import logging
import os
import platform
import signal
import time
from dataclasses import dataclass

import psutil

from apps.parsing.clients import queue
from apps.parsing.crawler.api import Api, ApiRefused, ApiUnavailable
from apps.parsing.crawler.process import CrawlProcess
from apps.parsing.crawler.spiders import available

log = logging.getLogger(__name__)
OVER = (404, 409, 422)  # answers that say: there is nothing to crawl here


@dataclass
class Options:
    """Times in seconds, memory in bytes."""

    api_url: str
    token: str
    broker_url: str
    allow_private: tuple[str, ...] = ()
    spiders: tuple[str, ...] = ()
    capacity: int = 1
    seconds: float = 1500.0  # RabbitMQ closes a channel that has acknowledged nothing for half an hour
    memory: int = 1024**3
    delay: float = 0.25
    heartbeat: float = 15.0
    patience: float = 300.0


class Worker:
    def __init__(self, options: Options):
        self.options = options
        self.api = Api(options.api_url, options.token, patience=5.0, timeout=20.0)
        self.hostname, self.pid = platform.node()[:150], os.getpid()
        self.name = f"{self.hostname}:{self.pid}"
        self.spiders = sorted(available(options.spiders))
        self.crawls: list[CrawlProcess] = []
        self.stopping = False
        self.announced = False
        self._beat_at = 0.0

    def run(self) -> None:
        """Works until SIGTERM or SIGINT, then hands back what is not done."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        log.info("worker %s: %s", self.name, ", ".join(self.spiders))
        try:
            while not self.stopping:
                try:
                    with queue.consumer(
                        self.options.broker_url, self._on_message, prefetch=self.options.capacity
                    ) as connection:
                        self._consume(connection)
                except (*queue.UNAVAILABLE, queue.QueueUnavailable) as error:
                    log.warning("%s; again in 3 s", error)
                    # Their messages went with the connection; who gets them is told that the crawls are ours.
                    for crawl in self.crawls:
                        crawl.message = None
                    self._pause(3.0)
        finally:
            for crawl in self.crawls:
                crawl.kill()
            self.api.close()

    def _consume(self, connection) -> None:
        while not self.stopping:
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=0.5)
            connection.heartbeat_check()
            self._tend()
        self._hand_back()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.stopping:
            self._tend()
            time.sleep(0.2)
        if self.stopping:
            self._hand_back()

    def _tend(self) -> None:
        self._beat()
        for crawl in list(self.crawls):
            crawl.watch()
            if crawl.is_over:
                self.crawls.remove(crawl)
                self._end(crawl)

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at < self.options.heartbeat:
            return
        self._beat_at = time.monotonic()
        try:
            if not self.announced:
                self.api.post("sources/sync-spiders", {"available_spiders": self.spiders}, patience=0)
                self.announced = True
            beat = {
                "hostname": self.hostname,
                "pid": self.pid,
                "status": "stopping" if self.stopping else "busy" if self.crawls else "idle",
                "concurrent_tasks": len(self.crawls),
                "capacity": self.options.capacity,
                "ram_usage_pct": psutil.virtual_memory().percent,
                "spiders": self.spiders,
                "run_ids": [crawl.task["run_id"] for crawl in self.crawls],
            }
            lost = self.api.post("workers/heartbeat", beat, patience=0).get("runs_lost", [])
            self._stop_lost(lost)
        except (ApiRefused, ApiUnavailable) as error:
            log.warning("no heartbeat: %s", error)

    def _stop_lost(self, lost: list[int]) -> None:
        """The API was away for longer than a lease: others crawl these by now, or will."""
        for crawl in [c for c in self.crawls if c.task["run_id"] in lost]:
            log.warning("run %s: it is not ours any more", crawl.task["run_id"])
            crawl.kill()
            self.crawls.remove(crawl)
            self._acknowledge(crawl)

    def _on_message(self, task, message) -> None:
        if not isinstance(task, dict) or not {"source_id", "url", "site_key"} <= task.keys():
            log.error("a message that is no task is dropped: %.200r", task)
            message.ack()
            return
        held = [c for c in self.crawls if c.task.get("run_id") == task.get("run_id")]
        if held:  # handed out again while it is crawled here
            held[0].message = held[0].message or message
            if held[0].message is not message:
                message.ack()
            return
        try:
            body = {"status": "running", "run_id": task.get("run_id"), "worker": self.name}
            answer = self.api.post(f"sources/{task['source_id']}/report-status", body)
        except (ApiRefused, ApiUnavailable) as error:
            if isinstance(error, ApiRefused) and error.status in OVER:
                log.info("dropped: %s", error)
                message.ack()
                return
            # A wrong token or address is this worker's fault, not the task's.
            log.error("given back: %s", error)
            message.requeue()
            time.sleep(1.0)
            return
        task.update(
            answer["task"]
        )  # the message may be older than a change of the source, or another strategy
        log.info("run %s: %s", task["run_id"], task["url"])
        self.crawls.append(CrawlProcess(task, message, self.options))

    def _end(self, crawl: CrawlProcess) -> None:
        """Tells how a crawl went; should the API not hear it, the lease runs out and another worker has it."""
        source, run_id = crawl.task["source_id"], crawl.task["run_id"]
        outcome = crawl.outcome()
        log.info("run %s: %s", run_id, json.dumps(outcome))
        try:
            if logs := crawl.logs():
                self.api.post(f"sources/{source}/report-logs", {"logs": logs, "run_id": run_id})
        except (ApiRefused, ApiUnavailable) as error:
            log.warning("run %s, its logs: %s", run_id, error)
        try:
            named = {"run_id": run_id, "worker": self.name}
            if outcome["error"]:
                report = {"error": outcome["error"], "is_broken": outcome["is_broken"], **named}
                self.api.post(f"sources/{source}/report-error", report)
            else:
                self.api.post(f"sources/{source}/report-status", {"status": "waiting", **named})
        except (ApiRefused, ApiUnavailable) as error:
            log.warning("run %s: %s", run_id, error)
        self._acknowledge(crawl)

    def _hand_back(self) -> None:
        for crawl in self.crawls:
            crawl.kill()
            try:
                body = {"status": "queued", "run_id": crawl.task["run_id"], "worker": self.name}
                self.api.post(f"sources/{crawl.task['source_id']}/report-status", body)
            except (ApiRefused, ApiUnavailable) as error:
                log.warning("run %s: %s", crawl.task["run_id"], error)
            # The API has sent it anew, or will when the lease has run out.
            self._acknowledge(crawl)
        self.crawls = []
        self._beat_at = 0.0
        self._beat()

    def _acknowledge(self, crawl: CrawlProcess) -> None:
        if crawl.message is not None:
            try:
                crawl.message.ack()
            except queue.UNAVAILABLE as error:
                log.warning("not acknowledged: %s", error)
