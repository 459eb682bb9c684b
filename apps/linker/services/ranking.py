"""Which links an article could have, and which of them it gets. The same text and pages give the same links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from apps.linker.services.addresses import address_key
from apps.linker.services.prose import Prose, prose_of
from apps.linker.services.targets import LONGEST_WORD, Target, Targets, bare, units
from apps.linker.services.words import linked, phrase_key
from apps.planner.services.vectors import FUNCTION_WORDS, word_vectors
from apps.writer.models import Content

if TYPE_CHECKING:
    import numpy as np

KEYWORD, MEANING = "keyword", "meaning"
# Words between two new links.
APART = 8
# Pages that are looked at by meaning: the nearest to the article. Cosines, as static vectors have them: of an article
# and its neighbours, of two phrases, and of two words (car and auto 0.48, dog and cat 0.4).
NEAREST, NEAR, ALIKE, WORDS_ALIKE = 20, 0.2, 0.6, 0.45
SUBJECT_WORDS = (2, 3, 4)
WEIGHT, LENGTH, TOPIC = 0.5, 0.2, 0.3


@dataclass(slots=True)
class Candidate:
    """A link that could be: the words `first` to `last`, which stand from `start` to `end` of the source."""

    target: Target
    first: int
    last: int
    start: int
    end: int
    score: float
    reason: str
    keyword: str


@dataclass(slots=True)
class Found:
    """What an article could link to, best first. `allowed`: how many links it may still get."""

    prose: Prose
    candidates: list[Candidate]
    allowed: int


def links_find(
    content: Content,
    targets: Targets,
    *,
    base: str,
    most: int,
    words_per_link: int,
    only: Collection[int] | None = None,
) -> Found:
    """`base` is the address that relative links of the article start from; `only` narrows the pages to these ids.

    Links that the article has already count against `most`, which is at least one and one per `words_per_link`.
    """
    prose = prose_of(content.html)
    there = [key for href in hrefs(content.html) if (key := address_key(href, base))]
    own = {address_key(content.external_url)} | {
        k for t in targets.rows if t.pk == content.pk for k in t.keys
    }
    known = {key for target in targets.rows for key in target.keys} - own
    allowed = min(most, max(1, -(-prose.count // words_per_link))) - sum(key in known for key in there)
    open_ = {
        number
        for number, target in enumerate(targets.rows)
        if target.pk != content.pk
        and not target.keys & {*there, *own}
        and (only is None or target.pk in only)
    }
    if not open_ or not prose.words or allowed < 1:
        return Found(prose, [], max(allowed, 0))
    topic = _topics(content, prose, targets)
    found = list(_by_keyword(content, prose, targets, open_, topic))
    found += _by_meaning(content, prose, targets, open_ - {n for n, _ in found}, topic)
    candidates = sorted((c for _, c in found), key=lambda c: (-c.score, c.start, c.end, c.target.pk))
    return Found(prose, candidates, allowed)


def links_choose(candidates: list[Candidate], allowed: int) -> list[Candidate]:
    """The first of them that go together: one a target, none over or right beside another. In the text's order."""
    chosen: list[Candidate] = []
    targets: set[int] = set()
    for candidate in candidates:
        if len(chosen) == allowed:
            break
        near = any(
            candidate.first <= other.last + APART and other.first <= candidate.last + APART
            for other in chosen
        )
        if candidate.target.pk not in targets and not near:
            chosen.append(candidate)
            targets.add(candidate.target.pk)
    return sorted(chosen, key=lambda c: c.start)


def hrefs(html: str) -> list[str]:
    """Where the links of an article lead."""
    if "<" not in html:
        return []
    return [href for node in LexborHTMLParser(html).css("a[href]") if (href := node.attributes.get("href"))]


def _by_keyword(
    content: Content, prose: Prose, targets: Targets, open_: set[int], topic: np.ndarray
) -> Iterator[tuple[int, Candidate]]:
    """Each open target under each phrase of it, where that stands first."""
    subject = phrase_key(content.primary_keyword)
    keys = [linked(word) for word in prose.words]
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for first, word in enumerate(prose.words):
        for length in targets.lengths:
            phrase = (word.key, *keys[first + 1 : first + length])
            if len(phrase) < length or phrase not in targets.by_phrase or phrase == subject:
                continue
            wanted = [t for t in targets.by_phrase[phrase] if t[0] in open_ and (t[0], phrase) not in seen]
            place = prose.place(first, first + length - 1) if wanted else None
            if place is None:
                continue
            for number, keyword, weight in wanted:
                seen.add((number, phrase))
                score = WEIGHT * weight + LENGTH * min(length, 4) / 4 + TOPIC * max(0.0, float(topic[number]))
                yield (
                    number,
                    Candidate(
                        targets.rows[number],
                        first,
                        first + length - 1,
                        *place,
                        round(score, 4),
                        KEYWORD,
                        keyword,
                    ),
                )


