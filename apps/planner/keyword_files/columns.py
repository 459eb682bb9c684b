"""Which column of a keyword file is what, and which tool wrote the file."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from .cells import CellError, country_of

# The first spelling that stands in the header wins. "global volume" (Ahrefs) is not the volume of the market,
# "competition" (Google) is about advertisements and no difficulty.
_SPELLINGS = {
    "keyword": (
        *("keyword", "keywords", "top queries", "query", "queries", "search query", "search queries"),
        *("search term", "search terms", "search keyword", "phrase", "phrases", "key phrase", "keyphrase"),
        *("keyword phrase", "key word", "key words"),
    ),
    "volume": (
        *("volume", "search volume", "avg monthly searches", "average monthly searches", "monthly searches"),
        *("monthly search volume", "avg monthly search volume", "average monthly search volume"),
        *("monthly volume", "keyword volume", "searches", "searches per month", "sv"),
    ),
    "impressions": ("impressions",),
    "difficulty": (
        *("keyword difficulty", "keyword difficulty index", "difficulty", "kd", "seo difficulty"),
        *("keyword difficulty score", "difficulty score", "kd index"),
    ),
    "country": ("country", "country code", "database", "market"),
    "intent": ("intent", "intents", "search intent", "search intents", "keyword intent"),
    "cpc": ("cpc", "avg cpc", "average cpc", "cost per click"),
}
_HEADER_WITHIN = 20  # rows
_SEMRUSH_NAME = re.compile(r"_(?:mobile-)?([a-z]{2})_\d{4}-\d{2}-\d{2}(?!\d)")


# A row of a file: its first line, its last line and its cells, None if a quotation mark is not closed.
Row = tuple[int, int, Sequence[object] | None]


class UnreadableKeywordFile(ValueError):
    """The file as a whole cannot be read; the message says what to do."""


class Tool(StrEnum):
    SEMRUSH_MAGIC = "semrush_magic"
    SEMRUSH_API = "semrush_api"
    AHREFS = "ahrefs"
    GOOGLE_KEYWORD_PLANNER = "google_keyword_planner"
    SEARCH_CONSOLE = "search_console"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns stand. `row` counts from 0 and is -1 for a list without a header."""

    row: int
    names: tuple[str, ...]
    fields: dict[str, int]


def header_name(cell: object) -> str:
    """`Avg. monthly searches` → `avg monthly searches`, `CPC (USD)` → `cpc`, `KD %` → `kd`."""
    text = unicodedata.normalize("NFKC", str(cell or "")[:100]).casefold()
    return " ".join(re.sub(r"[^\w]|_", " ", re.sub(r"\(.*?\)", " ", text)).split())


def find_header(rows: Sequence[Sequence[object]]) -> Header | None:
    """The row among the first that names most columns, a keyword column among them."""
    best = None
    for number, cells in enumerate(rows[:_HEADER_WITHIN]):
        names = [header_name(cell) for cell in cells]
        fields = {
            field: next(names.index(spelling) for spelling in spellings if spelling in names)
            for field, spellings in _SPELLINGS.items()
            if not set(spellings).isdisjoint(names)
        }
        if "keyword" not in fields or (best is not None and len(fields) <= len(best.fields)):
            continue
        if sum(bool(name) for name in names) > 1 or _may_stand_alone(rows[:number]):
            best = Header(number, tuple("" if cell is None else str(cell).strip() for cell in cells), fields)
    return best


def _may_stand_alone(before: Sequence[Sequence[object]]) -> bool:
    """One lone word "keywords" is a header only on top or below a short title: in a list it is a keyword."""
    filled = [any(cell not in (None, "") for cell in cells) for cells in before]
    return not any(filled) or (not filled[-1] and sum(filled) <= 3)


def tool_of(names: Sequence[str], name: str) -> Tool:
    """The tool by the header `names`, for a bare Semrush export by the `name` of the file."""
    seen = {header_name(cell) for cell in names}
    if {"clicks", "impressions"} <= seen:
        return Tool.SEARCH_CONSOLE
    if "avg monthly searches" in seen and seen & {"currency", "competition", "three month change"}:
        return Tool.GOOGLE_KEYWORD_PLANNER
    if "keyword" in seen and seen & {"global volume", "parent keyword", "parent topic", "cps"}:
        return Tool.AHREFS
    if "search volume" in seen and seen & {"database", "keyword difficulty index"}:
        return Tool.SEMRUSH_API
    if "keyword" in seen and (
        seen & {"competitive density", "number of results"}
        or {"keyword difficulty", "trend"} <= seen
        or semrush_country(name)
    ):
        return Tool.SEMRUSH_MAGIC
    return Tool.GENERIC


def semrush_country(name: str) -> str | None:
    """The market in a name such as `coffee_broad-match_us_2026-05-01.csv`, None if there is none."""
    match = _SEMRUSH_NAME.search(PurePath(name).name.casefold())
    try:
        return country_of(match[1]) if match else None
    except CellError:
        return None


def no_keyword_column(cells: Sequence[object]) -> str:
    seen = ", ".join(f"“{str(cell).strip()[:40]}”" for cell in cells[:20] if cell not in (None, ""))
    return (
        f"No keyword column was found; the columns seen are {seen}. "
        "Name the column of the keywords “Keyword” in a header line above them and upload the file again."
    )
