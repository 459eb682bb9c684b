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
from apps.core.sql import first_row, prepared_row
from apps.parsing.batches import Batch, Incoming
from apps.parsing.items import NULL, plain_json
from apps.parsing.models import Source, SourceRun
from apps.parsing.services.statements import COLUMNS, COUNT, LOOK, NAMES, TABLE, UPDATE

STATS_BYTES = 16 * 1024
# Of the products of a batch that many are looked for; where none of them is known, the others are taken for new too.
SAMPLE = 64
# Rows written at a time, while the database still works on those before.
ROWS = 16


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
        LOOK,
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
            _copy(cursor, f"parsing_product ({COLUMNS})", incoming.lines(new, made=made, **reading))
            if len(new) < len(ordered):
                cursor.execute(TABLE)
                old = [gift_id for gift_id in ordered if gift_id in known.gift_ids]
                _copy(cursor, "pg_temp.parsing_batch", incoming.lines(old, made=kept, **reading))
                cursor.execute(UPDATE)
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
        cursor.execute(NAMES, {"names": list(missing)})
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


def _count(batch: Batch, run: SourceRun, result: Ingested, made: dict[int, int]) -> None:
    stats = msgspec.json.encode(batch.stats or {})
    if len(stats) > STATS_BYTES:
        stats = b"{}"
    grown = {batch.source_id: 0, **made}
    prepared_row(
        COUNT,
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
