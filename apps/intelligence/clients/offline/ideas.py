"""Ideas for articles and names for clusters, made of their keywords without a language model."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from apps.intelligence.text import shorten

from ..base import ProviderRefused
from .keywords import FACETS, INTENTS, Keyword, clean, groups, headline, read, significant
from .outline import is_english, sections

MAX_KEYWORDS = 30
_STRUCTURES = {
    "compare": "comparison",
    "review": "review",
    "best": "listicle",
    "price": "article",
    "how": "guide",
    "buy": "landing_page",
    "local": "landing_page",
}
_TITLES = {
    "guide": ("{}: a practical guide", "{} step by step", "{} for beginners", "How to get {} right"),
    "article": (
        "{}: what you should know",
        "{} explained",
        "Understanding {}",
        "What people get wrong about {}",
    ),
    "comparison": ("{}: which one suits you?", "{}: the differences that matter", "{}: how they compare"),
    "price": ("{}: what you pay for", "{}: how to compare offers", "What to know about {} before you pay"),
    "review": ("{}: strengths, weaknesses and a verdict", "{} put to the test", "Is {} worth it?"),
    "listicle": ("{}: our choice and how we made it", "{} at a glance", "{}: which one for whom"),
    "landing_page": ("{}: what to check before you decide", "{} made simple", "Your way to {}"),
    "product_page": ("{}: features and fit", "{} at a glance"),
}
_WORDS = {"guide": 1600, "comparison": 1500, "listicle": 1400, "review": 1300, "landing_page": 700}


def ideas(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "ideas": up to `count`, fewer when the keywords yield no new title."""
    cluster = clean(inputs.get("cluster"))
    keywords = read(inputs.get("keywords")) or read([cluster])
    if not keywords:
        raise ProviderRefused(
            "There is nothing to make ideas from: the cluster has neither a name nor keywords."
        )
    count = inputs.get("count")
    count = min(count, 50) if isinstance(count, int) and count > 0 else 1
    english = is_english(inputs.get("language"))
    taken = {clean(title).casefold() for title in inputs.get("existing_titles") or []}
    found: list[dict] = []
    for structure, targets in _plans(keywords):
        if len(found) == count:
            break
        titles = _titles(structure, targets, english, turn=len(found))
        title = next((t for t in titles if t.casefold() not in taken), None)
        if title is not None:
            taken.add(title.casefold())
            found.append(_idea(title, structure, targets, cluster or keywords[0].text, english))
    return {"ideas": found}


def _plans(keywords: list[Keyword]) -> Iterator[tuple[str, list[Keyword]]]:
    """What can be written: the whole topic, its facets and questions, its groups, then single keywords."""
    plain = [k for k in keywords if k.facet is None and not k.question]
    yield ("guide" if len(keywords) > 3 else "article"), [*(plain[:1] or keywords[:1]), *keywords]
    parts = [(_STRUCTURES[f], [k for k in keywords if k.facet == f and not k.question]) for f in FACETS]
    questions = [k for k in keywords if k.question]
    parts.append(("guide" if any("how" in k.words for k in questions) else "article", questions))
    head = Counter(word for k in keywords for word in set(k.words))
    shared = {word for word, n in head.items() if n * 2 > len(keywords)}
    topics = [("article", group) for group in groups(plain[1:], head=shared)]
    for some in (parts, topics):
        yield from sorted((p for p in some if p[1]), key=lambda p: -sum(k.volume or 0 for k in p[1]))
    for structure in ("article", "guide", "comparison", "review", "listicle", "landing_page"):
        for keyword in keywords:
            yield structure, [keyword]


def _titles(structure: str, targets: list[Keyword], english: bool, *, turn: int) -> Iterator[str]:
    """Titles to try in order; `turn` begins with another form, so that neighbours do not sound alike."""
    typed = shorten(targets[0].text, 120)
    text = headline(typed)
    if targets[0].question:
        yield text if text[-1] in "?؟？…" or not english else text + "?"
    if english and not targets[0].question:
        forms = _TITLES["price" if targets[0].facet == "price" else structure]
        yield from (headline(forms[(turn + n) % len(forms)].replace("{}", typed)) for n in range(len(forms)))
    if not english:
        yield text
        yield from (
            f"{text} – {shorten(other.text, 120)}" for other in targets[1:] if other.text != targets[0].text
        )


def _idea(title: str, structure: str, targets: list[Keyword], cluster: str, english: bool) -> dict[str, Any]:
    targets = list(dict.fromkeys(targets))
    primary = targets[0].text
    wanted = [keyword.intent for keyword in targets]
    outline = sections(primary, targets, structure=structure, english=english)
    also = ", ".join(k.text for k in targets[1:5])
    description = f"Offline idea, made of the keywords of the cluster “{shorten(cluster, 120)}”. "
    description += f"It answers the search “{primary}”" + (f", and also: {also}." if also else ".")
    return {
        "title": title,
        "description": shorten(description, 1500),
        "content_type": "page" if structure == "landing_page" else "post",
        "structure": structure,
        "intent": max(INTENTS, key=wanted.count),
        "primary_keyword": shorten(primary, 500),
        "target_keywords": [shorten(k.text, 500) for k in targets[:MAX_KEYWORDS]],
        "outline": [{"heading": shorten(s.heading, 300), "points": list(s.points)} for s in outline[:8]],
        "word_count": _WORDS.get(structure, 1200),
    }


def cluster_names(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "cluster_names": the keyword that stands for its cluster, no name twice."""
    names, taken = [], set()
    for cluster in inputs.get("clusters") or []:
        keywords = read(cluster.get("keywords"))
        seen = Counter(word for keyword in keywords for word in significant(keyword.words))
        best = sorted(keywords, key=lambda k: (-_centrality(k, seen), len(k.text)))
        candidates = [shorten(headline(keyword.text), 100) for keyword in best]
        candidates = candidates or [f"Cluster {cluster['id']}"]
        name = next((c for c in candidates if c.casefold() not in taken), None)
        if name is None:
            name = shorten(f"{shorten(candidates[0], 80)} – cluster {cluster['id']}", 110)
        taken.add(name.casefold())
        names.append({"id": cluster["id"], "name": name})
    return {"names": names}


def _centrality(keyword: Keyword, seen: Counter) -> float:
    """How often its words stand in the cluster, on average; a single word is too broad for a good name."""
    words = significant(keyword.words)
    return sum(seen[word] for word in words) / max(2, len(words))
