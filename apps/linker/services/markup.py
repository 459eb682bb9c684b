"""Links put into a source and taken out of it: not a byte beside them changes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from selectolax.lexbor import LexborHTMLParser

from apps.linker.services.ranking import Candidate

CLOSING = "</a>"


@dataclass(frozen=True, slots=True)
class Placed:
    """A link as it stands: `opening`, `inner`, `</a>`, from the character `offset` of the text that holds it."""

    candidate: Candidate
    opening: str
    inner: str
    offset: int


def html_hash(html: str) -> str:
    return hashlib.sha256(html.encode("utf-8", "surrogatepass")).hexdigest()


def opening_of(url: str) -> str:
    """As articles are stored when they are cleaned, so that saving one anew changes no link."""
    return f'<a href="{escape(url, quote=False).replace(chr(34), "%22")}" rel="noopener">'


def links_insert(source: str, chosen: Sequence[Candidate]) -> tuple[str, list[Placed]]:
    """The source with these links, which are in its order and do not overlap; and where each stands in it.

    A browser has to see the same text, and each link: one of which that is not so (the source is broken there) is
    left out.
    """
    html, placed = _insert(source, chosen)
    if placed and not _reads_the_same(source, html, placed):
        sound = [c for c in chosen if _reads_the_same(source, *_insert(source, [c]))]
        html, placed = _insert(source, sound)
        if not _reads_the_same(source, html, placed):
            return source, []
    return html, placed


def links_strip(html: str, links: Sequence[tuple[int, str, str]]) -> str:
    """`html` without the links that stand in it, each as (offset, opening, inner)."""
    out, at = [], 0
    for offset, opening, inner in sorted(links):
        out += [html[at:offset], inner]
        at = offset + len(opening) + len(inner) + len(CLOSING)
    return "".join([*out, html[at:]])


def link_find(html: str, offset: int, opening: str, inner: str) -> int:
    """Where this very link stands now: the one nearest to where it stood; -1 when it is gone."""
    whole = f"{opening}{inner}{CLOSING}"
    places = []
    at = html.find(whole)
    while at >= 0:
        places.append(at)
        at = html.find(whole, at + len(whole))
    return min(places, key=lambda place: (abs(place - offset), place), default=-1)


def _insert(source: str, chosen: Sequence[Candidate]) -> tuple[str, list[Placed]]:
    out: list[str] = []
    placed: list[Placed] = []
    at = length = 0
    for candidate in chosen:
        before = source[at : candidate.start]
        opening, inner = opening_of(candidate.target.url), source[candidate.start : candidate.end]
        length += len(before)
        placed.append(Placed(candidate, opening, inner, length))
        out += [before, opening, inner, CLOSING]
        length += len(opening) + len(inner) + len(CLOSING)
        at = candidate.end
    return "".join([*out, source[at:]]), placed


def _reads_the_same(before: str, after: str, placed: Sequence[Placed]) -> bool:
    old, new = LexborHTMLParser(f"<body>{before}"), LexborHTMLParser(f"<body>{after}")
    if old.body is None or new.body is None:
        return not placed
    if old.body.text() != new.body.text() or len(new.css("a")) != len(old.css("a")) + len(placed):
        return False
    return not new.css("a a, h1 a[rel] a, button a button")
