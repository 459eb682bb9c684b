"""What words mean, as vectors: lent to other apps, so that one table is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
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

    from apps.planner.clustering.features import _static_model

    table, tokenizer = _static_model()
    encoded = [e.ids for e in tokenizer.encode_batch(list(words), add_special_tokens=False)]
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    flat = np.fromiter(chain.from_iterable(encoded), np.int64, int(sizes.sum()))
    found = np.zeros((len(words), table.shape[1]), np.float32)
    np.add.at(found, np.repeat(np.arange(len(words)), sizes), table[flat].astype(np.float32))
    return found / np.maximum(sizes, 1)[:, None]
