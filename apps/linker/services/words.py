"""Words, and when two of them are the same: what is looked for and what stands in a text are read alike."""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape

# Where a phrase ends that is no sign of the text: a tag, an article's edge.
BARRIER = "\x00"
# Scripts without spaces between words: of these each character is a word; of the others each with its marks.
_IDEOGRAPHS = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SYLLABLES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_ELISION = r"(?:jusqu|lorsqu|puisqu|quoiqu|dell|nell|sull|all|qu|un|[cdjlmnst])['’](?=\w)"
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")
_SPACES = "-‐‑\xad"
_RUN = re.compile(r"\s+")


@dataclass(slots=True)
class Word:
    """`key` is the word with its spelling folded; `gap` what parts it from the word before, folded: "" for a space
    or a hyphen. `start` and `end` count the characters of `Prose.text`."""

    key: str
    gap: str
    start: int
    end: int


def phrase_key(text: str) -> tuple[str, ...]:
    """The words of a phrase in the form in which they are looked for; empty for what has none."""
    found = words_of(unescape(text).replace(BARRIER, " "), [])
    return tuple(linked(word) if i else word.key for i, word in enumerate(found))


def linked(word: Word) -> str:
    """The key of a word that follows another one, with what parts the two."""
    return f"{word.gap}\x1f{word.key}" if word.gap else word.key


def words_of(text: str, masked: list[tuple[int, int]]) -> list[Word]:
    found: list[Word] = []
    before = 0
    for match in word_pattern().finditer(text):
        start, end = match.span()
        if masked:
            at = bisect_right(masked, (start, len(text))) - 1
            if at >= 0 and masked[at][0] <= start < masked[at][1]:
                before = min(before, masked[at][0])
                continue
        found.append(Word(word_key(match[0]), _gap(text[before:start]), start, end))
        before = end
    return found


@lru_cache(maxsize=200_000)
def word_key(word: str) -> str:
    """A word without its case, width, possessive and plural s: cheap, and the same for both sides."""
    text = unicodedata.normalize("NFKC", word).casefold().translate(_APOSTROPHES)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf") if not text.isascii() else text
    text = text.removesuffix("'s") if len(text) > 3 else text
    if len(text) > 4 and text.endswith("ies"):
        return text[:-3] + "y"
    if len(text) > 4 and text.endswith(("ses", "xes", "zes", "ches", "shes")):
        return text[:-2]
    if len(text) > 3 and text.endswith("s") and not text.endswith(("ss", "us", "is")):
        return text[:-1]
    return text


@lru_cache(maxsize=10_000)
def _gap(text: str) -> str:
    """What parts two words: "" for spaces and hyphens alone; else its signs, with a space where there is one."""
    if not any(not c.isspace() and c not in _SPACES for c in text):
        return ""
    return _RUN.sub(" ", text[:20])


def is_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"


@cache
def word_pattern() -> re.Pattern:
    # Marks and joiners belong to words (Hindi and Persian have none without them), which `\w` does not know.
    marks = "".join(
        re.escape(c)
        for c in map(chr, range(0xAD, 0x10000))
        if unicodedata.category(c)[0] == "M" or unicodedata.category(c) == "Cf"
    )
    letter = rf"(?:[^\W{_IDEOGRAPHS}{_SYLLABLES}]|(?![{_SYLLABLES}])[{marks}])"
    return re.compile(
        rf"[{_IDEOGRAPHS}][{marks}]*|[{_SYLLABLES}][{marks}]*|{_ELISION}"
        rf"|{letter}+(?:['’]{letter}+)*[+#]*",
        re.IGNORECASE,
    )
