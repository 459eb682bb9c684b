"""What one cell of a keyword file means. Every function raises `CellError` for a cell that is wrong."""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from math import isfinite, sqrt

from babel import Locale
from babel.core import get_global

MAX_KEYWORD_LENGTH = 500
MAX_VOLUME = 2_147_483_647  # a database integer
MAX_CPC = Decimal(1_000_000)

UNKNOWN = frozenset(
    ("", "-", "--", "–", "—", "?", "n/a", "na", "n.a.", "#n/a", "nan", "none", "null", "unknown", "no data")
)

# All but tab, line feed, vertical tab, form feed, carriage return and next line, which are white space.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Invisible marks that come along with copy and paste. The joiners U+200C and U+200D stay: Persian and emoji
# need them.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)
_STRAIGHT = str.maketrans(dict.fromkeys("‘’‚‛", "'") | dict.fromkeys("“”„‟", '"'))
_KEY_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛ʼ′´", "'") | dict.fromkeys("“”„‟″", '"'))


class CellError(ValueError):
    """A cell that cannot be taken; `code` is for programs, `reason` is the sentence for the user."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def keyword_text(cell: object) -> str:
    """The keyword as it was typed, white space collapsed and curly quotes made straight."""
    if isinstance(cell, date | datetime | time | timedelta):
        raise CellError(
            "not_text", "The spreadsheet holds a date here. Format the cell as text and type it again."
        )
    if isinstance(cell, bool):
        cell = str(cell).lower()
    elif isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    raw = "" if cell is None else str(cell)
    if control := _CONTROL.search(raw):
        raise CellError(
            "control_characters",
            f"It holds the control character U+{ord(control[0]):04X}. Remove it and import the row again.",
        )
    if "\ufffd" in raw:
        raise CellError(
            "bad_encoding",
            "Some characters of it could not be read. Save the file as UTF-8 and import again.",
        )
    text = " ".join((raw if raw.isascii() else raw.translate(_INVISIBLE).translate(_STRAIGHT)).split())
    if not text:
        raise CellError("empty_keyword", "The keyword is empty.")
    if len(text) > MAX_KEYWORD_LENGTH:
        raise CellError(
            "too_long", f"It has {len(text):,} characters; a keyword has at most {MAX_KEYWORD_LENGTH}."
        )
    return text


def keyword_key(text: str) -> str:
    """What makes two spellings one keyword: letter case, width, quotes and white space do not count."""
    if not text.isascii():
        text = text.translate(_INVISIBLE).translate(_KEY_QUOTES)
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.casefold().replace("`", "'").split())


_SEPARATORS = r"[.,' ]"
_GROUPED = re.compile(
    rf"(?!0)(?P<whole>\d{{1,3}}(?P<sep>{_SEPARATORS})(?:\d{{2,3}}(?P=sep)){{0,4}}\d{{3}})"
    r"(?:(?!(?P=sep))[.,](?P<part>\d{1,20}))?"
)
_PLAIN = re.compile(r"(?P<whole>\d{1,15})(?:[.,](?P<part>\d{1,20}))?")
_ABBREVIATED = re.compile(r"(\d{1,6}(?:[.,]\d{1,2})?) ?([kmb])")
_UNITS = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_RANGE = re.compile(r"(?P<low>[^–—‒−-]+?) ?(?:[–—‒−-]|\bto\b) ?(?P<high>[^–—‒−-]+)")


# Cells repeat: a million rows hold some thousand different ones. Typed, for 1 and True are one key.
_remembered = lru_cache(maxsize=16_384, typed=True)


def _fold(cell: object) -> str:
    return " ".join(str(cell).replace("’", "'").split()).casefold()


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and isfinite(cell)


def _decimal(text: str, *patterns: re.Pattern[str]) -> Decimal | None:
    for pattern in patterns:
        if match := pattern.fullmatch(text):
            return Decimal(re.sub(r"\D", "", match["whole"]) + "." + (match["part"] or "0"))
    return None


def _count(text: str) -> Decimal | None:
    if match := _ABBREVIATED.fullmatch(text):
        return Decimal(match[1].replace(",", ".")) * _UNITS[match[2]]
    return _decimal(text, _GROUPED, _PLAIN)


@_remembered
def volume_of(cell: object) -> tuple[int | None, bool]:
    """Searches per month, and whether that is an estimate.

    A range stands for its geometric middle (a range from 0 counts from 1), `<10` for the range from 0, `10+`
    and `>10` for the bound.
    """
    if cell is None or (text := _fold(cell)) in UNKNOWN:
        return None, False
    estimate = False
    if _is_number(cell):
        count = Decimal(repr(cell))
    elif span := _RANGE.fullmatch(text):
        low, high = _count(span["low"]), _count(span["high"])
        estimate, count = True, _middle(low, high)
    elif text.startswith("<"):
        estimate, count = True, _middle(Decimal(0), _count(text.lstrip("<= ")))
    else:
        bare = text.lstrip(">≥~≈ ").rstrip("+ ")
        estimate, count = bare != text, _count(bare)
    if count is None or count < 0:
        raise CellError("bad_volume", f"The volume “{_shown(cell)}” is not a number of searches.")
    if count > MAX_VOLUME:
        raise CellError("bad_volume", f"The volume “{_shown(cell)}” is over {MAX_VOLUME:,}.")
    return int(count.to_integral_value(ROUND_HALF_UP)), estimate


def _middle(low: Decimal | None, high: Decimal | None) -> Decimal | None:
    if low is None or high is None or low > high:
        return None
    return Decimal(sqrt(max(low, Decimal(1)) * high))


@_remembered
def difficulty_of(cell: object) -> int | None:
    """SEO difficulty, 0 to 100, rounded."""
    if cell is None or (text := _fold(cell)) in UNKNOWN:
        return None
    if _is_number(cell):
        value = Decimal(repr(cell))
    else:
        value = _decimal(text.removesuffix("/100").removesuffix("%").rstrip(), _PLAIN)
    if value is None or not 0 <= value <= 100:
        raise CellError("bad_difficulty", f"The difficulty “{_shown(cell)}” is not a number from 0 to 100.")
    return int(value.to_integral_value(ROUND_HALF_UP))


@_remembered
def cpc_of(cell: object) -> Decimal | None:
    """Cost per click in the currency of the file, to the cent."""
    if cell is None or (text := _fold(cell)) in UNKNOWN:
        return None
    if _is_number(cell):
        value = Decimal(repr(cell))
    else:
        amount = "".join(c for c in text if unicodedata.category(c) != "Sc")
        value = _decimal(re.sub(r"^[a-z]{2,3}\b|\b[a-z]{2,3}$", "", amount.strip()).strip(), _PLAIN, _GROUPED)
    if value is None or not 0 <= value <= MAX_CPC:
        raise CellError("bad_cpc", f"The cost per click “{_shown(cell)}” is not an amount of money.")
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


_NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}


@cache
def _countries() -> dict[str, str]:
    territories = Locale("en").territories
    codes = {c for c in territories if len(c) == 2 and c.isalpha() and c not in _NOT_COUNTRIES}
    names = {alias: new[0] for alias, new in get_global("territory_aliases").items() if new[0] in codes}
    names |= {territories[code]: code for code in codes} | {code: code for code in codes}
    names |= {"Great Britain": "GB", "United States of America": "US", "Turkey": "TR", "Czech Republic": "CZ"}
    names |= {"Hong Kong": "HK", "Macau": "MO"}
    return {name.casefold(): code for name, code in names.items()}


@_remembered
def country_of(cell: object) -> str | None:
    """ISO 3166 alpha-2, from a code, an English name or a database (`mobile-us`)."""
    if cell is None or (text := _fold(cell)) in UNKNOWN - {"na"}:  # "na" is Namibia
        return None
    code = _countries().get(text.removeprefix("mobile-").removesuffix("-mobile"))
    if code is None:
        raise CellError(
            "bad_country", f"The country “{_shown(cell)}” is not known. Use a code such as US or GB."
        )
    return code


# The beginnings cover the spellings of other languages as well (Informativo, Kommerziell, Transaktional).
_INTENTS = {"info": "informational", "nav": "navigational", "com": "commercial", "kom": "commercial"}
_INTENTS |= {"trans": "transactional"}
_LETTERS = {"i": "informational", "n": "navigational", "c": "commercial", "t": "transactional"}
_CODES = {"0": "commercial", "1": "informational", "2": "navigational", "3": "transactional"}
_NOT_INTENTS = {"branded", "non-branded", "local", "non-local"}  # stand in the same cell at Ahrefs


@_remembered
def intent_of(cell: object, *, codes: bool = False) -> str:
    """The first search intent of the cell, '' if it names none. `codes`: digits are the Semrush API's."""
    if cell is None or (text := _fold(cell)) in UNKNOWN:
        return ""
    words = [word.strip() for word in re.split(r"[,;|/]", text)]
    for word in words:
        if intent := _LETTERS.get(word) or (codes and _CODES.get(word)):
            return intent
        if intent := next((intent for start, intent in _INTENTS.items() if word.startswith(start)), None):
            return intent
    if all(not word or word in _NOT_INTENTS for word in words):
        return ""
    raise CellError(
        "bad_intent",
        f"The intent “{_shown(cell)}” is none of informational, navigational, commercial, transactional.",
    )


def _shown(cell: object) -> str:
    return printable(str(cell), 40)


def printable(text: str, length: int = 100) -> str:
    """The text for a message: control characters spelled out, cut to `length`."""
    text = " ".join(_CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text[: 4 * length]).split())
    return text if len(text) <= length else text[: length - 1] + "…"
