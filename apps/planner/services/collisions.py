"""Whether a site has taken a topic already: what is asked before an idea is made.

The database gives what looks like it, by key and by trigrams; which of these want the same article, the words decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from apps.core.errors import Conflict
from apps.planner.clustering import Phrases
from apps.planner.keyword_files import keyword_key
from apps.planner.models import ClaimedTopic
from apps.planner.services.topics import one_line

SHOWN = 5
# Two that the words find alike may have few letters in common: toys for children, kids toys.
LETTERS_IN_COMMON = 0.2
CANDIDATES = 100
COLUMNS = ("source", "source_id", "phrase", "title", "url")
# Looked for by key as well: a phrase without letters has no trigrams. Titles only as a whole: those of one hand share
# so many words that nearly all of them look alike.
FIND = f"""
SELECT asked.number, found.* FROM unnest(%(numbers)s::int[], %(keys)s::text[], %(titles)s::text[])
  AS asked (number, key, title)
CROSS JOIN LATERAL (
  (SELECT source, source_id, phrase, title, url FROM planner_claimedtopic
   WHERE site_id = %(site_id)s::bigint AND (key = asked.key OR lower(title) = lower(asked.title))
   ORDER BY id LIMIT {CANDIDATES})
  UNION
  (SELECT source, source_id, phrase, title, url FROM planner_claimedtopic
   WHERE site_id = %(site_id)s::bigint AND key %% asked.key
   ORDER BY similarity(key, asked.key) DESC, id LIMIT {CANDIDATES})
) AS found
"""  # noqa: S608  a number of ours
KINDS = {"idea": "idea", "task": "task", "content": "article", "post": "post at WordPress"}


@dataclass(frozen=True)
class Proposal:
    """What an idea would be called. Without a phrase it wants to be found for its title."""

    phrase: str
    title: str

    @property
    def texts(self) -> tuple[str, str]:
        phrase, title = one_line(self.phrase), one_line(self.title)
        return phrase or title, title or phrase


@dataclass(frozen=True)
class Collision:
    """A topic that is taken, and why it is the same one: same_keyphrase, same_title, or near by meaning.

    `similarity` is 0 to 1. The topic of an idea that is only about to be made has no id.
    """

    reason: str
    similarity: float
    topic: ClaimedTopic

    @property
    def sentence(self) -> str:
        how = {
            "same_keyphrase": f"wants to be found for “{self.topic.phrase}” as well",
            "same_title": "has the same title",
        }.get(self.reason, f"answers nearly the same, “{self.topic.phrase}”")
        return f"The {KINDS[self.topic.source]} “{self.topic.title}” {how}."

    def shown(self) -> dict:
        return {
            "reason": self.reason,
            "sentence": self.sentence,
            "similarity": self.similarity,
            "topic": {name: getattr(self.topic, name) for name in COLUMNS},
        }


class TopicTaken(Conflict):
    """Two articles of a site would compete. Its details hold the topics, the nearest first."""

    def __init__(self, collisions: list[Collision]):
        super().__init__(
            f"{collisions[0].sentence} Choose another topic, or send allow_duplicate to make the idea all the same.",
            details={"topics": [collision.shown() for collision in collisions]},
        )


def collisions_find(
    *, site_id: int, proposals: Sequence[Proposal], titles_only: bool = False
) -> list[list[Collision]]:
    """For each proposal the topics it would compete with, the nearest first, at most five.

    `titles_only`: those of the same title, where somebody wants several articles on one subject. The topics are those
    of the site, and the proposals before it that compete with nothing themselves. Two statements, however many
    proposals and topics there are.
    """
    rows = _candidates(site_id, proposals)
    texts = {text for proposal in proposals for text in proposal.texts}
    phrases = Phrases(texts | {text for _, topic in rows for text in (topic.phrase, topic.title)})
    taken: list[list[ClaimedTopic]] = [[] for _ in proposals]
    for number, topic in rows:
        taken[number].append(topic)
    found: list[list[Collision]] = []
    free: list[ClaimedTopic] = []
    for proposal, topics in zip(proposals, taken, strict=True):
        some = [collision_of(proposal, topic, phrases, titles_only) for topic in [*topics, *free]]
        found.append(sorted((c for c in some if c), key=_nearest_first)[:SHOWN])
        if not found[-1]:
            phrase, title = proposal.texts
            free.append(ClaimedTopic(source=ClaimedTopic.Source.IDEA, phrase=phrase, title=title))
    return found


def collision_of(
    proposal: Proposal, topic: ClaimedTopic, phrases: Phrases, titles_only: bool = False
) -> Collision | None:
    """How the proposal competes with one topic, if it does. `phrases` knows the texts of both."""
    asked, taken = proposal.texts, (topic.phrase, topic.title)
    same = [keyword_key(mine) == keyword_key(theirs) for mine, theirs in zip(asked, taken, strict=True)]
    if titles_only:
        return Collision("same_title", 1.0, topic) if same[1] else None
    near = [phrases.alike(mine, theirs) for mine in set(asked) for theirs in set(taken)]
    similarity = 1.0 if any(same) else max((value for value in near if value is not None), default=None)
    if similarity is None:
        return None
    return Collision("same_keyphrase" if same[0] else "same_title" if same[1] else "near", similarity, topic)


def _candidates(site_id: int, proposals: Sequence[Proposal]) -> list[tuple[int, ClaimedTopic]]:
    asked = [
        (n, key, p.texts[1])
        for n, p in enumerate(proposals)
        for key in dict.fromkeys(map(keyword_key, p.texts))
    ]
    if not asked:
        return []
    numbers, keys, titles = map(list, zip(*asked, strict=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(LETTERS_IN_COMMON)]
        )
        cursor.execute(FIND, {"numbers": numbers, "keys": keys, "titles": titles, "site_id": site_id})
        found = dict.fromkeys(cursor.fetchall())  # one may be found by the phrase and by the title
    return [(number, ClaimedTopic(**dict(zip(COLUMNS, row, strict=True)))) for number, *row in found]


def _nearest_first(collision: Collision) -> tuple:
    order = ("same_keyphrase", "same_title", "near").index(collision.reason)
    return order, -collision.similarity, collision.topic.source, collision.topic.source_id or 0
