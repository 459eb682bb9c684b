"""Keyword rows on their way into a table: COPY into a temporary one, then one statement merges them.

An exact volume beats an estimate, then the larger wins; a volume of 0 is unknown and beats nothing. A difficulty
or cost that the file does not tell stays as it was. The same file again changes no row.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from apps.planner.clustering import search_intent
from apps.planner.keyword_files import KeywordRow, Refusal, keyword_key

KEY_LENGTH = 500
MAX_CPC = Decimal("999999.99")
BATCH = 5000

DROP = "DROP TABLE IF EXISTS pg_temp.incoming"
STAGE = """
CREATE TEMP TABLE incoming (
  line bigint, keyword text, key text, country text, volume integer, volume_is_estimate boolean,
  difficulty smallint, intent text, cpc numeric
)
"""
COPY = "COPY incoming (line, keyword, key, country, volume, volume_is_estimate, difficulty, intent, cpc) FROM STDIN"

_RANK = "({0}.volume > 0)::int + ({0}.volume > 0 AND NOT {0}.volume_is_estimate)::int, {0}.volume"
_BETTER = f"({_RANK.format('EXCLUDED')}) > ({_RANK.format('k')})"
_MERGED = {
    "volume": f"CASE WHEN {_BETTER} THEN EXCLUDED.volume ELSE k.volume END",
    "volume_is_estimate": f"CASE WHEN {_BETTER} THEN EXCLUDED.volume_is_estimate ELSE k.volume_is_estimate END",
    "difficulty": "coalesce(EXCLUDED.difficulty, k.difficulty)",
    "intent": "CASE WHEN %(intents)s OR k.intent = '' THEN EXCLUDED.intent ELSE k.intent END",
}
_CPC = {"cpc": "coalesce(EXCLUDED.cpc, k.cpc)"}


@contextmanager
def staged(
    rows: Iterable[KeywordRow | Refusal], *, country: str, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[int, list[Refusal]]]:
    """The rows stand in the temporary table `incoming` for the length of the block.

    Yields how many were taken, and those that were not. `country` is for rows that name none. `progress` is told the
    number of rows read, outside any transaction of ours: a file may take minutes, and whoever listens may write to
    the database. Raises UnreadableKeywordFile when the file breaks off.
    """
    taken, refused, number = 0, [], 0
    with connection.cursor() as cursor:
        cursor.execute(DROP)
        cursor.execute(STAGE)
        try:
            batch: list[tuple] = []
            for number, row in enumerate(rows, 1):
                if isinstance(row, KeywordRow) and len(key := keyword_key(row.keyword)) <= KEY_LENGTH:
                    batch.append(_columns(row, key, country))
                elif isinstance(row, KeywordRow):
                    # Compatibility forms unfold: one ligature may become a phrase.
                    reason = f"Spelled out it has over {KEY_LENGTH} characters."
                    refused.append(Refusal(row.line, row.keyword[:100], "too_long", reason))
                else:
                    refused.append(row)
                if number % BATCH == 0:
                    taken += _copy(cursor, batch)
                    batch.clear()
                    if progress:
                        progress(number)
            taken += _copy(cursor, batch)
            if progress and number % BATCH:
                progress(number)
            cursor.execute("ANALYZE incoming")
            yield taken, refused
        finally:
            with suppress(DatabaseError):  # in a transaction that is lost already the table goes with it
                cursor.execute(DROP)


def _columns(row: KeywordRow, key: str, country: str) -> tuple:
    return (
        row.line,
        row.keyword,
        key,
        row.country or country,
        row.volume or 0,
        row.volume_is_estimate,
        row.difficulty,
        row.intent or search_intent(row.keyword),
        None if row.cpc is None else min(row.cpc, MAX_CPC),
    )


def _copy(cursor: CursorWrapper, rows: list[tuple]) -> int:
    with cursor.copy(COPY) as copy:
        for row in rows:
            copy.write_row(row)
    return len(rows)


def merge(
    cursor: CursorWrapper,
    *,
    table: str,
    owner: dict,
    conflict: str,
    fixed: dict[str, str],
    cpc: bool,
    intents: bool,
) -> tuple[int, int]:
    """Merges `incoming` into `table` in one statement; returns how many rows were added and updated.

    `owner`: columns that are the same in every row, by value. `fixed`: columns with an SQL expression for new rows.
    `intents`: whether the file names intents, which then stand over those that are there.
    """
    merged = _MERGED | (_CPC if cpc else {})
    # The row of the table stays as it is: told before, as ON CONFLICT would lock it, which writes.
    first, *others = conflict.split(", ")
    alike = " AND ".join([f"k.{first} = %({first})s", *(f"k.{column} = i.{column}" for column in others)])
    there, coming = (", ".join(f"k.{n}" for n in merged)), ", ".join(merged.values())
    columns = ["keyword", "key", "country", *merged]
    touched = ", updated_at = now()" if "updated_at" in fixed else ""
    cursor.execute(
        f"""
        WITH merged AS (
          INSERT INTO {table} AS k ({", ".join([*owner, *fixed, *columns])})
          SELECT {", ".join([*(f"%({name})s" for name in owner), *fixed.values(), *columns])} FROM incoming i
          WHERE NOT EXISTS (
            SELECT FROM {table} k
            WHERE {alike} AND ({there}) IS NOT DISTINCT FROM ({coming.replace("EXCLUDED", "i")})
          )
          ON CONFLICT ({conflict}) DO UPDATE SET {", ".join(f"{n} = {e}" for n, e in merged.items())}{touched}
          WHERE ({there}) IS DISTINCT FROM ({coming})
          RETURNING k.xmax = 0 AS is_new
        )
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM merged
        """,  # noqa: S608  the names are this package's own, the values are parameters
        {**owner, "intents": intents},
    )
    return cursor.fetchone()
