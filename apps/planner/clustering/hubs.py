"""Splitting what is too large for one article.

Keywords around one entity ("x map", "x map pdf", "where is x") fall together by the entity. Seen from inside, without
what all of them share, they part by facet. A cluster whose members say one thing in many ways is left whole."""

from collections.abc import Sequence

import numpy as np

from .features import Features, build_facets
from .leiden import partition
from .neighbours import neighbour_graph

LARGE = 30  # up to here a cluster is one article
ENTITY = (
    0.5  # above it, only if at least this share of its words is common to most of it, or all name one subject
)
HUGE = 150  # or if it is larger than any article
LOCAL_GAMMA = 0.06
_ROUNDS = 3


def split_large(group: np.ndarray, texts: Sequence[str], scale: float) -> list[np.ndarray]:
    """`group` (positions in `texts`) as one or more leaves; `scale` is the user's gamma over the default."""
    leaves, waiting = [], [(group, 0)]
    while waiting:
        part, rounds = waiting.pop()
        pieces = _split(part, texts, scale) if len(part) > LARGE and rounds < _ROUNDS else [part]
        if len(pieces) == 1:
            leaves.append(part)
        else:
            waiting += [(piece, rounds + 1) for piece in pieces]
    return leaves


def _split(part: np.ndarray, texts: Sequence[str], scale: float) -> list[np.ndarray]:
    local, shared, one_subject = build_facets([texts[i] for i in part])
    if shared < ENTITY and not one_subject and len(part) <= HUGE:
        return [part]
    return [part[piece] for piece in _pieces(local, scale)]


def split_by_facet(texts: Sequence[str], scale: float) -> list[np.ndarray]:
    """All of `texts` by what they ask, however few they are: positions, in one part where nothing tells them apart."""
    return _pieces(build_facets(texts)[0], scale)


def _pieces(local: Features, scale: float) -> list[np.ndarray]:
    graph = neighbour_graph(local)
    labels = partition(graph, LOCAL_GAMMA * scale)
    # What says nothing beyond the subject itself is the general article.
    labels[np.diff(local.wording.indptr) == 0] = len(labels) * 2
    labels = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(labels)
    if (sizes > 1).sum() < 2:
        return [np.arange(len(labels))]
    for node in np.flatnonzero(sizes[labels] == 1):  # a single one goes where its edges are strongest
        row = graph[[node]]
        support = np.bincount(labels[row.indices], weights=row.data, minlength=len(sizes)) * (sizes > 1)
        labels[node] = int(np.argmax(support)) if support.any() else int(np.argmax(sizes))
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
