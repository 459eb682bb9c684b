"""Pages of the keywords library, at any number of keywords: counted first, then read as JSON in one statement.

The count says how a page is found: from which end the order is walked, and whether it is walked at all. What is so
rare that a walk would pass more rows than there are to find is collected by the index of its filters, and sorted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.sql import prepared_row
from apps.planner.models.library import BANDS

SLOTS = 2**16

# Unknown difficulties last, whichever way; ties as the indexes have them.
ORDERINGS = {
    "keyword": "key, id",
    "-keyword": "key DESC, id DESC",
    "volume": "volume, id",
    "-volume": "volume DESC, id DESC",
    "difficulty": "difficulty NULLS LAST, volume DESC, id DESC",
    "-difficulty": "difficulty DESC NULLS LAST, volume DESC, id DESC",
    "country": "country, volume DESC, id DESC",
    "-country": "country DESC, volume DESC, id DESC",
}
# row_to_json, as json_build_object looks the types of its values up for each row anew.
_PAGE = """
SELECT coalesce(string_agg(row_to_json(r)::text, ',' ORDER BY {order}), ''), count(*)
FROM ({found}) AS s, LATERAL (
  SELECT s.id, s.keyword, s.volume, nullif(s.band, '') AS difficulty, s.difficulty AS difficulty_score, s.country,
    s.intent, s.industry_sector_id AS industry_sector, i.name AS industry_sector_name, s.is_high_opportunity,
    s.credit_cost > 0 AS is_paid, s.credit_cost,
    to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at{added}
  FROM accounts_industrysector i WHERE i.id = s.industry_sector_id
) AS r
"""
_ADDED = """,
    EXISTS (SELECT FROM planner_keyword k WHERE k.seed_keyword_id = s.id AND k.site_id = %(site_id)s) AS is_added"""
_BY_IDS = "SELECT * FROM planner_seedkeyword WHERE id = ANY(ARRAY({ids}))"
_WALKED = "SELECT {columns} FROM planner_seedkeyword WHERE {where} ORDER BY {order} {part}"
_WALKED_FOR_WORDS = """
SELECT id FROM (
  SELECT id, key FROM planner_seedkeyword WHERE {where} ORDER BY {order} LIMIT %(farthest)s
) AS s WHERE {words} {part}"""
# The OFFSET keeps the order out of it: else an index of the order would be walked after all.
_COLLECTED = """
SELECT id FROM (SELECT {columns} FROM planner_seedkeyword WHERE {where} OFFSET 0) AS s ORDER BY {order} {part}"""
# A row that is looked up in the table costs as much as so many that an index holds whole; and one that is found by
# its words, looked up, held against them and sorted, as so many.
LOOKED_UP, COLLECTED = 8, 16
_KNOWN = """
SELECT s.total, c.n FROM planner_librarystate s
LEFT JOIN planner_librarycount c ON c.slot = %(slot)s AND c.filters = %(filters)s AND c.version = s.version
"""
# The version and the count are of one moment. Not the INSERT itself: its SELECT would have no parallel workers.
_COUNT = """
SELECT (SELECT version FROM planner_librarystate) AS version, coalesce({counted}, 0) AS n FROM {table} WHERE {where}
"""
_KEEP = """
INSERT INTO planner_librarycount (slot, filters, version, n) VALUES (%(slot)s, %(filters)s, %(version)s, %(n)s)
ON CONFLICT (slot) DO UPDATE SET filters = EXCLUDED.filters, version = EXCLUDED.version, n = EXCLUDED.n
RETURNING n
"""


@dataclass(frozen=True)
class LibraryQuery:
    """What of the library is looked for. Empty and None mean all; `words` are of keys, and all must occur."""

    sector_ids: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    country: str = ""
    volume_min: int | None = None
    volume_max: int | None = None
    difficulty: tuple[str, ...] = ()
    intent: tuple[str, ...] = ()
    is_high_opportunity: bool | None = None
    is_paid: bool | None = None

    @cached_property
    def slot(self) -> dict[str, Any]:
        """Where the count of these filters is kept, and how it is known for theirs."""
        digest = blake2b(repr(self).encode(), digest_size=16).digest()
        return {"slot": int.from_bytes(digest[:4]) % SLOTS, "filters": UUID(bytes=digest)}

    @property
    def is_of_cells(self) -> bool:
        """Whether all that it asks for is a column of the cells."""
        return not self.words and not self.intent and self.volume_min is None and self.volume_max is None

    @cached_property
    def values(self) -> dict[str, Any]:
        return {
            "sectors": list(self.sector_ids),
            "sector": self.sector_ids[0] if self.sector_ids else None,
            "country": self.country,
            "volume_min": self.volume_min,
            "volume_max": self.volume_max,
            "bands": list(self.difficulty),
            "intents": list(self.intent),
        } | {f"word{n}": f"%{_escaped(word)}%" for n, word in enumerate(self.words)}

    @cached_property
    def _shared(self) -> list[str]:
        """Conditions that hold of keywords and of cells."""
        where = []
        if len(self.sector_ids) == 1:
            where.append("industry_sector_id = %(sector)s")
        elif self.sector_ids:
            where.append("industry_sector_id = ANY(%(sectors)s)")
        if self.country:
            where.append("country = %(country)s")
        if self.is_high_opportunity is not None:
            where.append("is_high_opportunity" if self.is_high_opportunity else "NOT is_high_opportunity")
        return where

    @cached_property
    def of_cells(self) -> str:
        where = [*self._shared]
        if self.difficulty:
            where.append("band = ANY(%(bands)s)")
        if self.is_paid is not None:
            where.append("is_paid" if self.is_paid else "NOT is_paid")
        return " AND ".join(where) or "true"

    def of_keywords(self, order: str = "") -> str:
        """The conditions on keywords but the words, as the indexes of an order take them best."""
        where = [*self._shared]
        if len(self.difficulty) == 1 and order.startswith("volume") and not self.sector_ids:
            where.append(f"band = '{self.difficulty[0]}'")
        elif self.difficulty:
            ranges = sorted(BANDS[label] for label in self.difficulty)
            # The hull of them is what an index of the difficulty can begin and end with.
            where.append(f"difficulty BETWEEN {ranges[0][0]} AND {ranges[-1][1]}")
            if len(ranges) > 1:
                parts = " OR ".join(f"difficulty BETWEEN {low} AND {top}" for low, top in ranges)
                where.append(f"({parts})")
        if self.volume_min is not None:
            where.append("volume >= %(volume_min)s")
        if self.volume_max is not None:
            where.append("volume <= %(volume_max)s")
        if self.intent:
            where.append("intent = ANY(%(intents)s)")
        if self.is_paid is not None:
            where.append("credit_cost > 0" if self.is_paid else "credit_cost = 0")
        return " AND ".join(where) or "true"

    @cached_property
    def leads_by_volume(self) -> bool:
        """Whether it asks for one thing only, and an index of the volume begins with that, or holds nothing else."""
        one = (
            len(self.sector_ids) == 1
            or self.country
            or len(self.difficulty) == 1
            or self.is_high_opportunity
            or self.is_paid
        )
        asked = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        return bool(one) and len(asked) == 1

    @cached_property
    def of_words(self) -> str:
        return " AND ".join(f"key LIKE %(word{n})s" for n in range(len(self.words))) or "true"


ALL = LibraryQuery()


def library_count(query: LibraryQuery) -> tuple[int, int]:
    """How many keywords the query finds, exactly, and how many the library holds."""
    row = _first(_KNOWN, query.slot)
    if row is None or not row[0]:
        return 0, 0
    total, n = row
    if query == ALL:
        return total, total
    if n is None:
        counted, table, where = (
            ("sum(n)", "planner_librarycell", query.of_cells)
            if query.is_of_cells
            else ("count(*)", "planner_seedkeyword", f"{query.of_keywords()} AND {query.of_words}")
        )
        statement = _COUNT.format(counted=counted, table=table, where=where)
        version, n = _first(statement, query.values)
        _first(_KEEP, {**query.slot, "version": version, "n": n})
    return n, total


def library_page(
    query: LibraryQuery,
    *,
    ordering: str,
    offset: int,
    limit: int,
    counts: tuple[int, int],
    site_id: int | None,
) -> bytes:
    """The keywords of a page as a JSON array. `counts` as library_count tells; `site_id` asks which the site has."""
    n, total = counts
    # Written into the statement, so that the plan is made once: of a LIMIT that it does not know PostgreSQL fears
    # the worst, and plans again each time. That takes longer than finding 20 rows.
    part = f"LIMIT {limit}" if offset == 0 and limit <= n else "LIMIT %(limit)s OFFSET %(passed)s"
    limit = min(limit, n - offset)
    if limit <= 0:
        return b"[]"
    order = ORDERINGS[ordering]
    behind = n - offset - limit
    backwards = behind < offset
    passed = behind if backwards else offset
    by_key = order.startswith("key")
    # What each way costs, in rows of an index, if those of the query stand evenly between all others.
    collecting = n * (COLLECTED if query.words else LOOKED_UP if by_key else 1)
    looked_up = LOOKED_UP if query.words and not by_key else 1
    led = query.leads_by_volume and order.startswith("volume")
    walking = passed + limit if led else (passed + limit) * total // n * looked_up
    values = {**query.values, "limit": limit, "passed": passed, "site_id": site_id}
    if walking >= collecting:
        ways = [_collected]
    elif query.words:
        # Words may stand together at the other end of the order: after a while they are collected after all.
        values["farthest"] = max(collecting // 3, 4 * walking) // looked_up
        ways = [_walked_for_words, _collected]
    elif passed <= limit and walking <= 4 * limit:
        ways = [_walked_in_the_table]
    else:
        ways = [_walked]
    for way in ways:
        rows, found = _first(_page(way, query, order, backwards, part, site_id is not None), values)
        if found == limit:
            break
    return b"[" + rows.encode() + b"]"


@lru_cache(maxsize=4096)
def _page(
    way: Callable[[LibraryQuery, str, str], str],
    query: LibraryQuery,
    order: str,
    backwards: bool,
    part: str,
    with_added: bool,
) -> str:
    found = way(query, _turned(order) if backwards else order, part)
    place = ", ".join(f"s.{term}" for term in order.split(", "))
    return _PAGE.format(found=found, order=place, added=_ADDED if with_added else "")


def _walked(query: LibraryQuery, order: str, part: str) -> str:
    """The ids out of the index alone, then the rows: what is passed is not looked up in the table."""
    return _BY_IDS.format(
        ids=_WALKED.format(columns="id", where=query.of_keywords(order), order=order, part=part)
    )


def _walked_in_the_table(query: LibraryQuery, order: str, part: str) -> str:
    """The rows at once, where hardly any is passed."""
    return _WALKED.format(columns="*", where=query.of_keywords(order), order=order, part=part)


def _walked_for_words(query: LibraryQuery, order: str, part: str) -> str:
    where = query.of_keywords(order)
    return _BY_IDS.format(
        ids=_WALKED_FOR_WORDS.format(where=where, order=order, words=query.of_words, part=part)
    )


def _collected(query: LibraryQuery, order: str, part: str) -> str:
    where, columns = f"{query.of_keywords()} AND {query.of_words}", ", ".join(_columns(order))
    return _BY_IDS.format(ids=_COLLECTED.format(columns=columns, where=where, order=order, part=part))


def _columns(order: str) -> list[str]:
    return [term.partition(" ")[0] for term in order.split(", ")]


def _turned(order: str) -> str:
    """The order, from its end."""
    terms = []
    for term in order.split(", "):
        column, _, rest = term.partition(" ")
        way = "" if rest.startswith("DESC") else " DESC"
        nulls = " NULLS FIRST" if "NULLS LAST" in rest else ""
        terms.append(column + way + nulls)
    return ", ".join(terms)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _first(statement: str, values: Mapping[str, Any]) -> tuple | None:
    connection.ensure_connection()
    return prepared_row(statement, values)
