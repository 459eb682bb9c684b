"""The HTML of an article: what may stand in it, and what is read out of it."""

import re
from collections import Counter

import nh3
from django.conf import settings
from selectolax.lexbor import LexborHTMLParser

from apps.core.errors import Invalid

TAGS = {
    "h2", "h3", "h4", "p", "ul", "ol", "li", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td",
    "strong", "em", "a", "blockquote", "code", "pre", "figure", "figcaption", "img", "br", "hr",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
    "*": {"dir", "lang"},
}
# The title stands above the text, so a heading of it is a second one; the rest are older names of the same.
RENAMED = {"h1": "h2", "h5": "h4", "h6": "h4", "b": "strong", "i": "em"}
_RENAMED_TAG = re.compile(r"<(/?)(h1|h5|h6|b|i)(?=[\s/>])", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
MAX_DEPTH = 500
# Those that have no end, or end by themselves where the next one begins.
_NO_DEPTH = set(
    "area base br col embed hr img input link meta source track wbr p li dt dd tr td th tbody thead tfoot".split()
)
_IMG = re.compile(r'<img(?:\s+[a-z]+="[^"]*")*>')
_SRC = re.compile(r'\ssrc="')
_OUR_IMAGE = re.compile(r"/api/v1/writer/images/file/\?id=(\d+)")
# Scripts that put no spaces between words: each character counts as one.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def html_clean(html: str) -> str:
    """`html` with only what an article needs. An image stays when it is ours, a link when it is no script.

    Raises Invalid for elements that are nested deeper than any article's.
    """
    html_check_depth(html)
    cleaned = nh3.clean(
        _renamed(html),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_keep_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener",
    )
    return _IMG.sub(lambda match: match[0] if _SRC.search(match[0]) else "", cleaned).strip()


def html_removed(before: str, after: str) -> list[str]:
    """What `html_clean` took out, as names: `script`, `a[onclick]`, `a[href]` of a link that is a script."""
    return sorted(_parts(_renamed(before)) - _parts(after))


def words_count(html: str) -> int:
    """Words of the text; of scripts without spaces between them, characters."""
    text = _tree(html).text(separator=" ") if html else ""
    unspaced = len(_UNSPACED.findall(text))
    return unspaced + sum(any(c.isalnum() for c in word) for word in _UNSPACED.sub(" ", text).split())


def text_of(html: str) -> str:
    """The text of an article's HTML in one line."""
    return " ".join(_tree(html).text(separator=" ").split()) if html else ""


def headings(html: str) -> list[str]:
    """The texts of the h2 of an article, in order."""
    return [" ".join(node.text().split()) for node in _tree(html).css("h2")] if html else []


def images_named(html: str) -> set[int]:
    """The ids of our images that the text itself shows."""
    return {int(pk) for pk in _OUR_IMAGE.findall(html)}


def cut(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters, cut between words where there are any."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    space = text.rfind(" ", limit // 2, limit)
    return text[: space if space > 0 else limit - 1].rstrip(" ,;:-–—") + "…"


def html_check_depth(html: str) -> None:
    """Raises Invalid. HTML parsers take time by the square of the depth: a megabyte of `<div>` would keep one busy
    for an hour."""
    depth = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _NO_DEPTH:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise Invalid(
                "html", f"Elements are nested more than {MAX_DEPTH} deep. Close them, or paste plain text."
            )


def _renamed(html: str) -> str:
    return _RENAMED_TAG.sub(lambda match: f"<{match[1]}{RENAMED[match[2].lower()]}", html)


def _keep_attribute(tag: str, attribute: str, value: str) -> str | None:
    if (tag, attribute) != ("img", "src"):
        return value
    return value if _OUR_IMAGE.fullmatch(value.removeprefix(settings.PUBLIC_URL)) else None


def _tree(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(html)


def _parts(html: str) -> Counter[str]:
    found: Counter[str] = Counter()
    if html:
        for node in _tree(html).css("*"):
            if node.tag not in ("html", "head", "body"):
                found[node.tag] += 1
                if node.tag in TAGS:
                    found.update(f"{node.tag}[{name}]" for name in node.attributes if name != "rel")
    return found
