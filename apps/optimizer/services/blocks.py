"""The blocks of an article's HTML, cut so that putting them together again gives every byte back."""

import re

from selectolax.lexbor import LexborHTMLParser

_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:[^>"']|"[^"]*"|'[^']*')*>""")
_INLINE = {"a", "strong", "em", "code", "br", "img"}
_VOID = {"br", "hr", "img"}


def blocks_split(html: str) -> list[str]:
    """The outermost elements of clean HTML; what stands between two belongs to the one before."""
    blocks: list[str] = []
    depth = start = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _INLINE and not depth:
            continue
        if match[1]:
            depth = max(0, depth - 1)
            continue
        if not depth and match.start() > start:
            blocks.append(html[start : match.start()])
            start = match.start()
        depth += name not in _VOID
    if html[start:]:
        blocks.append(html[start:])
    return blocks


def block_tag(block: str) -> str:
    """The outermost element's name; "" for bare text."""
    match = _TAG.match(block.strip())
    return match[2].lower() if match and match[2].lower() not in _INLINE else ""


def block_text(block: str) -> str:
    return " ".join(LexborHTMLParser(f"<body>{block}</body>").body.text(separator=" ").split())
