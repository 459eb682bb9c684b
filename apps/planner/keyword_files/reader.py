"""Keyword rows out of a file, each one taken or refused with its reason."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import BinaryIO

from .cells import (
    CellError,
    country_of,
    cpc_of,
    difficulty_of,
    intent_of,
    keyword_key,
    keyword_text,
    printable,
    volume_of,
)
from .columns import Header, Row, Tool, header_name, semrush_country, tool_of
from .delimited import TextTable
from .tables import open_table
from .workbooks import SheetTable

LIMIT_BYTES = 200 * 1024**2
# What the Keyword Planner shows to accounts without running advertisements instead of figures.
_PLANNER_BUCKETS = frozenset(5 * 10**power for power in range(1, 9))
_SEARCH_CONSOLE_NOTE = (
    "Impressions stand in for the search volume and are marked as estimates. Search Console exports at most "
    "1,000 queries."
)
# As our own export, and others, write a text that a spreadsheet would take for a formula.
_SHIELDED = ("'=", "'+", "'-", "'@")
_FIELDS = ("keyword", "volume", "difficulty", "country", "intent", "cpc")


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """A keyword that can be imported. None and '' are unknown, never 0."""

    line: int  # of the file, from 1: where the row begins
    keyword: str
    volume: int | None  # searches per month
    volume_is_estimate: bool
    difficulty: int | None  # 0-100
    country: str | None  # ISO 3166 alpha-2
    intent: str  # '', informational, navigational, commercial or transactional
    cpc: Decimal | None  # in the currency of the file


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not imported. `reason` is a sentence for the user; `keyword` is cut to 100 characters."""

    line: int
    keyword: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The look before the import. The first `checked` rows were examined, all `total` rows counted."""

    tool: Tool
    columns: dict[str, str]
    headers: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    country: str | None
    notes: tuple[str, ...]
    sample: tuple[KeywordRow, ...]  # the first n
    problems: tuple[Refusal, ...]  # the first n
    problem_counts: dict[str, int]  # refusals among the checked rows, by code
    keywords: int  # among the checked rows
    checked: int
    total: int  # blank rows aside


class KeywordFile:
    """An opened keyword file. The binary file under it must stay open; every pass reads it from the start.

    `columns`: field → the name of its column in the file, '' without a header. `country`: of rows that name
    none. `encoding` and `delimiter` are None for a workbook, `delimiter` also for one keyword per line.
    `notes`: sentences for the user on how the file was read.
    """

    def __init__(self, table: TextTable | SheetTable, tool: Tool, country: str | None) -> None:
        header = table.header
        fields = dict(header.fields)
        impressions = fields.pop("impressions", None)
        self._impressions = tool == Tool.SEARCH_CONSOLE and "volume" not in fields
        if self._impressions:
            fields["volume"] = impressions
        self._table = table
        self._header_row = header.row
        self._width = len(header.names) if isinstance(table, TextTable) else None
        self._order = [fields.get(field) for field in _FIELDS]
        self._buckets = _PLANNER_BUCKETS if tool == Tool.GOOGLE_KEYWORD_PLANNER else frozenset()
        self.tool = tool
        self.country = country
        self.encoding = table.encoding
        self.delimiter = table.delimiter
        self.headers = header.names
        self.columns = {name: header.names[at] if header.row >= 0 else "" for name, at in fields.items()}
        self.notes = (*table.notes, *_repeated_columns(header), *[_SEARCH_CONSOLE_NOTE] * self._impressions)

    def rows(self) -> Iterator[KeywordRow | Refusal]:
        """Every row that is not blank, in the order of the file.

        The first call reads the file twice: of two rows with one keyword in one country the better stays (an
        exact volume before an estimate, then the larger, then the first), and that is known only at the end.
        Memory holds one key per keyword during the first pass, then the lines of the duplicates. Do not run
        two iterations at the same time. Raises UnreadableKeywordFile if a workbook turns out damaged.
        """
        return _without_repeats((self._row(row) for row in self._filled()), self._repeats)

    def preview(self, n: int = 20, within: int = 50_000) -> Preview:
        """The first `n` keywords and problems of the first `within` rows, and the number of all rows."""
        filled = self._filled()
        parsed = [self._row(row) for row in islice(filled, within)]
        total = len(parsed) + sum(1 for _ in filled)
        decided = list(_without_repeats(parsed, _repeats(parsed)))
        keywords = [row for row in decided if isinstance(row, KeywordRow)]
        problems = [row for row in decided if isinstance(row, Refusal)]
        return Preview(
            tool=self.tool,
            columns=self.columns,
            headers=self.headers,
            encoding=self.encoding,
            delimiter=self.delimiter,
            country=self.country,
            notes=self.notes,
            sample=tuple(keywords[:n]),
            problems=tuple(problems[:n]),
            problem_counts=dict(Counter(problem.code for problem in problems)),
            keywords=len(keywords),
            checked=len(parsed),
            total=total,
        )

    @cached_property
    def _repeats(self) -> dict[int, int]:
        return _repeats(self._row(row) for row in self._filled())

    def _filled(self) -> Iterator[Row]:
        for row in self._table.rows():
            if row[2] is None or any(cell is not None and str(cell).strip() for cell in row[2]):
                yield row

    def _row(self, row: Row) -> KeywordRow | Refusal:
        line, last, cells = row
        if cells is None:
            reason = f"Lines {line} to {last} became one row: close the quotation mark and import them again."
            return Refusal(line, "", "unclosed_quote", reason)
        raw, volume, difficulty, country, intent, cpc = (
            cells[at] if at is not None and at < len(cells) else None for at in self._order
        )
        if self._header_row < 0 and isinstance(raw, str):
            raw = _unquoted(raw)
        if isinstance(raw, str) and raw.startswith(_SHIELDED):
            raw = raw[1:]
        try:
            if (
                self._width
                and len(cells) > self._width
                and any(cell.strip() for cell in cells[self._width :])
            ):
                raise CellError(
                    "too_many_cells",
                    f"The row has {len(cells)} cells, the header {self._width}. Put cells that hold the "
                    "delimiter in quotation marks.",
                )
            if raw == self.columns["keyword"] and self._is_header(cells):
                raise CellError("repeated_header", "The row repeats the header.")
            keyword = keyword_text(raw)
            searches, estimate = volume_of(volume)
            return KeywordRow(
                line=line,
                keyword=keyword,
                volume=searches,
                volume_is_estimate=searches is not None
                and (estimate or self._impressions or searches in self._buckets),
                difficulty=difficulty_of(difficulty),
                country=country_of(country) or self.country,
                intent=intent_of(intent, codes=self.tool == Tool.SEMRUSH_API),
                cpc=cpc_of(cpc),
            )
        except CellError as error:
            return Refusal(line, printable("" if raw is None else str(raw)), error.code, error.reason)

    def _is_header(self, cells: Iterable[object]) -> bool:
        names = tuple("" if cell is None else str(cell).strip() for cell in cells)
        return names == self.headers[: len(names)]


def _repeats(rows: Iterable[KeywordRow | Refusal]) -> dict[int, int]:
    """The line of every row that repeats a keyword → the line of the row that stays."""
    best: dict[str, int] = {}
    losers: list[tuple[int, str]] = []
    for row in rows:
        if isinstance(row, Refusal):
            continue
        key = f"{row.country or ''}\n{keyword_key(row.keyword)}"
        rank = _rank(row)
        known = best.setdefault(key, rank)
        if known != rank:
            losers.append((_line(min(known, rank)), key))
            best[key] = max(known, rank)
    return {line: _line(best[key]) for line, key in losers}


def _rank(row: KeywordRow) -> int:
    """One comparable number: exact before estimate before unknown, then the volume, then the earlier line.

    A number and no tuple because a million of them are kept.
    """
    kind = 0 if row.volume is None else 1 if row.volume_is_estimate else 2
    return kind << 64 | (row.volume or 0) << 32 | (0xFFFFFFFF - row.line)


def _line(rank: int) -> int:
    return 0xFFFFFFFF - (rank & 0xFFFFFFFF)


def _without_repeats(
    rows: Iterable[KeywordRow | Refusal], repeats: dict[int, int]
) -> Iterator[KeywordRow | Refusal]:
    for row in rows:
        if row.line in repeats:
            market = f" for {row.country}" if row.country else ""
            reason = f"The same keyword{market} stands in line {repeats[row.line]}, which was taken."
            yield Refusal(row.line, printable(row.keyword), "duplicate", reason)
        else:
            yield row


def _repeated_columns(header: Header) -> list[str]:
    names = [header_name(name) for name in header.names]
    return [
        f"The column “{header.names[at]}” stands {names.count(names[at])} times; the first was read."
        for at in sorted(header.fields.values())
        if header.row >= 0 and names.count(names[at]) > 1
    ]


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def read_keywords(
    file: BinaryIO | bytes, *, name: str, country: str | None = None, limit_bytes: int = LIMIT_BYTES
) -> KeywordFile:
    """Open a keyword file.

    `file` is bytes or an open binary file; one that cannot seek is read into memory. `name` is the name it
    was uploaded under. `country` is the market of rows that name none; without it the market in the name of a
    Semrush export counts. Raises UnreadableKeywordFile, and CellError (a ValueError) if `country` is unknown.
    """
    default = country_of(country)
    if isinstance(file, bytes):
        file = io.BytesIO(file)
    elif not file.seekable():
        file = io.BytesIO(file.read(limit_bytes + 1))
    table = open_table(file, limit_bytes)
    tool = tool_of(table.header.names, name)
    if default is None and tool == Tool.SEMRUSH_MAGIC:
        default = semrush_country(name)
    return KeywordFile(table, tool, default)


def preview(
    file: BinaryIO | bytes,
    name: str,
    n: int = 20,
    *,
    country: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Preview:
    """What an import of the file would do, quick enough for a request. Raises as `read_keywords` does."""
    return read_keywords(file, name=name, country=country, limit_bytes=limit_bytes).preview(n)
