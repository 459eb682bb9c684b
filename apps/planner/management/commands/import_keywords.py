"""Keywords of the library, from a file."""

import csv
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.accounts.models import IndustrySector
from apps.planner.keyword_files import CellError, UnreadableKeywordFile
from apps.planner.services.library import keywords_import

SHOWN = 20


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
            with file.open("rb") as opened, tqdm(unit=" rows", disable=options["verbosity"] == 0) as bar:
                result = keywords_import(
                    file=opened,
                    name=file.name,
                    industry_sector=found,
                    country=country,
                    progress=lambda rows: bar.update(rows - bar.n),
                    dry_run=dry_run,
                )
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
