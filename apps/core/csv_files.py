"""CSV that a spreadsheet shows and never runs."""

import csv
from collections.abc import Iterable, Iterator

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
        yield writer.writerow(
            f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row
        )
