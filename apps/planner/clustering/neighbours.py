"""Which keywords are near which: the weighted graph that is cut into clusters.

Candidates come from two cheap searches (cells of the vector space, shared rare words), each blind where the other
sees; only their pairs are scored exactly. Everything is seeded and works on sorted input.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from .features import Features, unit_rows

CANDIDATES = 75  # kept for exact scoring
CANDIDATES_OF_CELLS, CANDIDATES_OF_WORDS = 30, 20  # the same in large sets, from each of the two searches
NEIGHBOURS = 25  # edges a keyword brings into the graph
SMOOTHING = 5  # neighbours that lend a keyword their meaning
LENDS = 0.3  # mean similarity of these from which they lend as much as the keyword itself says
DENSITY = 0.5  # a keyword with few near ones counts as at least this share of the usual density
EXACT_UP_TO = 20_000  # one cell: every keyword is compared with every other
PROBES = 12  # cells searched for one cell
RARE = 100  # a word or pair of words in more keywords than this leads to no candidates
SKETCH = 256  # dimensions that stand for words and letters during the search; half of it in large sets
_BLOCK = 2_000_000  # pairs compared in one matrix product


def neighbour_graph(
    features: Features, tick: Callable[[float], None] = lambda share: None
) -> sparse.csr_matrix:
    """Symmetric n x n CSR of similarities, without a diagonal. `tick` hears the share done, 0 to 1."""
    n = features.meaning.shape[0]
    left, right = _candidate_pairs(features, lambda share: tick(0.6 * share))
    if not len(left):
        return sparse.csr_matrix((n, n))
    wording = _wording_of_pairs(features.wording, left, right)
    tick(0.75)
    base = features.weight * _meaning_of_pairs(features.meaning, left, right) + wording
    smooth = smoothed(features.meaning, _nearest_matrix(left, right, base, n))
    tick(0.85)
    scores = features.weight * _meaning_of_pairs(smooth, left, right) + wording
    del wording, base, smooth
    scores = _local_scaling(left, right, scores, n)
    ranked = _Ranked(left, right, scores, n)
    bar = ranked.score_at(NEIGHBOURS)
    kept = (scores >= np.minimum(bar[left], bar[right])) & (scores > 0)
    # Sums of floats differ in the last digits from machine to machine; Leiden would turn that into other clusters.
    return symmetric(left[kept], right[kept], np.round(scores[kept].astype(np.float64), 6), n)


def symmetric(left, right, scores, n) -> sparse.csr_matrix:
    """n x n CSR from undirected pairs, columns in order."""
    graph = sparse.coo_matrix(
        (np.concatenate([scores, scores]), (np.concatenate([left, right]), np.concatenate([right, left]))),
        (n, n),
    ).tocsr()
    graph.sort_indices()
    return graph


def smoothed(meaning: np.ndarray, near: sparse.csr_matrix) -> np.ndarray:
    """Each vector plus the weighted mean of its nearest neighbours: short texts say too little on their own."""
    weights = sparse.diags(1 / np.maximum(np.asarray(near.sum(axis=1)).ravel(), SMOOTHING * LENDS)) @ near
    lent = weights.astype(np.float32) @ meaning
    lent += meaning
    return unit_rows(lent)


def _local_scaling(left, right, scores, n):
    """Divide by how near each side's neighbours usually are, so that one cut fits dense and sparse regions."""
    density = _Ranked(left, right, scores, n).mean_of_first(10)
    density = np.maximum(density / max(float(density.mean()), 1e-9), DENSITY)
    return (scores / np.sqrt(np.sqrt(density[left] * density[right]))).astype(np.float32)


def _nearest_matrix(left, right, scores, n) -> sparse.csr_matrix:
    """Row i: the scores of the SMOOTHING nearest of keyword i (more where some are equally near)."""
    bar = _Ranked(left, right, scores, n).score_at(SMOOTHING)
    there, back = (scores >= bar[left]) & (scores > 0), (scores >= bar[right]) & (scores > 0)
    rows = np.concatenate([left[there], right[back]])
    columns = np.concatenate([right[there], left[back]])
    return sparse.csr_matrix((np.concatenate([scores[there], scores[back]]), (rows, columns)), shape=(n, n))


class _Ranked:
    """The scores of undirected pairs, best first within each keyword. Only values are sorted: fast, and equal scores
    cannot come out in another order on another machine."""

    def __init__(self, left, right, scores, n):
        self.values = np.concatenate(
            [left * 2.0 - scores, right * 2.0 - scores]
        )  # row * 2 - score, scores below 2
        self.values.sort()
        self.start = np.searchsorted(self.values, np.arange(n) * 2.0 - 2.0 + 1e-7)
        self.end = np.append(self.start[1:], len(self.values))
        self.rows = np.arange(n) * 2.0

    def score_at(self, rank):
        """Score of the `rank`-th nearest, 0 where there are fewer."""
        at = self.start + rank - 1
        there = at < self.end
        return np.where(there, self.rows - self.values[np.where(there, at, 0)] - 1e-6, 0)

    def mean_of_first(self, count):
        """Mean of the best `count` scores, missing ones as 0."""
        total = np.zeros(len(self.rows))
        for rank in range(count):
            at = self.start + rank
            there = at < self.end
            total += np.where(there, self.rows - self.values[np.where(there, at, 0)], 0)
        return total / count


