"""What can be mended in an article without understanding it: where its keyphrase stands, and how long parts are.

Nothing is said that the article does not say already.
"""

import re
from html import escape, unescape
from typing import Any

from apps.intelligence.text import shorten, slug

from .keywords import clean, headline

META_TITLE, META_DESCRIPTION, ALT = 60, 155, 125
PARAGRAPH_WORDS = 150
_TAG = re.compile(r"<[^>]+>")
_OPENING = re.compile(r"<(p|h2|h3)\b[^>]*>")
_PARAGRAPH = re.compile(r"(<p\b[^>]*>)(.*)</p>", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+(?=[^\s<])")


def optimize(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "optimize"."""
    problems = {problem["check"]: problem for problem in inputs.get("problems") or []}
    blocks = dict(_numbered(inputs.get("blocks") or []))
    fields = inputs.get("fields") or {}
    phrase, title = clean(inputs.get("keyphrase")), clean(inputs.get("title"))
    changed: dict[int, str] = {}
    if "paragraph_length" in problems:
        for number in problems["paragraph_length"]["blocks"]:
            changed[number] = _divided(blocks[number])
    if phrase and "keyphrase_in_introduction" in problems:
        for number in problems["keyphrase_in_introduction"]["blocks"]:
            changed[number] = _named(changed.get(number, blocks[number]), phrase)
    if phrase and "keyphrase_in_headings" in problems:
        for number in _headings(problems["keyphrase_in_headings"]["blocks"], blocks, phrase):
            changed[number] = _named(blocks[number], phrase)
    return {
        "meta_title": _meta_title(clean(fields.get("meta_title")) or title, phrase, problems),
        "meta_description": _meta_description(
            clean(fields.get("meta_description")), phrase, blocks, problems
        ),
        "slug": slug(phrase) if phrase and "keyphrase_in_slug" in problems else "",
        "alts": _alts(inputs.get("pictures") or [], phrase, problems),
        "blocks": [
            {"number": number, "html": html}
            for number, html in sorted(changed.items())
            if html != blocks[number]
        ],
    }


def _numbered(rows: list[str]):
    for row in rows:
        number, _, html = row.partition(": ")
        yield int(number), html


def _meta_title(title: str, phrase: str, problems: dict) -> str:
    if phrase and "keyphrase_in_title" in problems:
        rest = re.sub(re.escape(phrase), " ", title, flags=re.IGNORECASE)
        rest = " ".join(rest.split()).strip(" ,:;|–—-")
        return shorten(f"{headline(phrase)}: {headline(rest)}" if rest else headline(phrase), META_TITLE)
    return shorten(title, META_TITLE) if "title_width" in problems else ""


def _meta_description(description: str, phrase: str, blocks: dict[int, str], problems: dict) -> str:
    if not {"keyphrase_in_meta_description", "meta_description_length"} & problems.keys():
        return ""
    if not description or len(description) < META_DESCRIPTION:
        prose = (_text(html) for html in blocks.values() if html.startswith("<p"))
        description = " ".join([description, *prose]).strip()
    if phrase and "keyphrase_in_meta_description" in problems:
        first, _, _ = description.partition(". ")
        if phrase.casefold() not in first.casefold():
            description = f"{headline(phrase)}: {description}"
    return shorten(description, META_DESCRIPTION)


def _alts(pictures: list[dict], phrase: str, problems: dict) -> list[dict]:
    said: dict[str, str] = {}
    if "alt_texts" in problems:
        for picture in pictures:
            if not clean(picture["alt"]) and (about := clean(picture.get("about"))):
                said[picture["picture"]] = shorten(about, ALT)
    if phrase and "keyphrase_in_alt_text" in problems and pictures:
        first = pictures[0]
        alt = said.get(first["picture"]) or clean(first["alt"])
        said[first["picture"]] = shorten(f"{headline(phrase)}: {alt}" if alt else headline(phrase), ALT)
    return [{"picture": picture, "alt": alt} for picture, alt in said.items()]


def _headings(numbers: list[int], blocks: dict[int, str], phrase: str) -> list[int]:
    """The first of those without the keyphrase, so many that a third has it; none where enough have."""
    with_it = [n for n in numbers if phrase.casefold() in _text(blocks[n]).casefold()]
    without = [n for n in numbers if n not in with_it]
    return without[: max(0, -(-len(numbers) // 3) - len(with_it))]


def _named(html: str, phrase: str) -> str:
    """The block with the keyphrase before its text."""
    match = _OPENING.match(html)
    start = match.end() if match else 0
    return f"{html[:start]}{escape(headline(phrase), quote=False)}: {html[start:].lstrip()}"


def _divided(html: str) -> str:
    """A paragraph as several, each of whole sentences, where none of its elements is cut."""
    match = _PARAGRAPH.fullmatch(html.strip())
    if match is None:
        return html
    opening, inner = match.groups()
    parts: list[str] = []
    part = ""
    for sentence in _SENTENCE_END.split(inner):
        longer = f"{part} {sentence}".strip()
        if part and _is_whole(part) and len(_text(longer).split()) > PARAGRAPH_WORDS // 2:
            parts.append(part)
            part = sentence
        else:
            part = longer
    return "".join(f"{opening}{part}</p>" for part in [*parts, part] if part)


def _is_whole(html: str) -> bool:
    tags = [tag for tag in _TAG.findall(html) if not re.match(r"</?(?:br|img)\b", tag)]
    return sum(tag.startswith("</") for tag in tags) * 2 == len(tags)


def _text(html: str) -> str:
    return clean(unescape(_TAG.sub(" ", html)))
