"""The search's rows, which follow behind the products: ingestion pays for no index of a search.

`search_follow` brings them up to date: a sweep does all of it, whoever reads them the first few.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.models import SearchState

# A batch's rows are dated by the beginning of its transaction and seen at its end.
LONGEST_INGEST = timedelta(minutes=1)
SWEEP_BATCH = 20_000
INLINE_BATCH = 500
DESCRIPTION = 1000  # characters of it that are searched

_AXES = ", ".join(f'"{axis}"' for axis in AXIS_NAMES)
_AXES_OF_SCORE = ", ".join(f"(v.vector->>'{axis}')::float8" for axis in AXIS_NAMES)
_COLUMNS = f"words, site_key, merchant, price, currency, category_id, gift_score, {_AXES}"
# The words of a text as the search knows them; where they stand is of no use to it.
WORDS = "to_tsvector('simple', regexp_replace({}, '\\W+', ' ', 'g'))"
_TEXT = f"concat_ws(' ', p.title, c.name, p.merchant, left(p.description, {DESCRIPTION}))"
_CHANGED = """
SELECT p.* FROM parsing_product p
WHERE p.updated_at >= %(since)s
  -- A scalar subquery: one look into the key for each of what is mostly nothing, never a join of the whole.
  AND coalesce((SELECT s.seen_at FROM intelligence_productsearch s WHERE s.product_id = p.id), '-infinity')
    < p.updated_at
ORDER BY p.updated_at LIMIT %(limit)s
"""
_NAMED = "SELECT p.* FROM parsing_product p WHERE p.id = ANY(%(ids)s)"
# A score of an older text stands until the next one.
_TAKE_OVER = f"""
WITH changed AS MATERIALIZED ({{changed}}),
written AS (
  INSERT INTO intelligence_productsearch AS s (product_id, seen_at, {_COLUMNS})
  SELECT p.id, p.updated_at, strip({WORDS.format(_TEXT)}), p.site_key, p.merchant, p.price, p.currency,
    p.category_id, v.gift_score, {_AXES_OF_SCORE}
  FROM changed p LEFT JOIN parsing_externalcategory c ON c.id = p.category_id
  LEFT JOIN intelligence_productscore v ON v.product_id = p.id
  ORDER BY p.id
  ON CONFLICT (product_id) DO UPDATE SET (seen_at, {_COLUMNS}) = ROW (EXCLUDED.seen_at,
    {", ".join(f"EXCLUDED.{column.strip()}" for column in _COLUMNS.split(","))})
  WHERE {{newer}} RETURNING words
),
-- In one order, so that two who take over new words wait for each other and never dead-lock.
learned AS (
  INSERT INTO intelligence_searchword (word)
  SELECT DISTINCT unnest(tsvector_to_array(words)) AS word FROM written ORDER BY word
  ON CONFLICT (word) DO NOTHING
)
SELECT count(*), max(updated_at) FROM changed
"""  # noqa: S608  our own columns
_FOLLOW = _TAKE_OVER.format(changed=_CHANGED, newer="s.seen_at < EXCLUDED.seen_at")
# Whatever was there: the score is new. Who follows at the same time finds the row's `seen_at` and leaves it.
_TAKE_SCORES = _TAKE_OVER.format(changed=_NAMED, newer="true")


def search_follow(*, limit: int = SWEEP_BATCH, margin: timedelta = LONGEST_INGEST) -> int:
    """Takes over up to `limit` products that have changed, the oldest first, and returns how many.

    margin: how much older a change may be than what was taken over before it, as it became visible later. A search's
    own call does not look back; what that misses the sweep finds.
    """
    state, _ = SearchState.objects.get_or_create(
        pk=1, defaults={"followed_to": datetime(1970, 1, 1, tzinfo=UTC)}
    )
    began = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FOLLOW, {"since": state.followed_to - margin, "limit": limit})
        count, last = cursor.fetchone()
    reached = last if count == limit else began
    if reached > state.followed_to + (timedelta() if count else timedelta(seconds=2)):
        SearchState.objects.filter(pk=1, followed_to__lt=reached).update(followed_to=reached)
    return count


def search_follow_some() -> int:
    """What whoever reads the search's rows calls before: what was just ingested is there then, if it is not much."""
    return search_follow(limit=INLINE_BATCH, margin=timedelta())


def search_take_scores(*, ids: list[int]) -> None:
    """Shows new scores in the search. Part of the transaction that stores them."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_SCORES, {"ids": ids})
