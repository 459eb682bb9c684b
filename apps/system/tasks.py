"""The signs of life of Celery's processes, which load this module, and what is swept."""

import threading

from celery import current_app, shared_task, signals

from apps.core.queues import Queue
from apps.system.services.heartbeats import BEAT, heartbeat, heartbeat_due, heartbeats_forget, queue_name

_processes: set[str] = set()
_speaking: dict[str, threading.Thread] = {}


def _speak(names: list[str], host: str) -> None:
    """In a thread: a database that hangs must not hold up the loop that serves the broker."""
    last = _speaking.get(host)
    if (last and last.is_alive()) or not heartbeat_due(host=host):
        return
    kwargs = {"names": names, "host": host}
    _speaking[host] = threading.Thread(target=heartbeat, kwargs=kwargs, daemon=True, name="sign-of-life")
    _speaking[host].start()


@signals.worker_ready.connect
@signals.heartbeat_sent.connect
def worker_lives(sender=None, **_) -> None:
    """With Celery's own heartbeat, of the worker's first process: long work in its children is no death."""
    speaker = getattr(sender, "eventer", sender)
    names = [queue_name(name) for name in current_app.amqp.queues.consume_from]
    _speak(names, getattr(speaker, "hostname", None) or "worker")


@signals.beat_init.connect
def beat_begins(**_) -> None:
    _processes.add(BEAT)


@signals.after_task_publish.connect
def beat_sent(**_) -> None:
    """Beat has handed a task to the broker: it does what it is there for."""
    if BEAT in _processes:
        _speak([BEAT], BEAT)


@shared_task(name="apps.system.tasks.forget_workers", queue=Queue.DEFAULT, acks_late=True, time_limit=60)
def forget_workers() -> None:
    heartbeats_forget()
