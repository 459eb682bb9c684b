"""Short texts made of longer ones, whatever their script."""

import unicodedata

from slugify import slugify

_JOINERS = "\u200d\ufe0e\ufe0f"


def shorten(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters, cut between words where there are any, with an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = limit - 1
    if (space := text.rfind(" ", limit // 2, limit)) > 0:
        end = space
    while end > 1 and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip(" ,;:-–—") + "…"


def slug(text: str) -> str:
    """Lower case, hyphens, ASCII, at most 80 characters; "draft" for a text without a letter or digit."""
    return (
        slugify(text, max_length=80, word_boundary=True, save_order=True)
        or slugify(text, max_length=80)
        or "draft"
    )


def _belongs_together(before: str, after: str) -> bool:
    """Whether a cut here would tear an emoji, a flag or an accented letter."""
    return (
        unicodedata.combining(after) > 0
        or after in _JOINERS
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