def _meaning_of_pairs(vectors, left, right):
    def dots(part):
        return np.einsum("ij,ij->i", vectors[left[part]], vectors[right[part]])

    return np.maximum(_in_parts(dots, len(left), 8_000), 0)


def _wording_of_pairs(wording, left, right):
    def sums(part):
        return np.asarray(wording[left[part]].multiply(wording[right[part]]).sum(axis=1)).ravel()

    return _in_parts(sums, len(left), 20_000)


def _in_parts(score, count, size):
    """`score(slice)` for `count` pairs, `size` at a time, on every core: numpy and scipy let go of the lock."""
    scores = np.empty(count, np.float32)

    def fill(start):
        part = slice(start, start + size)
        scores[part] = score(part)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, count, size)))
    return scores


def _candidate_pairs(features: Features, tick):
    """(left, right), left < right, sorted and distinct."""
    n = features.meaning.shape[0]
    if n <= CANDIDATES:
        return np.triu_indices(n, 1)
    keys = [_keys(*_search_cells(features, tick), n)]
    if n > EXACT_UP_TO:
        keys.append(_keys(*_search_rare(features.wording), n))
    keys = np.concatenate(keys)
    keys.sort()  # np.unique would hash, which is slower on millions
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    return (keys // n).astype(np.int32), (keys % n).astype(np.int32)


def _keys(rows, columns, n):
    apart = rows != columns
    low, high = np.minimum(rows, columns)[apart], np.maximum(rows, columns)[apart]
    return low.astype(np.int64) * n + high


def _search_rare(wording):
    """Partners that share words, or letters, few keywords have."""
    n = wording.shape[0]
    shared = np.bincount(wording.indices, minlength=wording.shape[1])
    rare = wording[:, (shared > 1) & (shared <= RARE)].tocsr()
    back = rare.T.tocsr()
    found = []
    for start in range(0, n, 10_000):
        product = rare[start : start + 10_000] @ back
        rows = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
        product.sort_indices()
        order = np.argsort(rows - product.data, kind="stable")  # by row, best first: a score is below 1
        kept = order[np.arange(len(order)) - product.indptr[rows] < CANDIDATES_OF_WORDS]
        found.append(np.stack([rows[kept] + start, product.indices[kept]]))
    return np.concatenate(found, axis=1)


def _search_cells(features: Features, tick):
    """Partners by nearness of sketched vectors: everywhere in a small set, else within the cells around."""
    n = features.meaning.shape[0]
    rng = np.random.default_rng(0)
    exact = n <= EXACT_UP_TO
    size, k = (SKETCH, CANDIDATES) if exact else (SKETCH // 2, CANDIDATES_OF_CELLS)
    signs = rng.choice(
        np.array([-1, 1], np.float32) / np.float32(size**0.5), size=(features.wording.shape[1], size)
    )
    vectors = np.hstack([features.meaning * np.float32(features.weight**0.5), features.wording @ signs])
    if exact:
        cells, around = [np.arange(n)], np.zeros((1, 1), int)
    else:
        cells, around = _cells(vectors, int(2 * n**0.5), rng)
    k = min(k, n - 1)
    found = []
    for number, cell in enumerate(cells):
        others = np.sort(np.concatenate([cells[i] for i in around[number]]))
        there = vectors[others].T
        step = max(1, _BLOCK // len(others))
        for start in range(0, len(cell), step):
            rows = cell[start : start + step]
            near = vectors[rows] @ there
            if len(others) > k + 1:
                best = np.argpartition(near, len(others) - k - 1, axis=1)[:, -k - 1 :]
            else:
                best = np.broadcast_to(np.arange(len(others)), near.shape)
            found.append(np.stack([np.repeat(rows, best.shape[1]), others[best].ravel()]).astype(np.int32))
        tick(number / len(cells))
    return np.concatenate(found, axis=1)


def _cells(vectors, count, rng):
    """Spherical k-means on a sample. (members of each cell, the PROBES nearest cells of each cell)."""
    sample = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), 30 * count), replace=False))]
    centres = unit_rows(sample[rng.choice(len(sample), count, replace=False)])
    for _ in range(4):
        nearest = _nearest(sample, centres)
        chosen = (np.ones(len(sample), np.float32), (nearest, np.arange(len(sample))))
        moved = sparse.csr_matrix(chosen, (count, len(sample))) @ sample
        centres = np.where(np.bincount(nearest, minlength=count)[:, None] > 0, unit_rows(moved), centres)
    nearest = _nearest(vectors, centres)
    order = np.argsort(nearest, kind="stable")
    members = np.split(order, np.searchsorted(nearest[order], np.arange(1, count)))
    around = np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :PROBES]
    return members, around


def _nearest(vectors, centres):
    blocks = (vectors[i : i + 4096] @ centres.T for i in range(0, len(vectors), 4096))
    return np.concatenate([block.argmax(axis=1) for block in blocks])
