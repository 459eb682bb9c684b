"""Batches of products into the tables: one COPY, one INSERT and one merge, all in one transaction.

Locks are taken in one order by every batch (category names, new products by gift_id, known ones by gift_id, sources
by id, the run), so that batches with the same products in any order wait for each other and never dead-lock. Scores
are never written here.
"""

from dataclasses import dataclass, field

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from apps.core.errors import NotFound
from apps.core.internal import Unprocessable
from apps.parsing import items as reading
from apps.parsing.addresses import normalised
from apps.parsing.models import Source, SourceRun

STATS_BYTES = 16 * 1024

# Emptied before each batch, not at each commit: that would shorten its files, which costs more than the COPY does.
_TABLE = """
DO $$ BEGIN
  IF to_regclass('pg_temp.parsing_batch') IS NULL THEN
    CREATE TEMP TABLE parsing_batch (
      gift_id text, site_key text, product_url text, title text, description text, price numeric(14, 2),
      currency text, image_url text, merchant text, category text, raw_data jsonb, source_id bigint
    ) ON COMMIT PRESERVE ROWS;
  ELSIF pg_relation_size('pg_temp.parsing_batch') > 8 * 1024 * 1024 THEN
    TRUNCATE pg_temp.parsing_batch;
  ELSE
    DELETE FROM pg_temp.parsing_batch;
  END IF;
END $$
"""
_COPY = "COPY pg_temp.parsing_batch FROM STDIN"
_NAMES = """
INSERT INTO parsing_externalcategory (name)
SELECT n FROM (SELECT DISTINCT unnest(%s::text[]) AS n) AS names
WHERE NOT EXISTS (SELECT 1 FROM parsing_externalcategory c WHERE c.name = n) ORDER BY n
ON CONFLICT (name) DO NOTHING
"""
_TEXT = ("title", "description", "merchant", "category_id")
_OTHERS = ("price", "currency", "image_url", "raw_data")
_SET = ", ".join(f"{c} = EXCLUDED.{c}" for c in (*_TEXT, *_OTHERS))


