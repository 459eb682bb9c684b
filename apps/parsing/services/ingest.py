"""Batches of products into the tables: what is new is copied straight in, what is known is merged where it changed.

Locks are taken in one order by every batch (category names, new products by gift_id, known ones by gift_id, sources
by id, the run), so that batches with the same products in any order wait for each other and never dead-lock. Scores
are never written here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from apps.core.errors import NotFound
from apps.core.internal import Unprocessable
from apps.parsing import items as reading
from apps.parsing.models import Source, SourceRun

STATS_BYTES = 16 * 1024

# All that a batch must know, asked once: on a small batch each question costs as much as its rows.
# OFFSET 0: one look into the index a key, never a scan of all products.
_LOOK = """
SELECT
  ARRAY(SELECT id FROM parsing_source WHERE id = ANY(%(sources)s::bigint[])),
  (SELECT json_object_agg(name, id) FROM parsing_externalcategory WHERE name = ANY(%(names)s::text[])),
  ARRAY(SELECT key FROM unnest(string_to_array(%(keys)s, E'\\n')) AS key
    WHERE EXISTS (SELECT FROM parsing_product p WHERE p.gift_id = key OFFSET 0)),
  run.id, run.status
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
  SELECT id, status FROM parsing_sourcerun WHERE source_id = %(source)s
    AND (id = %(run)s OR %(run)s IS NULL AND status IN ('queued', 'running')) LIMIT 1
) AS run ON true
"""
_NAMES = """
INSERT INTO parsing_externalcategory (name) SELECT n FROM unnest(%(names)s::text[]) AS n ORDER BY n
ON CONFLICT (name) DO NOTHING;
SELECT name, id FROM parsing_externalcategory WHERE name = ANY(%(names)s::text[])
"""
_COLUMNS = (
    "gift_id, site_key, product_url, title, description, price, currency, image_url, merchant, raw_data, category_id,"
    " source_id"
)
# Emptied before each batch, not at each commit: that would shorten its files, which costs more than the COPY does.
_TABLE = """
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
_UPDATE = f"""
WITH changed AS (
  INSERT INTO parsing_product AS p ({_COLUMNS})
  SELECT {_COLUMNS} FROM pg_temp.parsing_batch b
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


@dataclass
class Ingested:
    items_ingested: int = 0
    categories_ingested: int = 0
    items_new: int = 0
    items_updated: int = 0
    rejected: list[dict] = field(default_factory=list)


@dataclass
class Known:
    """What is there already of what a batch names."""

    sources: set[int]
    categories: dict[str, int]
    gift_ids: set[str]
    run: SourceRun | None


def batch_ingest(*, body: bytes) -> Ingested:
    """Stores a batch as it came over the wire. Raises Unprocessable, NotFound for an unknown source or run."""
    try:
        batch, indexes, rejected = reading.read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unprocessable([str(error)]) from None
    read: list[tuple[int, tuple]] = []
    for index, item in zip(indexes, batch.items, strict=True):
        source_id = batch.source_id if item.source_id is None else item.source_id
        try:
            read.append((index, reading.row(item, source_id)))
        except ValueError as error:
            rejected.append({"index": index, "reason": str(error)})
    categories = reading.categories(batch)
    known = _look(batch, [row for _, row in read], categories)
    if batch.source_id not in known.sources:
        raise NotFound(f"There is no source {batch.source_id}. Make it with POST /internal/sources.")
    rows: dict[str, tuple] = {}
    for index, row in read:
        if row[-1] in known.sources:
            rows[row[0]] = row
        else:
            rejected.append({"index": index, "reason": f"source_id: There is no source {row[-1]}."})
    # A run that is made here is committed before the rest: who waits for it must hold nothing.
    known.run = known.run or _new_run(batch)
    try:
        result = _store(batch, known, rows, categories)
    except DataError:
        # JSON that our reader takes and PostgreSQL does not: written anew it is plain.
        plain = {
            key: (*r[:9], reading.plain_json(r[9], strict=False) or reading.NULL, *r[10:])
            for key, r in rows.items()
        }
        result = _store(batch, known, plain, categories)
    result.rejected = sorted(rejected, key=lambda r: r["index"])
    return result


def _look(batch: reading.Batch, rows: Iterable[tuple], categories: list[tuple]) -> Known:
    names = {r[10] for r in rows} | {c[1] for c in categories}
    with connection.cursor() as cursor:
        cursor.execute(
            _LOOK,
            {
                "source": batch.source_id,
                "sources": [n for n in {batch.source_id, *(r[11] for r in rows)} if 0 < n < 2**63],
                "names": list(names - {reading.NULL}),
                # No address has a line break in it, and a list of texts is ten times the work.
                "keys": "\n".join([r[0] for r in rows]),
                "run": batch.run_id,
            },
        )
        sources, ids, gift_ids, run_id, status = cursor.fetchone()
    run = SourceRun(pk=run_id, source_id=batch.source_id, status=status) if run_id else None
    return Known(set(sources), ids or {}, set(gift_ids), run)


def _store(batch: reading.Batch, known: Known, rows: dict[str, tuple], categories: list[tuple]) -> Ingested:
    ordered = [rows[key] for key in sorted(rows)]
    while True:
        try:
            return _store_known(batch, known, ordered, categories)
        except IntegrityError as error:
            if "product_gift_id" not in str(error):
                raise
            # Another batch has just stored one of the new ones, which is known by now: at least one less each time.
            known.gift_ids = _look(batch, ordered, categories).gift_ids


def _store_known(batch: reading.Batch, known: Known, rows: list[tuple], categories: list[tuple]) -> Ingested:
    result = Ingested(items_ingested=len(rows), categories_ingested=len(categories))
    new = [r for r in rows if r[0] not in known.gift_ids]
    with transaction.atomic():
        with connection.cursor() as cursor:
            ids = _category_ids(cursor, known, rows, categories)
            if new:
                _copy(cursor, f"parsing_product ({_COLUMNS})", reading.copy_text(new, ids))
                result.items_new = len(new)
            if len(new) < len(rows):
                cursor.execute(_TABLE)
                old = [r for r in rows if r[0] in known.gift_ids]
                _copy(cursor, "pg_temp.parsing_batch", reading.copy_text(old, ids))
                cursor.execute(_UPDATE)
                result.items_updated = cursor.fetchone()[0]
        if categories:
            _discover(batch, categories)
        _count(batch, known.run, result, Counter(r[11] for r in new))
    return result


def _copy(cursor, table: str, lines: bytes) -> None:
    with connection.wrap_database_errors, cursor.cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write(lines)


def _category_ids(cursor, known: Known, rows: list[tuple], categories: list[tuple]) -> dict[str, int | str]:
    """The id of each category that the batch names; what has none yet is made."""
    missing = ({r[10] for r in rows} | {c[1] for c in categories}) - known.categories.keys() - {reading.NULL}
    made = {}
    if missing:
        cursor.execute(_NAMES, {"names": list(missing)})
        cursor.nextset()
        made = dict(cursor.fetchall())
    return {**known.categories, **made, reading.NULL: reading.NULL}


def _new_run(batch: reading.Batch) -> SourceRun:
    """Opens a run of the batch's source, or joins the one that was opened just now."""
    if batch.run_id is not None:
        raise NotFound(f"Source {batch.source_id} has no run {batch.run_id}. Leave run_id out to open one.")
    runs, found = SourceRun.objects.filter(source_id=batch.source_id), None
    while found is None:  # the one that was joined may have ended since
        run = SourceRun(source_id=batch.source_id, status=SourceRun.Status.RUNNING)
        SourceRun.objects.bulk_create([run], ignore_conflicts=True)
        found = runs.filter(status__in=SourceRun.OPEN).only("status").first()
    return found


