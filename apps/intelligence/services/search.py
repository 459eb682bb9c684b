"""The search over products: by words, axes, price and category.

Each search first takes over a few rows (`services/following.py`), so that what was just ingested is found.
"""

import json
from dataclasses import dataclass, field

from django.db import connection

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.services.categories import MAPPED, external_ids
from apps.intelligence.services.following import WORDS, search_follow_some

LOOKED_AT = 5000
MOST_WORDS = 10
MEANINGS = 100  # words that one beginning may stand for, before it is looked for as a beginning


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
    search_follow_some()
    column = ORDERINGS[query.ordering.removeprefix("-")]
    way = "DESC" if query.ordering.startswith("-") else "ASC"
    conditions = _conditions(query)
    if conditions is None:
        return []
    if column != "product_id":
        conditions.append(_Condition(column, f"{column} IS NOT NULL"))
    order = f"{column} {way}" + ("" if column == "product_id" else f", product_id {way}")
    return _rows(_ids(query, conditions, column, order))


def _ids(query: ProductQuery, conditions: list["_Condition"], column: str, order: str) -> list[int]:
    """The ids of a page. What PostgreSQL expects of words and axes together is often wrong by far, so it is not asked
    to choose: the first LOOKED_AT rows in the order are looked at, which finds what is frequent; what they hold too
    little of is rare enough to be collected by the indexes and sorted."""
    last = query.offset + query.limit
    along = [c for c in conditions if c.column == column]
    others = [c for c in conditions if c.column != column]
    inner = _select("*", along) + f" ORDER BY {order} LIMIT %s"
    with connection.cursor() as cursor:
        if not others:
            params = [*_values(along), last, query.offset]
            cursor.execute(f"SELECT product_id FROM ({inner}) AS s OFFSET %s", params)  # noqa: S608
            return [row[0] for row in cursor.fetchall()]
        statement = f"SELECT product_id FROM ({inner}) AS s WHERE {_where(others)} LIMIT %s"  # noqa: S608
        cursor.execute(statement, [*_values(along), max(LOOKED_AT, last), *_values(others), last])
        found = [row[0] for row in cursor.fetchall()]
        if len(found) < last:
            hits = _select(f"product_id, {column} AS ordered", conditions)
            order = order.replace(column, "ordered", 1) if column != "product_id" else order
            statement = (
                f"WITH hits AS MATERIALIZED ({hits}) SELECT product_id FROM hits ORDER BY {order} LIMIT %s"  # noqa: S608
            )
            cursor.execute(statement, [*_values(conditions), last])
            found = [row[0] for row in cursor.fetchall()]
    return found[query.offset :]


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition on one column, with its value if it has one."""

    column: str
    sql: str
    value: object = None


def _select(columns: str, conditions: list[_Condition]) -> str:
    return f"SELECT {columns} FROM intelligence_productsearch WHERE {_where(conditions)}"  # noqa: S608


def _where(conditions: list[_Condition]) -> str:
    return " AND ".join(c.sql for c in conditions) or "true"


def _values(conditions: list[_Condition]) -> list:
    return [c.value for c in conditions if "%s" in c.sql]


def _conditions(query: ProductQuery) -> list[_Condition] | None:
    """None for what nothing can fit."""
    found: list[_Condition] = []
    if query.text:
        words = _words(query.text)
        if not words:
            return None
        found.append(_Condition("words", "words @@ %s::tsquery", words))
    ranges = {f'"{axis}"': ends for axis, ends in query.axes.items()}
    for column, (least, most) in {**ranges, "gift_score": query.score, "price": query.price}.items():
        if least is not None:
            found.append(_Condition(column, f"{column} >= %s", least))
        if most is not None:
            found.append(_Condition(column, f"{column} <= %s", most))
    if query.currency:
        found.append(_Condition("currency", "currency = %s", query.currency))
    if query.site_key:
        found.append(_Condition("site_key", "site_key = %s", query.site_key))
    if query.scored is not None:
        found.append(_Condition("gift_score", f"gift_score IS {'NOT ' if query.scored else ''}NULL"))
    if query.category is not None or query.external_category:
        ids = external_ids(internal_id=query.category, name=query.external_category)
        if not ids:
            return None
        found.append(_Condition("category_id", "category_id = ANY(%s)", ids))
    return found


# The end of what begins with a word is the word and the last character there is.
_MEANT = f"""
SELECT asked.lexeme, ARRAY(
  SELECT word FROM intelligence_searchword
  WHERE word >= asked.lexeme AND word < asked.lexeme || chr(1114111) ORDER BY word LIMIT {MEANINGS + 1})
FROM unnest({WORDS.format("lower(%s)")}) AS asked ORDER BY asked.positions[1] LIMIT {MOST_WORDS}
"""  # noqa: S608


def _words(text: str) -> str:
    """The words of a search as a tsquery, empty where nothing can fit. A beginning is spelled out as the words that it
    stands for: to meet whole words costs PostgreSQL a seventh of meeting beginnings, of which it collects all first."""
    with connection.cursor() as cursor:
        cursor.execute(_MEANT, [text.replace("\0", "")])
        meant = cursor.fetchall()
    if not meant or not all(words for _, words in meant):
        return ""
    return " & ".join(
        f"({' | '.join(map(_quoted, words))})" if len(words) <= MEANINGS else f"{_quoted(beginning)}:*"
        for beginning, words in meant
    )


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


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