def _by_meaning(
    content: Content, prose: Prose, targets: Targets, open_: set[int], topic: np.ndarray
) -> Iterator[tuple[int, Candidate]]:
    """Of the nearest targets that no phrase speaks of: the words that mean what their subject does.

    The means of two phrases are near when they share a word (dog food, dog training); so each word of the one must
    have a counterpart in the other too.
    """
    import numpy as np

    own = phrase_key(content.primary_keyword)
    nearest = [
        number
        for number in sorted(open_, key=lambda n: (-float(topic[n]), n))[:NEAREST]
        if topic[number] >= NEAR
        and targets.subjects[number]
        and own not in {key for key, _, _ in targets.rows[number].phrases}
    ]
    if not nearest:
        return
    vocabulary = sorted({word.key for word in prose.words if len(word.key) <= LONGEST_WORD})
    number_of = {word: i for i, word in enumerate(vocabulary)}
    table = word_vectors(vocabulary)
    one_by_one = units(table)
    places = [number_of.get(word.key, -1) for word in prose.words]
    subjects = units(np.stack([targets.table[targets.subjects[number]].mean(axis=0) for number in nearest]))
    found: dict[int, tuple[float, int, int]] = {}
    for length in SUBJECT_WORDS:
        starts = np.array(
            [i for i in range(len(places) - length + 1) if _is_phrase(prose, i, length)], np.int64
        )
        if not len(starts):
            continue
        words = np.array(places)[starts[:, None] + np.arange(length)]
        alike = units(table[words].mean(axis=1)) @ subjects.T
        for row, column in np.argwhere(alike >= ALIKE):
            number, value = nearest[column], round(float(alike[row, column]), 4)
            if value <= found.get(number, (0.0,))[0] or set(_keys(prose, starts[row], length)) == set(
                bare(own)
            ):
                continue
            pairs = one_by_one[words[row]] @ targets.units[targets.subjects[number]].T
            if min(pairs.max(axis=0).min(), pairs.max(axis=1).min()) >= WORDS_ALIKE:
                found[number] = value, int(starts[row]), length
    for number, (value, first, length) in sorted(found.items()):
        place = prose.place(first, first + length - 1)
        if place is not None:
            score = WEIGHT * 0.6 * value + LENGTH * length / 4 + TOPIC * max(0.0, float(topic[number]))
            target = targets.rows[number]
            yield (
                number,
                Candidate(
                    target, first, first + length - 1, *place, round(score, 4), MEANING, target.phrases[0][1]
                ),
            )


def _keys(prose: Prose, first: int, length: int) -> list[str]:
    return [word.key for word in prose.words[first : first + length]]


def _is_phrase(prose: Prose, first: int, length: int) -> bool:
    """Whether these words stand together, and each says something."""
    words = prose.words[first : first + length]
    return not any(word.gap for word in words[1:]) and all(
        2 < len(word.key) <= LONGEST_WORD and word.key not in FUNCTION_WORDS for word in words
    )


def _topics(content: Content, prose: Prose, targets: Targets) -> np.ndarray:
    """How near each target is to the article, by the words of its text; its title and keywords count more."""
    import numpy as np

    counts = Counter(word.key for word in prose.words)
    for text in (content.title, content.primary_keyword, *content.secondary_keywords[:10]):
        counts.update({word: 3 for word in bare(phrase_key(str(text)))})
    words = sorted(word for word in counts if word not in FUNCTION_WORDS and 1 < len(word) <= LONGEST_WORD)
    if not words:
        return np.zeros(len(targets.rows), np.float32)
    weights = np.sqrt(np.array([counts[word] for word in words], np.float32))
    vectors = targets.vectors  # first: it says what all have in common
    mean = (weights @ word_vectors(words)) / weights.sum()
    return vectors @ units((mean - targets.common)[None, :])[0]
