"""The library's sectors in figures, out of its cells, as JSON in one statement."""

from collections.abc import Collection

from django.db import connection

from apps.core.sql import prepared_row

STATS = """
WITH figures AS (
  SELECT industry_sector_id, sum(n) AS total, coalesce(sum(n) FILTER (WHERE is_high_opportunity), 0) AS high,
    coalesce(sum(n) FILTER (WHERE is_paid), 0) AS paid
  FROM planner_librarycell WHERE %(sector_ids)s::bigint[] IS NULL OR industry_sector_id = ANY(%(sector_ids)s)
  GROUP BY industry_sector_id
),
mine AS (
  SELECT industry_sector_id, count(DISTINCT seed_keyword_id) AS added
  FROM planner_keyword
  WHERE account_id = %(account_id)s AND seed_keyword_id IS NOT NULL
    AND (%(site_ids)s::bigint[] IS NULL OR site_id = ANY(%(site_ids)s))
  GROUP BY industry_sector_id
)
SELECT coalesce(json_agg(json_build_object('sector_id', s.id, 'sector_name', s.name,
  'sector_description', s.description, 'stats', json_build_object('total', coalesce(f.total, 0),
    'added', coalesce(m.added, 0), 'available', greatest(0, coalesce(f.total, 0) - coalesce(m.added, 0)),
    'high_opportunity', coalesce(f.high, 0), 'paid', coalesce(f.paid, 0),
    'free', coalesce(f.total - f.paid, 0))) ORDER BY s.name, s.id), '[]')::text
FROM accounts_industrysector s
LEFT JOIN figures f ON f.industry_sector_id = s.id LEFT JOIN mine m ON m.industry_sector_id = s.id
WHERE s.is_active AND (%(sector_ids)s::bigint[] IS NULL OR s.id = ANY(%(sector_ids)s))
"""


def library_stats(
    *, account_id: int, site_ids: Collection[int] | None, sector_ids: Collection[int] = ()
) -> str:
    """Each sector's keywords in figures, a JSON array; `added`: how many of them these sites of the account have.

    `site_ids` None: all sites. No `sector_ids`: all sectors.
    """
    values = {
        "account_id": account_id,
        "site_ids": None if site_ids is None else sorted(site_ids),
        "sector_ids": sorted(sector_ids) or None,
    }
    connection.ensure_connection()
    return prepared_row(STATS, values)[0]
