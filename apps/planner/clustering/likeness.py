"""Whether two phrases want the same article.

Two that share a subject and ask different things of it ("x price", "x review") are near in every measure of the whole,
so the words decide: each word of the one must have a counterpart in the other, in meaning or in letters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from .text import FUNCTION_WORDS, normalise, script, singular, words

if TYPE_CHECKING:
    import numpy as np

# Cosine of two words' vectors: below it are Rome and Milan, men and women, dog and cat, above it couch and sofa.
WORDS = 0.42
LETTERS = 0.5  # share of common letter triples from which two words are forms of one: clean, cleaning
# What titles say besides their subject.
_SAYS_NOTHING = frozenset(
    "how what guide complete ultimate definitive full tip explained everything need know own easy simple quick step "
    "wie alles ratgeber anleitung comment tout cómo como todo guía".split()
)
_YEAR = re.compile(r"20[0-4]\d")


class Phrases:
    """Phrases made ready to be compared with each other; all of them at once, which costs little more than one."""

    def __init__(self, texts: Iterable[str]):
        import numpy as np

        from .features import word_sums

        split = {text: _telling(normalise(text)) for text in set(texts)}
        vocabulary = sorted(set(chain.from_iterable(split.values())))
        number = {word: i for i, word in enumerate(vocabulary)}
        self._vectors = word_sums(vocabulary)[0]
        lengths = np.linalg.norm(self._vectors, axis=1, keepdims=True)
        self._units = self._vectors / np.maximum(lengths, 1e-9)
        self._named = np.array([any(map(str.isalpha, word)) for word in vocabulary], bool)
        self._triples = [_triples(word) for word in vocabulary]
        self._words = {text: [number[word] for word in telling] for text, telling in split.items()}
        self._numbers = {
            text: frozenset(word for word in telling if any(char.isdigit() for char in word))
            for text, telling in split.items()
        }

    def alike(self, one: str, other: str) -> float | None:
        """How near the two are, 0 to 1, when one article answers both, else None. Words of a script whose meaning the
        vectors do not know are held against each other by their letters alone."""
        mine, theirs = self._words[one], self._words[other]
        if not mine or not theirs or self._numbers[one] != self._numbers[other]:
            return None
        latin = script(one) == script(other) == "LATIN"
        paired = self._paired(mine, theirs, by_meaning=latin)
        if not (paired.any(axis=1).all() and paired.any(axis=0).all()):
            return None
        return round(min(self._near(mine, theirs), 1.0), 2) if latin else 1.0

    def _paired(self, mine: list[int], theirs: list[int], *, by_meaning: bool) -> np.ndarray:
        import numpy as np

        paired = np.array([[self._forms_of_one(a, b) for b in theirs] for a in mine])
        if by_meaning:
            near = self._units[mine] @ self._units[theirs].T >= WORDS
            paired |= near & np.outer(self._named[mine], self._named[theirs])
        return paired

    def _forms_of_one(self, a: int, b: int) -> bool:
        if a == b:
            return True
        one, other = self._triples[a], self._triples[b]
        return len(one & other) >= LETTERS * len(one | other)

    def _near(self, mine: list[int], theirs: list[int]) -> float:
        import numpy as np

        one, other = self._vectors[mine].sum(axis=0), self._vectors[theirs].sum(axis=0)
        return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-9))


def _telling(text: str) -> list[str]:
    """The words that say what a phrase is about, each once; all of them when there are no others."""
    every = list(dict.fromkeys(singular(word) for word in words(text)))
    telling = [
        word
        for word in every
        if word not in FUNCTION_WORDS and word not in _SAYS_NOTHING and not _YEAR.fullmatch(word)
    ]
    return telling or every


def _triples(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))
