"""What a cluster is called: its most typical keyword, a little in favour of what people search for."""

import numpy as np

from .features import MEANING, Features


def name_of(group: np.ndarray, features: Features, volume: np.ndarray) -> int:
    """The member with the highest mean similarity to the group plus .05 * log(1 + searches a month); of equals, the
    first."""
    meaning, wording = features.meaning[group], features.wording[group]
    typical = MEANING * (meaning @ meaning.mean(axis=0)) + wording @ np.asarray(wording.mean(axis=0)).ravel()
    return int(group[np.argmax(np.round(typical + 0.05 * np.log1p(volume[group]), 6))])
