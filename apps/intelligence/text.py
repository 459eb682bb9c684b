"""Short texts made of longer ones, whatever their script."""

import unicodedata

from slugify import slugify

_JOINERS = "\u200d\ufe0e\ufe0f"


def shorten(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters, cut between words if possible, with an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = limit - 1
    if (space := text.rfind(" ", limit // 2, limit)) > 0:
        end = space
    while end > 1 and _tears(text, end):
        end -= 1
    return text[:end].rstrip(" ,;:-–—") + "…"


def slug(text: str) -> str:
    """Lower case, hyphens, ASCII, at most 80 characters; "draft" for a text without a letter or digit."""
    return (
        slugify(text, max_length=80, word_boundary=True, save_order=True)
        or slugify(text, max_length=80)
        or "draft"
    )


def _tears(text: str, end: int) -> bool:
    """Whether a cut before `text[end]` would tear an emoji, a flag or an accented letter."""
    after = text[end]
    if _is_flag_half(after):
        halves = next((n for n, c in enumerate(reversed(text[:end])) if not _is_flag_half(c)), end)
        return halves % 2 == 1
    return (
        unicodedata.combining(after) > 0
        or after in _JOINERS
        or text[end - 1] == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
