"""What may be linked to on a site: its pages that have an address, with the phrases that speak of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from django.db.models import QuerySet

from apps.linker.services.addresses import address_key, post_key
from apps.linker.services.words import phrase_key
from apps.planner.services.vectors import FUNCTION_WORDS, word_vectors
from apps.writer.models import Content

if TYPE_CHECKING:
    import numpy as np

# How much a phrase says about its page. The longest phrase that is looked for, in words.
PRIMARY, TITLE, SECONDARY = 1.0, 0.9, 0.8
LONGEST = 8
MAX_SECONDARY = 30
# A longer one is none, and its meaning unknown.
LONGEST_WORD = 60
FIELDS = ("pk", "title", "slug", "primary_keyword", "secondary_keywords", "external_url", "external_id")
# "Cold brew ratio: how much coffee" is about what stands before the colon.
_TITLE_PART = re.compile(r"\s*[:|–—?]\s|\s-\s")


@dataclass(slots=True)
class Target:
    pk: int
    title: str
    url: str
    keys: frozenset[str]
    phrases: list[tuple[tuple[str, ...], str, float]] = field(default_factory=list)


def pages(*, account_id: int, site_id: int) -> QuerySet[Content]:
    """The articles of a site, and its own posts, that stand at an address: what can be linked to."""
    rows = Content.objects.filter(account_id=account_id, site_id=site_id).exclude(external_url="")
    return rows.filter(status__in=(Content.Status.APPROVED, Content.Status.PUBLISHED))


def targets_of(*, account_id: int, site_id: int) -> Targets:
    """The pages of a site, in one query."""
    return Targets(pages(account_id=account_id, site_id=site_id).order_by("pk").values_list(*FIELDS))


class Targets:
    """The pages of one site, read once for any number of articles. `rows` hold FIELDS."""

    def __init__(self, rows: Iterable[tuple]):
        self.rows: list[Target] = []
        self.by_phrase: dict[tuple[str, ...], list[tuple[int, str, float]]] = defaultdict(list)
        for pk, title, slug, primary, secondary, url, external_id in rows:
            key = address_key(url)
            if not key:
                continue
            target = Target(pk, title, url, frozenset({key, post_key(url, external_id)} - {""}))
            self._say(target, primary, PRIMARY)
            self._say(target, title, TITLE)
            self._say(target, _TITLE_PART.split(title, maxsplit=1)[0], SECONDARY)
            if not primary:  # posts of a site's own have none; their slug is what they want to be found by
                self._say(target, unquote(slug).replace("-", " "), SECONDARY)
            for keyword in secondary[:MAX_SECONDARY] if isinstance(secondary, list) else ():
                self._say(target, str(keyword), SECONDARY)
            self.rows.append(target)
        self.lengths = sorted({len(key) for key in self.by_phrase}, reverse=True)

    def _say(self, target: Target, phrase: str, weight: float) -> None:
        key = phrase_key(phrase)
        if (
            key
            and len(key) <= LONGEST
            and says_something(key)
            and key not in {k for k, _, _ in target.phrases}
        ):
            target.phrases.append((key, phrase, weight))
            self.by_phrase[key].append((len(self.rows), phrase, weight))

    @cached_property
    def words(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(sorted({w for t in self.rows for w in telling(t)}))}

    @cached_property
    def table(self) -> np.ndarray:
        """A row for each of `words`."""
        return word_vectors(list(self.words))

    @cached_property
    def units(self) -> np.ndarray:
        return units(self.table)

    @cached_property
    def vectors(self) -> np.ndarray:
        """A unit row for each target, of its title and keywords; what all of them have in common is taken out."""
        rows = self._means([telling(target) for target in self.rows])
        self.common = rows.mean(axis=0) if len(rows) > 3 else rows.sum(axis=0) * 0
        return units(rows - self.common)

    @cached_property
    def subjects(self) -> list[list[int]]:
        """The words that say what each target is about: those of its primary keyword, else of its title."""
        return [
            [self.words[w] for w in _said(target.phrases[0][0])] if target.phrases else []
            for target in self.rows
        ]

    def _means(self, said: list[list[str]]) -> np.ndarray:
        import numpy as np

        rows = np.zeros((len(said), self.table.shape[1]), np.float32)
        for i, words in enumerate(said):
            if words:
                rows[i] = self.table[[self.words[word] for word in words]].mean(axis=0)
        return rows


def _said(key: tuple[str, ...]) -> list[str]:
    return [word for word in bare(key) if word not in FUNCTION_WORDS and len(word) <= LONGEST_WORD]


def telling(target: Target) -> list[str]:
    """The words of a target that say something, each once."""
    return sorted({word for key, _, _ in target.phrases for word in _said(key)})


def bare(key: tuple[str, ...]) -> list[str]:
    return [word.rpartition("\x1f")[2] for word in key]


def says_something(key: tuple[str, ...]) -> bool:
    """Whether a link of these words would be one that somebody means: not “the”, “of it”, “7” or a single letter.

    Of scripts without spaces between words two characters are a word; of a syllable each, four.
    """
    words = [word for word in bare(key) if word not in FUNCTION_WORDS and not word.isdecimal()]
    letters = "".join(words)
    if not words:
        return False
    if (
        "\u0e00" <= letters[0] <= "\u0eff"
        or "\u1000" <= letters[0] <= "\u109f"
        or "\u1780" <= letters[0] <= "\u17ff"
    ):
        return len(key) >= 4
    if ord(letters[0]) >= 0x3040 and letters[0].isalpha() and not "\uac00" <= letters[0] <= "\ud7af":
        return len(letters) >= 2
    return len(letters) >= 3 or any(c in "+#" for c in letters)


def units(rows: np.ndarray) -> np.ndarray:
    import numpy as np

    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
