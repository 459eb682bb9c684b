"""A library of any size for bench.library: sectors, countries, volumes and words as unevenly spread as real ones."""

import os

from django.db import connection

ROWS = int(os.environ.get("ROWS", 1_000_000))
SECTORS = 60
COUNTRIES = "US GB DE FR CA AU ES IT NL SE PL BR".split()
HEADS = (
    "coffee shoes insurance hotel bike laptop garden camera pizza yoga guitar tent mattress vacuum perfume drone "
    "printer helmet aquarium sauna violin telescope kayak compost bonsai harmonica abacus sextant zither"
).split()
TAILS = (
    "best|cheap|how to clean a|buy|review of the|used|small|near me|for beginners|ideas|price|versus|repair|rent a|"
    "what is a|top rated|kids|electric|waterproof|second hand"
).split("|")

# u1 … are even between 0 and 1, and the same in every run.
FILL = """
WITH drawn AS (
  SELECT n, {draws} FROM generate_series(1, %(rows)s) AS n
), shaped AS (
  SELECT *, greatest(10, round((10 * power(10, 4.5 * power(u1, 5)))::numeric, -1))::int AS searches FROM drawn
)
INSERT INTO planner_seedkeyword (industry_sector_id, keyword, key, country, volume, volume_is_estimate, difficulty,
  intent, cpc, high_opportunity_by_staff, credit_cost, created_at)
SELECT (%(sectors)s::bigint[])[1 + floor({sectors} * u2 * u2)::int], text, text,
  (%(countries)s::text[])[1 + floor({countries} * power(u3, 3))::int], searches, false,
  CASE WHEN u4 > 0.03 THEN least(100, (70 * u4 + 7 * log(searches))::int) END,
  (ARRAY['informational', 'commercial', 'transactional', 'navigational'])[1 + floor(4 * u5 * u5)::int],
  round((20 * u6)::numeric, 2), false, CASE WHEN u7 < 0.04 THEN 1 + n %% 5 ELSE 0 END, now()
FROM shaped, LATERAL (
  SELECT (%(tails)s::text[])[1 + floor({tails} * u8)::int] || ' '
    || (%(heads)s::text[])[1 + floor({heads} * power(u9, 3))::int] || ' model '
    || (hashint4(n + 999) & 2147483647) %% 20000 || ' no ' || n AS text
) AS t
"""


def fill() -> list[int]:
    """Makes ROWS keywords of the library; returns the ids of their sectors, the largest first."""
    from apps.accounts.models import Industry, IndustrySector

    industry = Industry.objects.create(name="Bench", slug="bench")
    sectors = IndustrySector.objects.bulk_create(
        IndustrySector(industry=industry, name=f"Sector {n}", slug=f"sector-{n}") for n in range(SECTORS)
    )
    draws = ", ".join(
        f"(hashint4(n + {i * 7_000_003}) & 2147483647) / 2147483648.0::float8 AS u{i}" for i in range(1, 10)
    )
    statement = FILL.format(
        draws=draws, sectors=SECTORS, countries=len(COUNTRIES), tails=len(TAILS), heads=len(HEADS)
    )
    values = {
        "rows": ROWS,
        "sectors": [sector.pk for sector in sectors],
        "countries": COUNTRIES,
        "tails": TAILS,
        "heads": HEADS,
    }
    with connection.cursor() as cursor:
        indexes = _drop_indexes(cursor)
        cursor.execute(statement, values)
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE planner_seedkeyword")
        cursor.execute("VACUUM ANALYZE planner_librarycell")
        cursor.execute("CHECKPOINT")
    return [sector.pk for sector in sectors]


def _drop_indexes(cursor) -> list[str]:
    """Drops the indexes that are no constraints and returns how they are made again."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'planner_seedkeyword'"
        " AND indexname NOT LIKE '%%pkey' AND indexname <> 'seed_keyword_once'"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]
