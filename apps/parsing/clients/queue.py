"""The durable priority queue `parsing_tasks`: one persistent JSON message a crawl, for any AMQP client.

The same code speaks to RabbitMQ and to the embedded Valkey. It is no Celery message and no Celery queue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

NAME = "parsing_tasks"
MAX_PRIORITY = 10
# On the default exchange, where a queue's name is its routing key. A classic queue: quorum queues know two priorities.
QUEUE = Queue(
    NAME,
    exchange=Exchange("", type="direct"),
    routing_key=NAME,
    durable=True,
    queue_arguments={"x-max-priority": MAX_PRIORITY},
)
# Whatever the transports raise while they are used; kombu translates on connecting alone.
UNAVAILABLE = (OSError, OperationalError, AMQPError, RedisError)


class QueueUnavailable(Exception):
    """The broker did not take the message, or cannot be reached."""


def _options(url: str) -> dict:
    if url.startswith(("amqp", "pyamqp")):
        return {"confirm_publish": True}
    # Valkey asks a list for each step, the most urgent first. It hands out again what was not acknowledged for so
    # long, also to a worker whose crawl still runs: who takes it asks the API, which knows who has the crawl.
    return {
        "priority_steps": list(range(MAX_PRIORITY + 1)),
        "queue_order_strategy": "priority",
        "visibility_timeout": 600,
        "socket_connect_timeout": 3,
    }


def _native(url: str, priority: int) -> int:
    """Valkey's lists are taken from 0 upwards: there 0 is the most urgent."""
    return priority if url.startswith(("amqp", "pyamqp")) else MAX_PRIORITY - priority


def message_priority(priority: int) -> int:
    """0-10 of a source's 1-100."""
    return min(MAX_PRIORITY, priority // 10)


@contextmanager
def producer(url: str) -> Iterator[Callable[[dict, int], None]]:
    """A function that sends (message, source's priority) and returns once the broker has it.

    Raises QueueUnavailable, also for a broker that is down altogether.
    """
    try:
        with Connection(url, connect_timeout=3, transport_options=_options(url)) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
            channel = connection.channel()
            sender = Producer(channel)
            QUEUE(channel).declare()

            def send(message: dict, priority: int) -> None:
                sender.publish(
                    message,
                    routing_key=NAME,
                    serializer="json",
                    delivery_mode=2,
                    priority=_native(url, message_priority(priority)),
                    retry=False,
                )

            yield send
    except UNAVAILABLE as error:
        raise QueueUnavailable(f"The broker cannot be reached ({type(error).__name__}).") from error


@contextmanager
def consumer(
    url: str, on_message: Callable[[dict, object], None], *, prefetch: int = 1
) -> Iterator[Connection]:
    """A connection whose `drain_events` calls `on_message(body, message)`, `prefetch` unacknowledged ones at most.

    The caller acknowledges or requeues the message. Raises QueueUnavailable on connecting.
    """
    try:
        connection = Connection(url, connect_timeout=5, heartbeat=30, transport_options=_options(url))
        connection.ensure_connection(max_retries=1, timeout=5)
    except UNAVAILABLE as error:
        raise QueueUnavailable(f"The broker cannot be reached ({type(error).__name__}).") from error
    with connection:
        channel = connection.channel()
        # It is declared by us or by who sends, with the same arguments; doing it twice changes nothing.
        with Consumer(
            channel, queues=[QUEUE], callbacks=[on_message], accept=["json"], prefetch_count=prefetch
        ):
            yield connection
