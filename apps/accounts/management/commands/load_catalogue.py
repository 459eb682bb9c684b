"""The catalogue of industries and sectors, from a file."""

import json
from collections import Counter
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from apps.accounts.models import Industry, IndustrySector

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "data" / "industries.json"


class Command(BaseCommand):
    help = (
        "Makes or updates the industries and their sectors by slug; running it again changes nothing. "
        "A row that has left the file stays, and whether a row is active is left alone."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file", nargs="?", type=Path, default=DEFAULT_FILE, help="JSON; default: the built-in one"
        )

    def handle(self, *, file: Path, **options):
        entries = _read(file)
        with transaction.atomic():
            counts = {"industries": _upsert(Industry, [_row(e) for e in entries])}
            ids = dict(Industry.objects.values_list("slug", "id"))
            sectors = [{**_row(s), "industry_id": ids[e["slug"]]} for e in entries for s in e["sectors"]]
            counts["sectors"] = _upsert(IndustrySector, sectors)
        for name, count in counts.items():
            self.stdout.write(
                f"{name}: {count['new']} new, {count['changed']} changed, {count['unchanged']} unchanged"
            )


def _row(entry: dict) -> dict:
    return {key: entry[key] for key in ("name", "slug", "description")}


def _upsert(model: type[models.Model], rows: list[dict]) -> Counter:
    """Write what differs from the table, in one statement; count new, changed and unchanged."""
    if not rows:
        return Counter()
    fields = list(rows[0])
    present = {row["slug"]: row for row in model.objects.values(*fields)}
    differing = [row for row in rows if present.get(row["slug"]) != row]
    model.objects.bulk_create(
        [model(**row) for row in differing],
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=[field.removesuffix("_id") for field in fields if field != "slug"],
    )
    changed = sum(row["slug"] in present for row in differing)
    return Counter(new=len(differing) - changed, changed=changed, unchanged=len(rows) - len(differing))


def _read(file: Path) -> list[dict]:
    """The file's industries. Raises CommandError that names every fault."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise CommandError(f"{file} cannot be read as JSON: {exc}") from exc
    if not isinstance(entries, list):
        raise CommandError(f"{file} must hold a list of industries.")
    faults = []
    industries, sectors = [], []
    for number, entry in enumerate(entries, 1):
        place = f"industry {number}"
        faults += _faults(Industry, entry, place)
        industries.append(entry)
        inner = entry.get("sectors") if isinstance(entry, dict) else []
        if not isinstance(inner, list):
            faults.append(f"{place}: sectors must be a list")
            continue
        for at, sector in enumerate(inner, 1):
            faults += _faults(IndustrySector, sector, f"{place}, sector {at}")
        sectors += inner
    for kind, rows in (("industries", industries), ("sectors", sectors)):
        slugs = Counter(
            row["slug"] for row in rows if isinstance(row, dict) and isinstance(row.get("slug"), str)
        )
        faults += [f"{kind}: the slug {slug} stands there {n} times" for slug, n in slugs.items() if n > 1]
    if faults:
        raise CommandError(f"{file} was not loaded. " + "; ".join(faults[:50]) + ".")
    return entries


def _faults(model: type[models.Model], entry: object, place: str) -> list[str]:
    """What keeps an entry from being a row of the model."""
    if not isinstance(entry, dict):
        return [f"{place}: must be an object"]
    place = f"{place} ({entry.get('slug') or entry.get('name') or 'without a name'})"
    faults = []
    for key in ("name", "slug", "description"):
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            faults.append(f"{place}: {key} is missing")
            continue
        if "\x00" in value:
            faults.append(f"{place}: {key} holds a NUL character")
            continue
        try:
            model._meta.get_field(key).clean(value, None)
        except ValidationError as exc:
            faults.append(f"{place}: {key}: {' '.join(exc.messages)}")
    return faults
