import time

from celery import shared_task

from apps.core.queues import Queue
from apps.intelligence.services.categories import SUGGESTED_AT_ONCE, mappings_suggest
from apps.intelligence.services.following import SWEEP_BATCH, search_follow
from apps.intelligence.services.scorer import products_score

SHIFT_SECONDS = 240


@shared_task(
    name="apps.intelligence.tasks.follow_products",
    queue=Queue.DEFAULT,
    acks_late=True,
    time_limit=900,
    expires=10,
)
def follow_products() -> None:
    """Brings the search up to date with the products."""
    until = time.monotonic() + SHIFT_SECONDS
    while search_follow() == SWEEP_BATCH and time.monotonic() < until:
        pass


@shared_task(
    name="apps.intelligence.tasks.score_products", queue=Queue.AI, acks_late=True, time_limit=1800, expires=60
)
def score_products() -> None:
    until = time.monotonic() + SHIFT_SECONDS
    while products_score() and time.monotonic() < until:
        pass


@shared_task(
    name="apps.intelligence.tasks.suggest_categories",
    queue=Queue.DEFAULT,
    acks_late=True,
    time_limit=900,
    expires=300,
)
def suggest_categories() -> None:
    until = time.monotonic() + SHIFT_SECONDS
    while mappings_suggest() == SUGGESTED_AT_ONCE and time.monotonic() < until:
        pass
