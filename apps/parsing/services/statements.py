"""The statements of the ingestion."""

# All that a batch must know, asked once: on a small batch each question costs as much as its rows.
# OFFSET 0: one look into the index a key, never a scan of all products.
LOOK = """
SELECT
  ARRAY(SELECT id FROM parsing_source WHERE id = ANY(%(sources)s::bigint[])),
  (SELECT json_object_agg(name, id) FROM parsing_externalcategory WHERE name = ANY(%(names)s::text[])),
  CASE WHEN %(sample)s::text = '' OR EXISTS (SELECT FROM unnest(string_to_array(%(sample)s::text, E'\\n')) AS key
    WHERE EXISTS (SELECT FROM parsing_product p WHERE p.gift_id = key OFFSET 0))
  THEN ARRAY(SELECT key FROM unnest(string_to_array(%(keys)s::text, E'\\n')) AS key
    WHERE EXISTS (SELECT FROM parsing_product p WHERE p.gift_id = key OFFSET 0))
  ELSE '{}'::text[] END,
  run.id, run.status
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
  SELECT id, status FROM parsing_sourcerun WHERE source_id = %(source)s::bigint
    AND (id = %(run)s::bigint OR %(run)s::bigint IS NULL AND status IN ('queued', 'running')) LIMIT 1
) AS run ON true
"""
NAMES = """
INSERT INTO parsing_externalcategory (name) SELECT n FROM unnest(%(names)s::text[]) AS n ORDER BY n
ON CONFLICT (name) DO NOTHING;
SELECT name, id FROM parsing_externalcategory WHERE name = ANY(%(names)s::text[])
"""
COLUMNS = (
    "gift_id, site_key, product_url, title, description, price, currency, image_url, merchant, raw_data, category_id,"
    " source_id"
)
# Emptied before each batch, not at each commit: that would shorten its files, which costs more than the COPY does.
TABLE = """
DO $$ BEGIN
  IF to_regclass('pg_temp.parsing_batch') IS NULL THEN
    CREATE TEMP TABLE parsing_batch (
      gift_id text COLLATE "C", site_key text, product_url text, title text, description text, price numeric(14, 2),
      currency text, image_url text, merchant text, raw_data jsonb, category_id bigint, source_id bigint
    ) ON COMMIT PRESERVE ROWS;
  ELSIF pg_relation_size('pg_temp.parsing_batch') > 8 * 1024 * 1024 THEN
    TRUNCATE pg_temp.parsing_batch;
  ELSE
    DELETE FROM pg_temp.parsing_batch;
  END IF;
END $$
"""
_TEXT = ("title", "description", "merchant", "category_id")
_OTHERS = ("price", "currency", "image_url", "raw_data")


def _row(table: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{table}.{c}' for c in columns)})"


# What is there unchanged is not even locked. The second comparison sees what another batch has just written; what was
# deleted since it was looked for is made again.
UPDATE = f"""
WITH changed AS (
  INSERT INTO parsing_product AS p ({COLUMNS})
  SELECT {COLUMNS} FROM pg_temp.parsing_batch b
  WHERE coalesce((
    SELECT {_row("p", _TEXT + _OTHERS)} IS DISTINCT FROM {_row("b", _TEXT + _OTHERS)}
    FROM parsing_product p WHERE p.gift_id = b.gift_id
  ), true)
  ORDER BY b.gift_id
  ON CONFLICT (gift_id) DO UPDATE SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _TEXT + _OTHERS)}, updated_at = now(),
    text_version = p.text_version + ({_row("p", _TEXT)} IS DISTINCT FROM {_row("EXCLUDED", _TEXT)})::int
  WHERE {_row("p", _TEXT + _OTHERS)} IS DISTINCT FROM {_row("EXCLUDED", _TEXT + _OTHERS)}
  RETURNING source_id
)
SELECT count(*) FROM changed
"""  # noqa: S608  the names of our own columns

# The sources before the run, as whoever ends a run does it: the run is looked for when they are done.
COUNT = """
WITH grown AS (
  UPDATE parsing_source s SET items_total = s.items_total + n.new,
    status = CASE WHEN n.begins THEN 'running' ELSE s.status END
  FROM (
    SELECT s.id, u.new, s.id = %(begun)s::bigint AND s.status IN ('waiting', 'queued', 'error') AS begins
    FROM unnest(%(ids)s::bigint[], %(made)s::bigint[]) AS u(id, new) JOIN parsing_source s ON s.id = u.id
    WHERE u.new > 0 OR (s.id = %(begun)s::bigint AND s.status IN ('waiting', 'queued', 'error'))
    ORDER BY s.id FOR NO KEY UPDATE OF s
  ) AS n
  WHERE s.id = n.id RETURNING s.id
), counted AS (
  UPDATE parsing_sourcerun SET items_scraped = items_scraped + %(items)s::int, items_new = items_new + %(new)s::int,
    items_updated = items_updated + %(updated)s::int, stats = stats || %(stats)s::jsonb,
    lease_until = CASE WHEN status IN ('queued', 'running') THEN greatest(lease_until, now()
      + make_interval(secs => CASE worker WHEN '' THEN %(task)s::int ELSE %(lease)s::int END)) ELSE lease_until END,
    started_at = coalesce(started_at, now()),
    status = CASE status WHEN 'queued' THEN 'running' ELSE status END
  WHERE id = %(run_id)s::bigint AND (SELECT count(*) FROM grown) >= 0 RETURNING id
)
SELECT count(*) FROM counted
"""
