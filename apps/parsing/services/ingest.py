"""Batches of products into the tables: what is new is copied straight in, what is known is merged where it changed.

Locks are taken in one order by every batch (category names, new products by gift_id, known ones by gift_id, sources
by id, the run), so that batches with the same products in any order wait for each other and never dead-lock. Scores
are never written here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from apps.core.errors import NotFound
from apps.core.internal import Unprocessable
from apps.core.ratelimit import first_row
from apps.core.sql import prepared_row
from apps.parsing.batches import Batch, Incoming
from apps.parsing.items import NULL, plain_json
from apps.parsing.models import Source, SourceRun

STATS_BYTES = 16 * 1024
# Of the products of a batch that many are looked for; where none of them is known, the others are taken for new too.
SAMPLE = 64
# Rows written at a time, while the database still works on those before.
ROWS = 16

# All that a batch must know, asked once: on a small batch each question costs as much as its rows.
# OFFSET 0: one look into the index a key, never a scan of all products.
_LOOK = """
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
        incoming = Incoming(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unprocessable([str(error)]) from None
    batch = incoming.batch
    known = _look(incoming)
    if batch.source_id not in known.sources:
        raise NotFound(f"There is no source {batch.source_id}. Make it with POST /internal/sources.")
    # A run that is made here is committed before the rest: who waits for it must hold nothing.
    known.run = known.run or _new_run(batch)
    try:
        result = _store(incoming, known)
    except DataError:
        # JSON that our reader takes and PostgreSQL does not: written anew it is plain.
        result = _store(incoming, known, plain=True)
    result.rejected = [
        {"index": index, "reason": reason} for index, reason in sorted(incoming.rejected.items())
    ]
    return result


def _id(given: int) -> int:
    """The id that is meant; 0, which nothing has, for a number that none can be."""
    return given if 0 < given < 2**63 else 0


def _look(incoming: Incoming, *, surely: bool = False) -> Known:
    """surely: each product is looked for, however many there are."""
    batch, keys = incoming.batch, list(incoming.entries)
    # No address has a line break in it, and a list of texts is ten times the work.
    sample = [] if surely or len(keys) <= SAMPLE else keys[:: len(keys) // SAMPLE]
    sources, ids, gift_ids, run_id, status = first_row(
        _LOOK,
        {
            "source": _id(batch.source_id),
            "sources": [_id(n) for n in incoming.source_ids],
            "names": list(incoming.names - {NULL}),
            "keys": "\n".join(keys),
            "sample": "\n".join(sample),
            "run": None if batch.run_id is None else _id(batch.run_id),
        },
    )
    run = SourceRun(pk=run_id, source_id=batch.source_id, status=status) if run_id else None
    return Known(set(sources), ids or {}, set(gift_ids), run)


def _store(incoming: Incoming, known: Known, *, plain: bool = False) -> Ingested:
    while True:
        try:
            return _store_known(incoming, known, plain)
        except IntegrityError as error:
            if "product_gift_id" not in str(error):
                raise
            # One that was taken for new is there, or another batch has just stored it: at least one less each time.
            known.gift_ids = _look(incoming, surely=True).gift_ids


def _store_known(incoming: Incoming, known: Known, plain: bool) -> Ingested:
    result = Ingested(categories_ingested=len(incoming.categories))
    ordered = sorted(incoming.entries)
    new = [gift_id for gift_id in ordered if gift_id not in known.gift_ids]
    with transaction.atomic():
        made, kept = Counter(), Counter()
        with connection.cursor() as cursor:
            reading = {
                "sources": known.sources,
                "names": _category_ids(cursor, known, incoming),
                "plain": plain,
            }
            _copy(cursor, f"parsing_product ({_COLUMNS})", incoming.lines(new, made=made, **reading))
            if len(new) < len(ordered):
                cursor.execute(_TABLE)
                old = [gift_id for gift_id in ordered if gift_id in known.gift_ids]
                _copy(cursor, "pg_temp.parsing_batch", incoming.lines(old, made=kept, **reading))
                cursor.execute(_UPDATE)
                result.items_updated = cursor.fetchone()[0]
        result.items_new = made.total()
        result.items_ingested = made.total() + kept.total()
        if incoming.categories:
            _discover(incoming.batch, incoming.categories)
        _count(incoming.batch, known.run, result, made)
    return result


def _copy(cursor, table: str, lines: Iterator[str]) -> None:
    """Sends what `lines` makes while it makes it."""
    chunk = list(islice(lines, ROWS))
    if not chunk:
        return
    with connection.wrap_database_errors, cursor.cursor.copy(f"COPY {table} FROM STDIN") as copy:
        while chunk:
            copy.write("".join(chunk).replace(NULL, "\\N").encode())
            chunk = list(islice(lines, ROWS))


def _category_ids(cursor, known: Known, incoming: Incoming) -> dict[str, int | str]:
    """The id of each category that the batch names; what has none yet is made."""
    missing = incoming.names - known.categories.keys() - {NULL}
    made = {}
    if missing:
        cursor.execute(_NAMES, {"names": list(missing)})
        cursor.nextset()
        made = dict(cursor.fetchall())
    return {**known.categories, **made, NULL: NULL}


def _new_run(batch: Batch) -> SourceRun:
    """Opens a run of the batch's source, or joins the one that was opened just now."""
    if batch.run_id is not None:
        raise NotFound(f"Source {batch.source_id} has no run {batch.run_id}. Leave run_id out to open one.")
    runs, found = SourceRun.objects.filter(source_id=batch.source_id), None
    while found is None:  # the one that was joined may have ended since
        run = SourceRun(source_id=batch.source_id, status=SourceRun.Status.RUNNING)
        SourceRun.objects.bulk_create([run], ignore_conflicts=True)
        found = runs.filter(status__in=SourceRun.OPEN).only("status").first()
    return found


def _discover(batch: Batch, categories: list[tuple]) -> None:
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


# The sources before the run, as whoever ends a run does it: the run is looked for when they are done.
_COUNT = """
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


def _count(batch: Batch, run: SourceRun, result: Ingested, made: dict[int, int]) -> None:
    stats = msgspec.json.encode(batch.stats or {})
    if len(stats) > STATS_BYTES:
        stats = b"{}"
    grown = {batch.source_id: 0, **made}
    prepared_row(
        _COUNT,
        {
            "ids": list(grown),
            "made": list(grown.values()),
            "begun": batch.source_id if run.status in SourceRun.OPEN else None,
            "items": result.items_ingested,
            "new": result.items_new,
            "updated": result.items_updated,
            "stats": plain_json(stats),
            "task": settings.PARSING_TASK_SECONDS,
            "lease": settings.PARSING_LEASE_SECONDS,
            "run_id": run.pk,
        },
    )
