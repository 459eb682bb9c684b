"""What words mean, as vectors: lent to other apps, so that one table is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apps.planner.clustering.text import FUNCTION_WORDS

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FUNCTION_WORDS", "word_vectors"]


def word_vectors(words: Sequence[str]) -> np.ndarray:
    """A row of 256 for each word: the mean of its parts' static vectors, zero for what the table does not know.

    The same word has the same row, always; the first call of a process loads the table (a fifth of a second).
    """
    import numpy as np

    from apps.planner.clustering.features import word_sums

    sums, tokens = word_sums(words)
    return sums / np.maximum(tokens, 1)[:, None]
