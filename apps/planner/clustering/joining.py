"""New keywords for clusters that are already there."""

from collections.abc import Sequence

from .engine import positions_by_text, scale_of
from .tiers import Tier, tier_of


def join_keywords(
    existing: Sequence[tuple[str, int]], new: Sequence[str], *, granularity: float = 0.5, tier: str = "static"
) -> list[int | None]:
    """For each of `new` the cluster it belongs to, or None where it had better stand alone.

    `existing` are (keyword, cluster id). A new keyword goes where the sum of its strongest similarities exceeds what a
    cluster of that size demands by most; clusters that are there never change. Same errors as `cluster_keywords`."""
    scale, kind = scale_of(granularity), tier_of(tier)
    wanted = positions_by_text(new)
    known: dict[str, int] = {}
    for text, places in positions_by_text([keyword for keyword, _ in existing]).items():
        known[text] = min(existing[i][1] for i in places)
    known.pop("", None)
    answer: list[int | None] = [None] * len(new)
    unseen = [text for text in wanted if text and text not in known]
    found: dict[str, int] = {}
    if unseen and known:
        found = _nearest_clusters(known, unseen, kind, scale * kind.gamma)
    for text, places in wanted.items():
        for place in places:
            answer[place] = known.get(text, found.get(text))
    return answer


def _nearest_clusters(known: dict[str, int], unseen: list[str], tier: Tier, gamma: float) -> dict[str, int]:
    import numpy as np

    from .features import build_features
    from .neighbours import NEIGHBOURS, neighbour_graph

    texts = sorted([*known, *unseen])
    ids, sizes = np.unique(np.array(list(known.values()), dtype=np.int64), return_counts=True)
    number = {cluster: i for i, cluster in enumerate(ids.tolist())}
    cluster_of = np.array([number[known[text]] if text in known else -1 for text in texts])
    graph = neighbour_graph(build_features(texts, tier))
    found = {}
    for row in np.flatnonzero(cluster_of < 0):
        part = slice(graph.indptr[row], graph.indptr[row + 1])
        clusters, weights = cluster_of[graph.indices[part]], graph.data[part]
        near, at = np.unique(clusters[clusters >= 0], return_inverse=True)
        if len(near):
            gains = np.bincount(at, weights=weights[clusters >= 0]) - gamma * np.minimum(
                sizes[near], NEIGHBOURS
            )
            best = int(np.argmax(gains))
            if gains[best] > 0:
                found[texts[row]] = int(ids[near[best]])
    return found
