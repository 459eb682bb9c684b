"""Keywords of the library, from a file."""

import csv
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.accounts.models import IndustrySector
from apps.planner.keyword_files import CellError, UnreadableKeywordFile
from apps.planner.services.library import keywords_import, library_tidy

SHOWN = 20


def _lines(file: BinaryIO) -> int | None:
    """The lines of a text, for the bar; a workbook's rows are not known before they are read."""
    start = file.read(2)
    file.seek(0)
    return (
        None if start == b"PK" else sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(2**20), b""))
    )


class Command(BaseCommand):
    help = (
        "Imports a keyword file (exports of the usual tools, CSV, TSV, plain lists, .xlsx) into a sector of the "
        "keywords library. Importing the same file again changes nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--sector", required=True, help="id or slug of the catalogue's sector")
        parser.add_argument(
            "--country", help="of rows that name none; default: the one in the file's name, else US"
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell what would change")
        parser.add_argument(
            "--refusals", type=Path, help="write the rows that were not taken to this CSV file"
        )

    def handle(
        self, *, file: Path, sector: str, country: str | None, dry_run: bool, refusals: Path | None, **options
    ):
        found = IndustrySector.objects.filter(
            **({"pk": sector} if sector.isdecimal() else {"slug": sector})
        ).first()
        if found is None:
            raise CommandError(
                f"There is no sector {sector}. `manage.py load_catalogue` loads the built-in ones."
            )
        try:
            quiet = options["verbosity"] == 0
            with file.open("rb") as opened, tqdm(total=_lines(opened), unit=" rows", disable=quiet) as bar:

                def progress(rows: int) -> None:
                    bar.update(rows - bar.n)
                    if bar.total and rows >= bar.total - 1:  # but for the header
                        bar.set_description("merging")

                result = keywords_import(
                    file=opened,
                    name=file.name,
                    industry_sector=found,
                    country=country,
                    progress=progress,
                    dry_run=dry_run,
                )
            library_tidy(changed=result.added + result.updated)
        except OSError as error:
            raise CommandError(f"{file} can not be read: {error.strerror}.") from error
        except (UnreadableKeywordFile, CellError) as error:
            raise CommandError(f"{file} was not imported. {error}") from error
        for row in result.refused[:SHOWN] if refusals is None else ():
            self.stderr.write(f"line {row.line}: {row.keyword!r} was not taken ({row.code}). {row.reason}")
        if refusals is None and len(result.refused) > SHOWN:
            self.stderr.write(
                f"… and {len(result.refused) - SHOWN:,} more; --refusals FILE.csv writes them all."
            )
        if refusals:
            with refusals.open("w", newline="", encoding="utf-8") as target:
                writer = csv.writer(target)
                writer.writerow(["line", "keyword", "code", "reason"])
                writer.writerows((row.line, row.keyword, row.code, row.reason) for row in result.refused)
        self.stdout.write(
            f"{'Would be: ' if dry_run else ''}{result.added:,} added, {result.updated:,} updated, "
            f"{result.unchanged:,} unchanged, {len(result.refused):,} refused in {found.name}."
        )
