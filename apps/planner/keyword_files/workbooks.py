"""Workbooks: which worksheet, then rows of cells."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from .columns import Header, Row, UnreadableKeywordFile, find_header, no_keyword_column

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_UNPACKED_BYTES = 1024**3
MAX_COMPRESSION = 100  # a real workbook packs to a tenth
MAX_ROWS = 1_048_576  # the most that a spreadsheet program writes
_MAX_COLUMNS = 200
_SAMPLE_ROWS = 40


@dataclass(frozen=True, slots=True)
class SheetTable:
    """One worksheet of an .xlsx workbook."""

    sheet: "ReadOnlyWorksheet"
    header: Header
    notes: tuple[str, ...]
    encoding: None = None
    delimiter: None = None

    def rows(self) -> Iterator[Row]:
        with _workbook_errors():
            first = self.header.row + 2
            columns = max(self.header.fields.values()) + 1
            for line, cells in enumerate(_sheet_rows(self.sheet, first, columns), first):
                yield line, line, cells


@contextmanager
def _workbook_errors() -> Iterator[None]:
    try:
        yield
    except UnreadableKeywordFile:
        raise
    except Exception as error:  # openpyxl lets through whatever damage provokes
        raise UnreadableKeywordFile(
            "The workbook is damaged. Open it in a spreadsheet program, save it as .xlsx and upload that."
        ) from error


def sheet_table(file: BinaryIO) -> SheetTable:
    with _workbook_errors():
        _check_archive(file)
        file.seek(0)
        import openpyxl  # takes a second to import: only who reads a workbook pays for it

        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        seen: list[Sequence[object]] = []
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()  # some programs write wrong ones
            rows = list(islice(_sheet_rows(sheet, 1, _MAX_COLUMNS), _SAMPLE_ROWS))
            if header := _without_blanks(find_header(rows)) or _list_without_header(rows):
                others = [other.title for other in workbook.worksheets if other is not sheet]
                note = f"Only the sheet “{sheet.title}” was read, not {', '.join(others)}."
                return SheetTable(sheet, header, (note,) if others else ())
            seen += [cells for cells in rows if any(cell is not None for cell in cells)]
    if not seen:
        raise UnreadableKeywordFile("The workbook is empty. Upload the one with the keywords.")
    raise UnreadableKeywordFile(
        no_keyword_column(max(seen, key=lambda cells: sum(c is not None for c in cells)))
    )


def _sheet_rows(sheet: "ReadOnlyWorksheet", first: int, columns: int) -> Iterator[Sequence[object]]:
    return sheet.iter_rows(first, MAX_ROWS, 1, columns, values_only=True)


def _without_blanks(header: Header | None) -> Header | None:
    """The rows of a worksheet are read far beyond its last column."""
    if header is None:
        return None
    last = max(at for at, name in enumerate(header.names) if name)
    return replace(header, names=header.names[: last + 1])


def _list_without_header(rows: Sequence[Sequence[object]]) -> Header | None:
    filled = {column for cells in rows for column, cell in enumerate(cells) if cell is not None}
    return Header(-1, ("",), {"keyword": filled.pop()}) if len(filled) == 1 else None


def _check_archive(file: BinaryIO) -> None:
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if "xl/workbook.xml" not in {member.filename for member in members}:
        raise UnreadableKeywordFile(
            "This is a ZIP archive or another kind of document. Unpack it and upload the file with the "
            "keywords as .csv, .tsv, .txt or .xlsx."
        )
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(10 * 1024**2, MAX_COMPRESSION * packed):
        raise UnreadableKeywordFile(
            f"The workbook unpacks to {unpacked / 1024**2:,.0f} MB, which is too much. Save the sheet as CSV "
            "UTF-8 and upload that file, in parts if it is long."
        )