def _row(table: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{table}.{c}' for c in columns)})"


_SELECT = """
  SELECT b.gift_id, b.site_key, b.source_id, b.product_url, b.title, b.description, b.price, b.currency,
    b.image_url, b.merchant, c.id, b.raw_data
  FROM pg_temp.parsing_batch b LEFT JOIN parsing_externalcategory c ON c.name = b.category
"""
_COLUMNS = (
    "gift_id, site_key, source_id, product_url, title, description, price, currency, image_url, merchant, category_id,"
    " raw_data"
)
# OFFSET 0: one look into the index a row, never a scan of all products.
_INSERT = f"""
WITH made AS (
  INSERT INTO parsing_product ({_COLUMNS}) {_SELECT}
  WHERE NOT EXISTS (SELECT FROM parsing_product p WHERE p.gift_id = b.gift_id OFFSET 0)
  ORDER BY b.gift_id %s RETURNING source_id
)
SELECT source_id, count(*) FROM made GROUP BY source_id
"""  # noqa: S608  the names of our own columns
# What is there unchanged is not even locked.
_UPDATE = f"""
WITH changed AS (
  INSERT INTO parsing_product AS p ({_COLUMNS}) {_SELECT}
  WHERE (
    SELECT {_row("p", _TEXT + _OTHERS)} IS DISTINCT FROM (b.title, b.description, b.merchant, c.id, b.price, b.currency,
      b.image_url, b.raw_data)
    FROM parsing_product p WHERE p.gift_id = b.gift_id
  )
  ORDER BY b.gift_id
  ON CONFLICT (gift_id) DO UPDATE SET {_SET}, updated_at = now(),
    text_version = p.text_version + ({_row("p", _TEXT)} IS DISTINCT FROM {_row("EXCLUDED", _TEXT)})::int
  WHERE {_row("p", _TEXT + _OTHERS)} IS DISTINCT FROM {_row("EXCLUDED", _TEXT + _OTHERS)}
  RETURNING source_id
)
SELECT count(*) FROM changed
"""  # noqa: S608


@dataclass
class Ingested:
    items_ingested: int = 0
    categories_ingested: int = 0
    items_new: int = 0
    items_updated: int = 0
    rejected: list[dict] = field(default_factory=list)


def batch_ingest(*, body: bytes) -> Ingested:
    """Stores a batch as it came over the wire. Raises Unprocessable, NotFound for an unknown source or run."""
    try:
        batch, indexes, rejected = reading.read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unprocessable([str(error)]) from None
    sources = _sources(batch, indexes, rejected)
    rows: dict[str, tuple] = {}
    for index, item in zip(indexes, batch.items, strict=True):
        source_id = batch.source_id if item.source_id is None else item.source_id
        if source_id not in sources:
            rejected.append({"index": index, "reason": f"source_id: There is no source {source_id}."})
            continue
        try:
            row = reading.row(item)
        except ValueError as error:
            rejected.append({"index": index, "reason": str(error)})
        else:
            rows[row[0]] = (*row, source_id)
    categories = _categories(batch)
    # A run that is made here is committed before the rest: who waits for it must hold nothing.
    run = _run(batch)
    try:
        result = _store(batch, run, rows, categories)
    except DataError:
        # JSON that our reader takes and PostgreSQL does not: written anew it is plain.
        plain = {key: (*r[:10], reading.plain_json(r[10], strict=False), r[11]) for key, r in rows.items()}
        result = _store(batch, run, plain, categories)
    result.rejected = sorted(rejected, key=lambda r: r["index"])
    return result


def _sources(batch: reading.Batch, indexes: list[int], rejected: list[dict]) -> set[int]:
    """The sources that the batch names and that exist."""
    named = {batch.source_id} | {i.source_id for i in batch.items if i.source_id is not None}
    found = set(
        Source.objects.filter(pk__in=[n for n in named if 0 < n < 2**63]).values_list("pk", flat=True)
    )
    if batch.source_id not in found:
        raise NotFound(f"There is no source {batch.source_id}. Make it with POST /internal/sources.")
    return found


def _categories(batch: reading.Batch) -> list[tuple[str, str, str, str]]:
    """(url, name, site_key, parent url) of each category once; what does not fit is left out."""
    found = {}
    for category in batch.categories or ():
        name = reading.text(category.name, reading.NAME)
        try:
            url = normalised(category.url)
            parent = normalised(category.parent_url) if category.parent_url else ""
        except ValueError:
            continue
        if name and reading.SITE_KEY.fullmatch(category.site_key):
            found[url] = (url, name, category.site_key, parent)
    return sorted(found.values())


def _store(batch: reading.Batch, run: SourceRun, rows: dict[str, tuple], categories: list[tuple]) -> Ingested:
    result = Ingested(items_ingested=len(rows), categories_ingested=len(categories))
    with transaction.atomic():
        names = {r[9] for r in rows.values() if r[9]} | {c[1] for c in categories}
        made: dict[int, int] = {}
        with connection.cursor() as cursor:
            if names:
                cursor.execute(_NAMES, [list(names)])
            if rows:
                cursor.execute(_TABLE)
                with cursor.cursor.copy(_COPY) as copy:
                    copy.write(reading.copy_text(sorted(rows.values())))
                made = _insert(cursor)
                result.items_new = sum(made.values())
                if result.items_new < len(rows):
                    cursor.execute(_UPDATE)
                    result.items_updated = cursor.fetchone()[0]
        if categories:
            _discover(batch, categories)
        _count(batch, run, result, made)
    return result


def _insert(cursor) -> dict[int, int]:
    """Stores what is not there yet: source → how many.

    A plain INSERT costs a quarter less than one that minds conflicts. Where another batch brings the same product at
    the same moment it fails, and is done again the slow way.
    """
    try:
        with transaction.atomic():
            cursor.execute(_INSERT % "")
            return dict(cursor.fetchall())
    except IntegrityError:
        cursor.execute(_INSERT % "ON CONFLICT (gift_id) DO NOTHING")
        return dict(cursor.fetchall())


def _run(batch: reading.Batch) -> SourceRun:
    """The run that the batch belongs to: the one that it names, else the source's present one, else a new one."""
    runs = SourceRun.objects.filter(source_id=batch.source_id).only("status")
    if batch.run_id is not None:
        run = runs.filter(pk=batch.run_id).first()
        if run is None:
            raise NotFound(
                f"Source {batch.source_id} has no run {batch.run_id}. Leave run_id out to open one."
            )
        return run
    present = runs.filter(status__in=SourceRun.OPEN)
    run = present.first()
    if run is None:
        run = SourceRun(source_id=batch.source_id, status=SourceRun.Status.RUNNING)
        SourceRun.objects.bulk_create([run], ignore_conflicts=True)
        run = present.get()
    return run


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


_COUNT_RUN = """
UPDATE parsing_sourcerun SET items_scraped = items_scraped + %(items)s, items_new = items_new + %(new)s,
  items_updated = items_updated + %(updated)s, stats = stats || %(stats)s::jsonb,
  lease_until = CASE WHEN status IN ('queued', 'running') THEN greatest(lease_until,
    now() + make_interval(secs => CASE worker WHEN '' THEN %(task)s ELSE %(lease)s END)) ELSE lease_until END,
  started_at = coalesce(started_at, now()),
  status = CASE status WHEN 'queued' THEN 'running' ELSE status END
WHERE id = %(run_id)s
"""
_COUNT_SOURCES = """
UPDATE parsing_source s SET items_total = s.items_total + n.new,
  status = CASE WHEN n.begins THEN 'running' ELSE s.status END
FROM (
  SELECT s.id, u.new, s.id = %(begun)s AND s.status IN ('waiting', 'queued', 'error') AS begins
  FROM unnest(%(ids)s::bigint[], %(new)s::bigint[]) AS u(id, new) JOIN parsing_source s ON s.id = u.id
  WHERE u.new > 0 OR (s.id = %(begun)s AND s.status IN ('waiting', 'queued', 'error'))
  ORDER BY s.id FOR NO KEY UPDATE OF s
) AS n
WHERE s.id = n.id
"""


def _count(batch: reading.Batch, run: SourceRun, result: Ingested, made: dict[int, int]) -> None:
    stats = msgspec.json.encode(batch.stats or {})
    if len(stats) > STATS_BYTES:
        stats = b"{}"
    grown = {batch.source_id: 0, **made}
    begun = batch.source_id if run.status in SourceRun.OPEN else None
    with connection.cursor() as cursor:
        # The sources before the run, as whoever ends a run does it.
        cursor.execute(_COUNT_SOURCES, {"ids": list(grown), "new": list(grown.values()), "begun": begun})
        cursor.execute(
            _COUNT_RUN,
            {
                "items": result.items_ingested,
                "new": result.items_new,
                "updated": result.items_updated,
                "stats": reading.plain_json(stats),
                "task": settings.PARSING_TASK_SECONDS,
                "lease": settings.PARSING_LEASE_SECONDS,
                "run_id": run.pk,
            },
        )
