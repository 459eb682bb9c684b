import json

import pytest
import redis
from rest_framework.test import APIClient

from apps.parsing.clients import queue
from apps.parsing.models import Source
from tests.conftest import broker_of_tests


@pytest.fixture
def api(db, settings) -> APIClient:
    """A client that holds the internal token."""
    settings.INTERNAL_API_TOKEN = ["test-token"]
    client = APIClient()
    client.credentials(HTTP_X_INTERNAL_TOKEN="test-token")
    return client


@pytest.fixture
def source(db) -> Source:
    return Source.objects.create(url="https://shop.example.com/", site_key="shop")


class Tasks:
    """What waits in the queue."""

    def __init__(self, url: str):
        self.url = url

    def take(self, most: int = 100) -> list[dict]:
        """Takes the messages, the most urgent first."""
        found = []

        def on_message(body, message):
            found.append(body)
            message.ack()

        with queue.consumer(self.url, on_message) as connection:
            while len(found) < most:
                try:
                    connection.drain_events(timeout=0.5)
                except TimeoutError:
                    break
        return found


@pytest.fixture
def tasks(settings) -> Tasks:
    """The queue on a broker database of its own, empty."""
    settings.CELERY_BROKER_URL = broker_of_tests(1)
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    # What a killed worker held is there too, and would come back in the middle of the next test.
    if left := [*broker.scan_iter("parsing_tasks*"), *broker.scan_iter("unacked*")]:
        broker.delete(*left)
    return Tasks(settings.CELERY_BROKER_URL)


@pytest.fixture
def no_broker(settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"


def item(number: int = 1, **fields) -> dict:
    return {
        "title": f"Mug {number}",
        "product_url": f"https://shop.example.com/p/{number}",
        "site_key": "shop",
        **fields,
    }


def ingest(api, source, items, **more):
    body = json.dumps({"source_id": getattr(source, "pk", source), "items": items, **more})
    return api.post("/internal/ingest-batch", body, content_type="application/json")
