"""The search over products: by words, axes, price and category.

Ingestion pays for no index of it. `search_follow` brings the rows of the search up to date behind it: a sweep does
all of it, each search the first few rows, so that what was just ingested is found.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.models import SearchState
from apps.intelligence.services.categories import MAPPED, external_ids

# A batch's rows are dated by the beginning of its transaction and seen at its end.
LONGEST_INGEST = timedelta(minutes=10)
SWEEP_BATCH = 20_000
INLINE_BATCH = 500
WORDS = re.compile(r"\w+")
MOST_WORDS = 10
DESCRIPTION = 1000  # characters of it that are searched

_AXES = ", ".join(f'"{axis}"' for axis in AXIS_NAMES)
_AXES_OF_SCORE = ", ".join(f"(v.vector->>'{axis}')::float8" for axis in AXIS_NAMES)
_COLUMNS = f"words, site_key, merchant, price, currency, category_id, gift_score, {_AXES}"
_TEXT = f"concat_ws(' ', p.title, c.name, p.merchant, left(p.description, {DESCRIPTION}))"
_CHANGED = """
SELECT p.* FROM parsing_product p LEFT JOIN intelligence_productsearch s ON s.product_id = p.id
WHERE p.updated_at >= %(since)s AND (s.seen_at IS NULL OR s.seen_at < p.updated_at)
ORDER BY p.updated_at LIMIT %(limit)s
"""
_NAMED = "SELECT p.* FROM parsing_product p WHERE p.id = ANY(%(ids)s)"
# A score of an older text stands until the next one.
_TAKE_OVER = f"""
WITH changed AS MATERIALIZED ({{changed}}),
written AS (
  INSERT INTO intelligence_productsearch AS s (product_id, seen_at, {_COLUMNS})
  SELECT p.id, p.updated_at, to_tsvector('simple', regexp_replace({_TEXT}, '\\W+', ' ', 'g')), p.site_key,
    p.merchant, p.price, p.currency, p.category_id, v.gift_score, {_AXES_OF_SCORE}
  FROM changed p LEFT JOIN parsing_externalcategory c ON c.id = p.category_id
  LEFT JOIN intelligence_productscore v ON v.product_id = p.id
  ORDER BY p.id
  ON CONFLICT (product_id) DO UPDATE SET (seen_at, {_COLUMNS}) = ROW (EXCLUDED.seen_at,
    {", ".join(f"EXCLUDED.{column.strip()}" for column in _COLUMNS.split(","))})
  WHERE {{newer}}
)
SELECT count(*), max(updated_at) FROM changed
"""  # noqa: S608  our own columns
_FOLLOW = _TAKE_OVER.format(changed=_CHANGED, newer="s.seen_at < EXCLUDED.seen_at")
# Whatever was there: the score is new. Who follows at the same time finds the row's `seen_at` and leaves it.
_TAKE_SCORES = _TAKE_OVER.format(changed=_NAMED, newer="true")


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """What is looked for. Ranges are (least, most), None for open. `ordering`: "-" before it for the largest first;
    by score or an axis only products that have it are listed."""

    text: str = ""
    axes: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    score: tuple[float | None, float | None] = (None, None)
    price: tuple = (None, None)
    currency: str = ""
    site_key: str = ""
    category: int | None = None
    external_category: str = ""
    scored: bool | None = None
    ordering: str = "-id"
    limit: int = 50
    offset: int = 0


ORDERINGS = {"id": "product_id", "price": "price", "score": "gift_score", **{a: f'"{a}"' for a in AXIS_NAMES}}


def products_search(query: ProductQuery) -> list[dict]:
    """The products of a query, a page of them, as dicts. Costs the same number of queries, whatever it finds."""
    search_follow(limit=INLINE_BATCH, margin=timedelta(seconds=5))
    where, params = _conditions(query)
    if where is None:
        return []
    column = ORDERINGS[query.ordering.removeprefix("-")]
    way = "DESC" if query.ordering.startswith("-") else "ASC"
    if column != "product_id":
        where.append(f"{column} IS NOT NULL")
    order = f"{column} {way}" + ("" if column == "product_id" else f", product_id {way}")
    statement = (
        f"SELECT product_id FROM intelligence_productsearch WHERE {' AND '.join(where) or 'true'}"  # noqa: S608
        f" ORDER BY {order} LIMIT %s OFFSET %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, query.limit, query.offset])
        ids = [row[0] for row in cursor.fetchall()]
    return _rows(ids)


def _conditions(query: ProductQuery) -> tuple[list[str] | None, list]:
    """SQL and its values; None for what nothing can fit."""
    where: list[str] = []
    params: list = []

    def add(condition: str, value) -> None:
        where.append(condition)
        params.append(value)

    if query.text:
        words = WORDS.findall(query.text.lower())[:MOST_WORDS]
        if not words:
            return None, []
        add("words @@ to_tsquery('simple', %s)", " & ".join(f"'{word}':*" for word in words))
    ranges = {
        **{f'"{axis}"': r for axis, r in query.axes.items()},
        "gift_score": query.score,
        "price": query.price,
    }
    for column, (least, most) in ranges.items():
        if least is not None:
            add(f"{column} >= %s", least)
        if most is not None:
            add(f"{column} <= %s", most)
    if query.currency:
        add("currency = %s", query.currency)
    if query.site_key:
        add("site_key = %s", query.site_key)
    if query.scored is not None:
        where.append(f"gift_score IS {'NOT ' if query.scored else ''}NULL")
    if query.category is not None or query.external_category:
        ids = external_ids(internal_id=query.category, name=query.external_category)
        if not ids:
            return None, []
        add("category_id = ANY(%s)", ids)
    return where, params


_ROWS = f"""
SELECT p.id, p.gift_id, p.title, p.description, p.product_url, p.site_key, p.price, p.currency, p.image_url, p.merchant,
  c.name AS category, i.id AS internal_category_id, i.name AS internal_category,
  v.gift_score AS llm_gift_score, v.vector AS llm_gift_vector, v.reasoning AS llm_gift_reasoning,
  v.scoring_model AS llm_scoring_model, v.scoring_version AS llm_scoring_version, v.scored_at,
  p.created_at, p.updated_at