def _discover(batch: reading.Batch, categories: list[tuple]) -> None:
    """Categories that are not known yet become sources in the backlog."""
    parents = dict(Source.objects.filter(url__in={c[3] for c in categories if c[3]}).values_list("url", "pk"))
    Source.objects.bulk_create(
        [
            Source(
                url=url,
                name=name,
                site_key=site_key,
                parent_id=parents.get(parent, batch.source_id),
                type=Source.Type.LIST,
                status=Source.Status.DISCOVERED,
                is_active=False,
            )
            for url, name, site_key, parent in categories
        ],
        ignore_conflicts=True,
    )


# The sources before the run, as whoever ends a run does it.
_COUNT = """
UPDATE parsing_source s SET items_total = s.items_total + n.new,
  status = CASE WHEN n.begins THEN 'running' ELSE s.status END
FROM (
  SELECT s.id, u.new, s.id = %(begun)s AND s.status IN ('waiting', 'queued', 'error') AS begins
  FROM unnest(%(ids)s::bigint[], %(made)s::bigint[]) AS u(id, new) JOIN parsing_source s ON s.id = u.id
  WHERE u.new > 0 OR (s.id = %(begun)s AND s.status IN ('waiting', 'queued', 'error'))
  ORDER BY s.id FOR NO KEY UPDATE OF s
) AS n
WHERE s.id = n.id;
UPDATE parsing_sourcerun SET items_scraped = items_scraped + %(items)s, items_new = items_new + %(new)s,
  items_updated = items_updated + %(updated)s, stats = stats || %(stats)s::jsonb,
  lease_until = CASE WHEN status IN ('queued', 'running') THEN greatest(lease_until,
    now() + make_interval(secs => CASE worker WHEN '' THEN %(task)s ELSE %(lease)s END)) ELSE lease_until END,
  started_at = coalesce(started_at, now()),
  status = CASE status WHEN 'queued' THEN 'running' ELSE status END
WHERE id = %(run_id)s
"""


def _count(batch: reading.Batch, run: SourceRun, result: Ingested, made: dict[int, int]) -> None:
    stats = msgspec.json.encode(batch.stats or {})
    if len(stats) > STATS_BYTES:
        stats = b"{}"
    grown = {batch.source_id: 0, **made}
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "ids": list(grown),
                "made": list(grown.values()),
                "begun": batch.source_id if run.status in SourceRun.OPEN else None,
                "items": result.items_ingested,
                "new": result.items_new,
                "updated": result.items_updated,
                "stats": reading.plain_json(stats),
                "task": settings.PARSING_TASK_SECONDS,
                "lease": settings.PARSING_LEASE_SECONDS,
                "run_id": run.pk,
            },
        )
