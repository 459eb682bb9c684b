"""What a cluster is called: its most typical keyword, a little in favour of what people search for."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from .features import Features


def name_groups(groups: Sequence[np.ndarray], features: Features, volume: np.ndarray) -> list[int]:
    """For each group of positions the member with the highest mean similarity to the group plus
    .05 * log(1 + searches a month); of equals, the first."""
    if not groups:
        return []
    sizes = np.fromiter(map(len, groups), np.int64, len(groups))
    members, group = np.concatenate(groups), np.repeat(np.arange(len(groups)), sizes)
    mean = sparse.csr_matrix(
        (np.repeat(1 / sizes, sizes).astype(np.float32), (group, members)), (len(groups), len(volume))
    )
    meaning, wording = mean @ features.meaning, mean @ features.wording
    typical = 0.05 * np.log1p(volume[members])
    for start in range(0, len(members), 100_000):
        part = slice(start, start + 100_000)
        mine, ours = members[part], group[part]
        typical[part] += features.weight * np.einsum("ij,ij->i", features.meaning[mine], meaning[ours])
        typical[part] += np.asarray(features.wording[mine].multiply(wording[ours]).sum(axis=1)).ravel()
    order = np.lexsort((members, -np.round(typical, 6), group))
    return members[order][np.cumsum(sizes) - sizes].tolist()
