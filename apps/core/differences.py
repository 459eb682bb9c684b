"""What changed between two texts, line by line, in a time that no text can stretch."""

import difflib
from collections.abc import Sequence

# Pairs of lines that may be compared: beyond it a megabyte in another order keeps a worker busy for half a minute.
COMPARED = 4_000_000


def unified_diff(before: Sequence[str], after: Sequence[str], before_is: str, after_is: str) -> str:
    """A unified diff; "" for the same lines. Of texts that are too long and too different it says that all between
    their common beginning and their common end was replaced."""
    most = min(len(before), len(after))
    start = next((n for n in range(most) if before[n] != after[n]), most)
    most -= start
    end = next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) <= COMPARED:
        return "\n".join(difflib.unified_diff(before, after, before_is, after_is, lineterm=""))
    place = f"@@ -{start + 1},{len(old)} +{start + 1},{len(new)} @@"
    changes = [*(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    return "\n".join([f"--- {before_is}", f"+++ {after_is}", place, *changes])
