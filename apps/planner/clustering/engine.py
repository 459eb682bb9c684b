"""The whole way from keywords to named clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from ctypes import CDLL
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from .text import normalise
from .tiers import tier_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Cluster:
    """A group of keywords that one article can serve, or, when it has no `members`, a hub over several such groups.
    `members` are positions in the input; `parent` is the position of the hub in `Clustering.clusters`."""

    name: str
    members: list[int]
    parent: int | None = None


@dataclass(frozen=True)
class Clustering:
    """Every position of the input is in the members of exactly one cluster or in `alone`."""

    clusters: list[Cluster]
    alone: list[int]


def scale_of(granularity: float) -> float:
    """How much more similar than usual keywords must be to share a cluster: a third at 0, 1 at .5, thrice at 1 (each
    step of .1 is a quarter more). Raises ValueError outside 0 to 1."""
    if not 0 <= granularity <= 1:
        raise ValueError(f"granularity must be between 0 and 1, not {granularity!r}.")
    return 3 ** (2 * granularity - 1)


def positions_by_text(keywords: Sequence[str]) -> dict[str, list[int]]:
    """Normal form -> positions, sorted by normal form, so that nothing downstream sees the order of the input."""
    if isinstance(keywords, str):
        raise TypeError("keywords must be a sequence of strings, not one string.")
    found: dict[str, list[int]] = {}
    for position, keyword in enumerate(keywords):
        if not isinstance(keyword, str):
            raise TypeError(f"Keyword {position} is {type(keyword).__name__}, not a string.")
        found.setdefault(normalise(keyword), []).append(position)
    return dict(sorted(found.items()))


def cluster_keywords(
    keywords: Sequence[str],
    volumes: Sequence[int | None] | None = None,
    *,
    granularity: float = 0.5,
    tier: str = "static",
    progress: Callable[[int, int, str], None] | None = None,
) -> Clustering:
    """Group `keywords` by what the searcher wants.

    The result depends on the set of keywords only, never on their order. Spellings that are equal once normalised
    stay together; keywords of which nothing is left stand alone. `volumes` (searches a month, None if unknown) only
    help to choose names. `granularity`: 0 few large clusters, 1 many small ones. `tier`: see `tiers`. `progress` hears
    (done, total, stage) with total = 100. Largest cluster first; a hub comes before its clusters. Raises ValueError on
    a granularity outside 0 to 1 or another number of volumes than keywords, TypeError on keywords that are not
    strings, TierMissing."""
    scale, kind = scale_of(granularity), tier_of(tier)
    if volumes is not None and len(volumes) != len(keywords):
        raise ValueError(
            f"{len(keywords)} keywords but {len(volumes)} volumes: give one each, None if unknown."
        )
    tell = progress or (lambda done, total, stage: None)
    positions = positions_by_text(keywords)
    empty = positions.pop("", [])
    texts = list(positions)
    if not texts:
        return Clustering([], sorted(empty))

    import numpy as np

    from .features import build_features, laid_aside
    from .hubs import split_large
    from .leiden import partition
    from .naming import name_groups
    from .neighbours import neighbour_graph

    tell(0, 100, "reading")
    features = build_features(texts, kind, lambda share: tell(int(15 * share), 100, "reading"))
    tell(15, 100, "comparing")
    graph = neighbour_graph(features, lambda share: tell(15 + int(60 * share), 100, "comparing"))
    tell(75, 100, "grouping")
    back = laid_aside(features)
    del features
    _give_back_memory()
    groups = _groups(partition(graph, kind.gamma * scale))
    del graph
    tell(90, 100, "splitting")
    known = (
        [max((volumes[i] or 0 for i in places), default=0) for places in positions.values()]
        if volumes
        else [0]
    )
    volume = np.broadcast_to(np.maximum(np.array(known, dtype=np.float64), 0), len(texts))
    places = list(positions.values())
    alone = list(empty)
    tops, leaves = [], []  # a top group is one leaf itself or the hub of several
    for group in groups:
        if len(group) == 1 and len(places[group[0]]) == 1:
            alone += places[group[0]]
        else:
            tops.append(group)
            leaves.append(split_large(group, texts, scale))
    tell(95, 100, "naming")
    features = back()
    names = iter(name_groups([*tops, *(leaf for parts in leaves for leaf in parts)], features, volume))
    top_names = [texts[next(names)] for _ in tops]
    named = [sorted(((texts[next(names)], leaf) for leaf in parts), key=_by_size) for parts in leaves]
    clusters: list[Cluster] = []
    for top in sorted(range(len(tops)), key=lambda top: (-len(tops[top]), top_names[top])):
        parent = None
        if len(named[top]) > 1:
            parent = len(clusters)
            clusters.append(Cluster(top_names[top], []))
        for name, leaf in named[top]:
            clusters.append(Cluster(name, sorted(place for text in leaf for place in places[text]), parent))
    tell(100, 100, "done")
    return Clustering(clusters, sorted(alone))


def split_keywords(keywords: Sequence[str], *, granularity: float = 0.5) -> list[list[int]]:
    """The keywords of one cluster by what they ask, whatever its size: positions, the largest part first; in one part
    where nothing tells them apart. Same errors as `cluster_keywords`."""
    scale = scale_of(granularity)
    positions = positions_by_text(keywords)
    texts, places = list(positions), list(positions.values())
    if len(texts) < 2:
        return [sorted(chain.from_iterable(places))]

    from .hubs import split_by_facet

    parts = [sorted(place for i in part for place in places[i]) for part in split_by_facet(texts, scale)]
    return sorted(parts, key=lambda part: (-len(part), keywords[part[0]]))


def _give_back_memory() -> None:
    """glibc keeps a hundred megabytes of what numpy has freed, in pieces that Leiden's tables do not fit into."""
    with suppress(OSError, AttributeError):  # another C library
        CDLL(None).malloc_trim(0)


def _by_size(named):
    name, members = named
    return -len(members), name


def _groups(labels: np.ndarray) -> list[np.ndarray]:
    import numpy as np

    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