FROM parsing_product p
LEFT JOIN parsing_externalcategory c ON c.id = p.category_id
LEFT JOIN intelligence_categorymapping m ON m.external_id = p.category_id AND {MAPPED}
LEFT JOIN intelligence_internalcategory i ON i.id = m.internal_id
LEFT JOIN intelligence_productscore v ON v.product_id = p.id
WHERE p.id = ANY(%s)
"""  # noqa: S608


def _rows(ids: list[int]) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [ids])
        names = [column.name for column in cursor.description]
        rows = {row[0]: _row(dict(zip(names, row, strict=True))) for row in cursor.fetchall()}
    return [rows[i] for i in ids if i in rows]


def _row(row: dict) -> dict:
    if isinstance(row["llm_gift_vector"], str):  # Django leaves jsonb as text in a cursor of its own
        row["llm_gift_vector"] = json.loads(row["llm_gift_vector"])
    return row


def search_follow(*, limit: int = SWEEP_BATCH, margin: timedelta = LONGEST_INGEST) -> int:
    """Takes over up to `limit` products that have changed, the oldest first, and returns how many.

    margin: how much older a change may be than what was taken over before it, as it became visible later. A search's
    own call looks back seconds; what that misses the sweep finds.
    """
    state, _ = SearchState.objects.get_or_create(
        pk=1, defaults={"followed_to": datetime(1970, 1, 1, tzinfo=UTC)}
    )
    began = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FOLLOW, {"since": state.followed_to - margin, "limit": limit})
        count, last = cursor.fetchone()
    reached = last if count == limit else began
    if reached > state.followed_to + (timedelta() if count else timedelta(minutes=1)):
        SearchState.objects.filter(pk=1, followed_to__lt=reached).update(followed_to=reached)
    return count


def search_take_scores(*, ids: list[int]) -> None:
    """Shows new scores in the search. Part of the transaction that stores them."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_SCORES, {"ids": ids})
