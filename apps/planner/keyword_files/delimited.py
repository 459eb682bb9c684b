"""Delimited text: which encoding, which delimiter, then rows of cells."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from .columns import Header, Row, UnreadableKeywordFile, find_header, no_keyword_column

SAMPLE_BYTES = 65_536
_SAMPLE_ROWS = 40
_DELIMITERS = (",", ";", "\t")
_NO_DELIMITER = "\x1f"


@dataclass(frozen=True, slots=True)
class TextTable:
    """A delimited file. `delimiter` is None when every line is one cell."""

    file: BinaryIO
    encoding: str
    delimiter: str | None
    header: Header
    notes: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        with _text(self.file, self.encoding) as text:
            lines = _Lines(text)
            reader = _csv_reader(lines, self.delimiter, quoted=self.header.row >= 0)
            width = len(self.header.names)
            for _ in range(self.header.row + 1):
                next(reader, None)
            while True:
                first, lines.quotes = reader.line_num + 1, 0
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error:  # the cell grew over the limit of the csv module
                    cells = None
                if cells and reader.line_num > first:
                    # What is closed has its marks in pairs, also those within the text.
                    cells = None if lines.quotes % 2 or self._swallows_rows(cells, width) else cells
                yield first, reader.line_num, cells

    def _swallows_rows(self, cells: Sequence[str], width: int) -> bool:
        """Whether a line inside a cell looks like a row of its own: then a quotation mark is not closed."""
        if self.delimiter is None:
            return any(len(cell) > 1000 for cell in cells)
        delimiters = max(2, width - 1)
        return any(
            line.count(self.delimiter) >= delimiters for cell in cells for line in cell.splitlines()[1:]
        )


class _Lines:
    """Hands lines on and counts their quotation marks."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.quotes = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.quotes += line.count('"')
            yield line


@contextmanager
def _text(file: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        yield text
    finally:
        text.detach()  # or the wrapper would close a file that is not ours


def _csv_reader(lines: object, delimiter: str | None, *, quoted: bool = True):
    # In a list without a header a quotation mark is a part of the line: `15" monitor`, `"coffee near me`.
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=delimiter or _NO_DELIMITER, quoting=quoting)


def text_table(file: BinaryIO, start: bytes, size: int) -> TextTable:
    encoding, notes = _encoding(file, start)
    with _text(file, encoding) as text:
        sample = text.read(SAMPLE_BYTES)
    _refuse_other_formats(sample)
    if size > len(start):
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    found = []
    for delimiter in _DELIMITERS:
        rows = list(islice(_csv_reader(io.StringIO(sample, newline=""), delimiter), _SAMPLE_ROWS))
        if header := find_header(rows):
            found.append((len(header.fields), header, delimiter))
    if not found:
        _refuse_table_without_header(sample)
        return TextTable(file, encoding, None, Header(-1, ("",), {"keyword": 0}), notes)
    _, header, delimiter = max(found, key=lambda item: item[0])
    if len(header.names) == 1:
        delimiter = None
    return TextTable(file, encoding, delimiter, header, notes)


def _encoding(file: BinaryIO, start: bytes) -> tuple[str, tuple[str, ...]]:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ()
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", ()
    even, odd = (start[:4096][parity::2].count(0) for parity in (0, 1))
    if max(even, odd) > max(8, 20 * min(even, odd), len(start[:4096]) / 20):  # no few stray NULs in UTF-8
        return ("utf-16-le" if odd > even else "utf-16-be"), ()
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(1024**2):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
        return "utf-8", ()
    except UnicodeDecodeError:
        pass
    file.seek(0)
    foreign = b"".join(islice((line for line in _lines(file) if not line.isascii()), 2000))
    decoded = foreign.decode("utf-8", errors="replace")
    broken = decoded.count("\ufffd")
    if sum(not char.isascii() for char in decoded) - broken > broken:
        return "utf-8", ("Some characters are not valid UTF-8; keywords with them are refused.",)
    if b"\x00" in start:
        raise UnreadableKeywordFile(_NOT_TEXT)
    if _is_surely_cp1252(foreign):
        return "cp1252", (
            "The file is not UTF-8; it was read as Windows-1252. Look at the accented letters.",
        )
    raise UnreadableKeywordFile(
        "The encoding of the file is not clear. Save it as CSV UTF-8 (in Excel: Save as) and upload that."
    )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(SAMPLE_BYTES):
        yield line


# The letters of the languages that Windows-1252 was made for, those in other code pages as well left out.
_ALPHABETS = (
    "àâæçéèêëîïôœùûü",
    "äöüßé",
    "áéíóúüñ¿¡",
    "áâãàçéêíóôõú",
    "àèéìòóù",
    "åäöæøé",
    "éëïèöüá",
    "àçéèíïóòúü·",
)
_TYPOGRAPHY = set("–—‘’“”„…•€£°®™«»\xa0")


def _is_surely_cp1252(sample: bytes) -> bool:
    """Whether what is not ASCII reads as one Western European language.

    Statistical detectors tell these code pages apart badly on keywords: they call Polish Windows-1252 and
    French Windows-1250.
    """
    try:
        foreign = [char for char in sample.decode("cp1252").lower() if not char.isascii()]
    except UnicodeDecodeError:
        return False
    letters = [char for char in foreign if char not in _TYPOGRAPHY]
    return any(sum(char in alphabet for char in letters) >= 0.95 * len(letters) for alphabet in _ALPHABETS)


_NOT_TEXT = "This is not a text file. Upload the keywords as .csv, .tsv, .txt or .xlsx."


def _refuse_other_formats(sample: str) -> None:
    beginning = sample.lstrip("\ufeff \t\r\n")[:20].casefold()
    if beginning.startswith(("<!doctype", "<html", "<table", "<?xml", "{\\rtf", '{"', '[{"', "%pdf")):
        raise UnreadableKeywordFile(
            "This is a web page, XML, JSON or a document. Upload the keywords as .csv, .tsv, .txt or .xlsx."
        )
    controls = sum(char < " " and char not in "\t\r\n\v\f" for char in sample)
    if controls > 0.2 * len(sample):
        raise UnreadableKeywordFile(_NOT_TEXT)


def _refuse_table_without_header(sample: str) -> None:
    """A list may have commas in its keywords ("plumber austin, tx"); a table separates without a space."""
    lines = [line for line in sample.splitlines() if line.strip()][:100]
    split = [re.split(r"\t|;|,(?! )", line) for line in lines if not line.startswith('"')]
    if sum(len(cells) > 1 for cells in split) > 0.2 * len(lines):
        raise UnreadableKeywordFile(no_keyword_column(max(split, key=len)))
