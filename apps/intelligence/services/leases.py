"""Products that wait for a score, handed to workers so that no two have the same one.

A lease lasts 15 minutes, or until 15 minutes after the worker's last heartbeat, but not for ever: a worker that lives
and never submits must not keep its products. Who lost a lease may still submit (`services/scoring.py`).
"""

import time
from dataclasses import dataclass

from django.db import connection

from apps.parsing.models import Product

LEASE_MINUTES = 15
LONGEST_HOURS = 6
MOST = 1000
AGAIN_SECONDS = 60
TEXT_CHARACTERS = 8000

# Whether the lease `l` still holds. The worker is looked up only when its own time is over.
_HOLDS = """
(l.until > statement_timestamp() OR (
  l.until > l.leased_at  -- a score ends a lease: its end is set to its beginning
  AND l.leased_at > statement_timestamp() - make_interval(hours => %(hours)s)
  AND EXISTS (
    SELECT 1 FROM parsing_crawlworker w
    WHERE l.worker IN (w.hostname, w.hostname || ':' || w.pid)
      AND w.last_seen_at > greatest(l.leased_at, statement_timestamp() - make_interval(mins => %(minutes)s)))))
"""
_WAITING = "FROM parsing_product p WHERE p.scored_version < p.text_version"
_WITHOUT_AXES = """
FROM intelligence_productscore s JOIN parsing_product p ON p.id = s.product_id
WHERE s.vector IS NULL AND p.scored_version = p.text_version
"""
# Two claims at a time pass over each other's locked rows. One that began before the other's commit may still see its
# rows free: the conflict's condition, which sees what is there by now, leaves them to who was first.
_CLAIM = f"""
WITH picked AS (
  SELECT p.id, p.text_version {{where}}
    AND NOT EXISTS (SELECT 1 FROM intelligence_scoringlease l WHERE l.product_id = p.id AND {_HOLDS})
    AND p.id > %(after)s
  ORDER BY p.id LIMIT %(limit)s FOR NO KEY UPDATE OF p SKIP LOCKED
),
leased AS (
INSERT INTO intelligence_scoringlease AS l (product_id, worker, text_version, leased_at, until, earlier)
SELECT id, %(worker)s, text_version, statement_timestamp(),
  statement_timestamp() + make_interval(mins => %(minutes)s), '{{{{}}}}'
FROM picked
ON CONFLICT (product_id) DO UPDATE SET
  worker = EXCLUDED.worker, text_version = EXCLUDED.text_version, leased_at = EXCLUDED.leased_at,
  until = EXCLUDED.until,
  earlier = CASE
    WHEN l.until = l.leased_at THEN '{{{{}}}}'  -- it was submitted: nobody is late
    WHEN (SELECT count(*) FROM jsonb_object_keys(l.earlier)) < 20 THEN l.earlier ELSE '{{{{}}}}' END
    || CASE WHEN l.until = l.leased_at THEN '{{{{}}}}' ELSE jsonb_build_object(l.worker, l.text_version) END
WHERE NOT {_HOLDS}
RETURNING product_id
)
SELECT (SELECT count(*) FROM picked), ARRAY(SELECT product_id FROM leased)
"""  # noqa: S608  our own conditions


@dataclass
class _Place:
    """Up to where this process has handed products out. What is leased lies before it, and would be passed over
    again with every claim; what comes free there is found when nothing is left behind it, or in a minute."""

    after: int = 0
    since: float = 0.0

    def start(self) -> int:
        if time.monotonic() - self.since > AGAIN_SECONDS:
            self.after, self.since = 0, time.monotonic()
        return self.after


_places = {False: _Place(), True: _Place()}


def products_claim(*, worker: str, limit: int, without_axes: bool = False) -> list[int]:
    """Leases up to `limit` products to the worker and returns their ids, the oldest first as far as may be.

    without_axes: those that have a score and no axes, in place of those without a score of their present text.
    """
    limit = min(limit, MOST)
    place = _places[without_axes]
    statement = _CLAIM.format(where=_WITHOUT_AXES if without_axes else _WAITING)
    params = {"worker": worker, "minutes": LEASE_MINUTES, "hours": LONGEST_HOURS}
    ids: list[int] = []
    after = place.start()
    with connection.cursor() as cursor:
        while len(ids) < limit:
            cursor.execute(statement, {**params, "limit": limit - len(ids), "after": after})
            picked, leased = cursor.fetchone()
            ids += leased
            if not picked and not after:
                break
            # Too few: the end was reached, or others were faster with some of them. What is left is before that.
            after = 0
        place.after = max(ids, default=0)
    return sorted(ids)


def tasks_claim(*, worker: str, limit: int, without_axes: bool = False) -> list[dict]:
    """What `products_claim` leases, as a worker needs it: a dict for each product."""
    ids = products_claim(worker=worker, limit=limit, without_axes=without_axes)
    rows = Product.objects.filter(pk__in=ids).select_related("category").order_by("pk").defer("raw_data")
    return [_task(product) for product in rows]


def _task(product: Product) -> dict:
    category = product.category.name if product.category else ""
    return {
        "gift_id": product.gift_id,
        "title": product.title,
        "category": category,
        "merchant": product.merchant,
        "price": product.price,
        "currency": product.currency,
        "image_url": product.image_url,
        "content_text": product_text(product),
        "text_version": product.text_version,
    }


def product_text(product: Product) -> str:
    """What a score judges: the text of a product, at most TEXT_CHARACTERS of it."""
    category = product.category.name if product.category else ""
    parts = (product.title, category, product.merchant, product.description)
    return "\n".join(part for part in parts if part)[:TEXT_CHARACTERS]
