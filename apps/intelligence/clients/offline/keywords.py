"""Reading search keywords: what a searcher wants by the words he adds, and which keywords share a topic."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"\w+", re.UNICODE)
_LISTS = {
    "stop": "a an and are as at be by can do doe does for from i in is it me my of on or should the to what "
    "when where which who why will with you your how",
    "question": "who what when where why how which can could do does did is are should will would "
    "qui que quoi quand pourquoi comment combien wer was wann warum wie wo welche "
    "quién qué cuándo dónde cómo cuál cuánto chi cosa quando perché come dove "
    "как что где когда почему сколько ما من متى أين لماذا كيف هل كم چه چگونه چرا کجا",
}
_STOP, _QUESTION_WORDS = (frozenset(words.split()) for words in _LISTS.values())
_FACETS = {
    "compare": "vs versus compare compared comparison comparisons alternative alternatives difference "
    "differences",
    "review": "review reviews rating ratings test tested worth opinion opinions",
    "price": "price prices pricing priced cost costs cheap cheapest cheaper affordable budget deal deals "
    "discount discounts coupon coupons fee fees",
    "buy": "buy buying purchase order shop shops store stores sale online supplier suppliers hire rent",
    "best": "best top greatest recommended favourite favorite",
    "how": "how guide guides tutorial tutorials tips diy steps step instructions checklist ideas examples",
    "local": "near nearby local",
}
_FACET_OF = {word: facet for facet, words in _FACETS.items() for word in words.split()}
_INTENT_OF_FACET = dict.fromkeys(("compare", "review", "best", "price"), "commercial")
_INTENT_OF_FACET |= {"buy": "transactional", "local": "navigational"}
INTENTS = ("informational", "navigational", "commercial", "transactional")
FACETS = tuple(_FACETS)


@dataclass(frozen=True)
class Keyword:
    """`volume` is searches a month, None when unknown; `intent` as given, else a guess by its words.

    `words` are folded: lower case, without a plural s.
    """

    text: str
    volume: int | None
    intent: str
    words: tuple[str, ...]
    facet: str | None
    question: bool


def clean(text: object) -> str:
    """One line without control characters, NULs and halves of characters; emoji and joiners stay."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in str(text or ""))
    return " ".join(kept.split())


def read(items: Iterable[Any]) -> list[Keyword]:
    """Keywords of strings or of {keyword, volume?, intent?}; the most searched first, each once."""
    found: dict[str, Keyword] = {}
    for item in items or []:
        row = item if isinstance(item, dict) else {"keyword": item}
        text = clean(row.get("keyword"))
        if text:
            found.setdefault(text.casefold(), _keyword(text, row.get("volume"), row.get("intent")))
    return sorted(found.values(), key=lambda k: -(k.volume or 0))


def _keyword(text: str, volume: object, intent: object) -> Keyword:
    typed = _WORD.findall(text.casefold())
    words = tuple(_singular(word) for word in typed)
    facet = next((_FACET_OF[word] for word in typed if word in _FACET_OF), None)
    question = bool(typed) and (typed[0] in _QUESTION_WORDS or text.endswith(("?", "؟", "？")))
    given = str(intent or "").lower().split(",")[0].strip()
    known = volume if isinstance(volume, int) and not isinstance(volume, bool) and volume > 0 else None
    guess = _INTENT_OF_FACET.get(facet, "informational")
    return Keyword(text, known, given if given in INTENTS else guess, words, facet, question)


def groups(keywords: list[Keyword], *, head: Iterable[str] = ()) -> list[list[Keyword]]:
    """The keywords by the word that they share besides `head`, the topic's words; the rest comes last."""
    skip = _STOP | set(head)
    seen = Counter(word for keyword in keywords for word in set(keyword.words) - skip)
    shared: dict[str, list[Keyword]] = {}
    alone: list[Keyword] = []
    for keyword in keywords:
        own = [word for word in dict.fromkeys(keyword.words) if word not in skip and seen[word] > 1]
        if own:
            shared.setdefault(max(own, key=lambda word: seen[word]), []).append(keyword)
        else:
            alone.append(keyword)
    alone += [group[0] for group in shared.values() if len(group) == 1]
    parts = [group for group in shared.values() if len(group) > 1]
    return parts + ([alone] if alone else [])


def significant(words: Iterable[str]) -> set[str]:
    """The words without those that every topic has."""
    return set(words) - _STOP


def _singular(word: str) -> str:
    """Rough, and enough to see that "maps" and "map" are one topic."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def headline(text: str) -> str:
    """The text with its first letter as a capital; the rest is as people type it."""
    return text[:1].upper() + text[1:]
