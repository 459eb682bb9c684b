"""CSV that a spreadsheet shows and never runs."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(header: Iterable[str], rows: Iterable[tuple]) -> Iterator[str]:
    """The lines of a file, one at a time. A text that looks like a formula gets an apostrophe.

    The mark at the beginning lets spreadsheets read it as UTF-8.
    """
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow(map(_shown, row))


def _shown(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.isoformat().replace("+00:00", "Z")
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
