"""The HTML of an article as blocks of WordPress's editor, each exactly as that editor would save it.

A block is `<!-- wp:name {attributes} -->`, its HTML, `<!-- /wp:name -->`. The editor calls a block invalid when saving
it again would give other HTML, so what has no block of its own is kept as Custom HTML, which is never invalid.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from html import escape, unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

INLINE = {"a", "strong", "em", "code", "br", "img", "-text"}
HEADINGS = {"h2": 2, "h3": 3, "h4": 4}
_LISTS = ("ul", "ol")
_SPANS = ("colspan", "rowspan")


class _NoBlock(Exception):
    """There is no block that would be saved as this."""


def html_blocks(html: str, media: Mapping[str, int] | None = None) -> str:
    """Block markup of clean HTML (`html_clean`). `media` names the target's id of a picture by its src."""
    body = LexborHTMLParser(f"<body>{html}</body>").body
    return "\n\n".join(_blocks(body, media or {}))


def _blocks(parent: LexborNode, media: Mapping[str, int]) -> Iterator[str]:
    inline: list[str] = []
    for node in parent.iter(include_text=True):
        if node.tag in INLINE and not (node.tag == "img" and not inline) and _is_inline(node):
            inline.append(_outer(node))
            continue
        yield from _loose(inline)
        inline = []
        try:
            block = _block(node, media)
        except _NoBlock:
            block = _wrapped("html", None, _outer(node))
        if block:
            yield block
    yield from _loose(inline)


def _loose(inline: list[str]) -> Iterator[str]:
    """Text that stands in no element."""
    text = "".join(inline).strip()
    if text and text != "<br>":
        yield _wrapped("paragraph", None, f"<p>{text}</p>")


def _block(node: LexborNode, media: Mapping[str, int]) -> str:
    inner = (node.inner_html or "").strip()
    if node.tag == "p" or node.tag in HEADINGS:
        _check_inline(node)
    match node.tag:
        case "p":
            direction = node.attributes.get("dir")
            if direction in ("ltr", "rtl"):
                return _wrapped("paragraph", {"direction": direction}, f'<p dir="{direction}">{inner}</p>')
            return _wrapped("paragraph", None, f"<p>{inner}</p>") if inner else ""
        case "h2" | "h3" | "h4":
            level = HEADINGS[node.tag]
            attributes = None if level == 2 else {"level": level}
            return _wrapped(
                "heading", attributes, f'<{node.tag} class="wp-block-heading">{inner}</{node.tag}>'
            )
        case "ul" | "ol":
            return _list(node)
        case "blockquote":
            return _wrapped(
                "quote",
                None,
                '<blockquote class="wp-block-quote">' + "\n\n".join(_blocks(node, media)) + "</blockquote>",
            )
        case "table":
            return _table(node, "")
        case "figure":
            return _figure(node, media)
        case "img":
            return _image(node, "", media)
        case "pre":
            code = node.css_first("code")
            if code is not None and (node.text() == code.text()):
                return _wrapped("code", None, f'<pre class="wp-block-code"><code>{_code(code)}</code></pre>')
            return _wrapped("preformatted", None, f'<pre class="wp-block-preformatted">{_code(node)}</pre>')
        case "hr":
            return _wrapped("separator", None, '<hr class="wp-block-separator has-alpha-channel-opacity"/>')
    raise _NoBlock(node.tag)


def _code(node: LexborNode) -> str:
    """As the editor saves it: a bracket is no shortcode."""
    return (node.inner_html or "").replace("[", "&#91;")


def _list(node: LexborNode) -> str:
    attributes: dict = {}
    opening = f'<{node.tag} class="wp-block-list">'
    if node.tag == "ol":
        attributes["ordered"] = True
        start = node.attributes.get("start") or ""
        with contextlib.suppress(ValueError):
            attributes["start"] = int(start)
            opening = f'<ol start="{int(start)}" class="wp-block-list">'
    children = [child for child in node.iter(include_text=True) if _outer(child).strip()]
    if any(child.tag != "li" for child in children):
        raise _NoBlock("a list that holds more than its items")
    items = [_item(item) for item in children]
    return _wrapped("list", attributes or None, f"{opening}{''.join(items)}</{node.tag}>")


def _item(node: LexborNode) -> str:
    text, lists, ended = [], [], False
    for child in node.iter(include_text=True):
        if child.tag in _LISTS:
            lists.append(_list(child))
        elif lists and _outer(child).strip():
            raise _NoBlock("text after an inner list")
        elif child.tag in INLINE:
            _check_inline(child)
            text.append("<br>" if ended and _outer(child).strip() else "")
            text.append(_outer(child))
            ended = ended and not _outer(child).strip()
        elif child.tag == "p":
            _check_inline(child)
            text.append(("<br>" if "".join(text).strip() else "") + (child.inner_html or "").strip())
            ended = True
        else:
            raise _NoBlock(child.tag)
    return _wrapped("list-item", None, f"<li>{''.join(text).strip()}{''.join(lists)}</li>")


def _table(node: LexborNode, caption: str) -> str:
    own = node.css_first("caption")
    # It has one caption: of a table that has its own and its figure's, both stand in it.
    caption = "<br>".join(filter(None, (_caption(own), caption)))
    sections = []
    for name in ("thead", "tbody", "tfoot"):
        rows = [row for part in node.iter() if part.tag == name for row in part.iter() if row.tag == "tr"]
        if rows:
            sections.append(f"<{name}>{''.join(map(_row, rows))}</{name}>")
    if not sections:
        raise _NoBlock("a table without rows")
    caption = f'<figcaption class="wp-element-caption">{caption}</figcaption>' if caption else ""
    html = f'<figure class="wp-block-table"><table>{"".join(sections)}</table>{caption}</figure>'
    # Said, as its default has changed between versions of the editor.
    return _wrapped("table", {"hasFixedLayout": False}, html)


def _row(row: LexborNode) -> str:
    cells = []
    for cell in row.iter():
        _check_inline(cell)
        if any(cell.attributes.get(name) for name in _SPANS):
            raise _NoBlock("a cell over several: older editors know none")
        scope = cell.attributes.get("scope") if cell.tag == "th" else None
        attribute = f' scope="{escape(scope)}"' if scope else ""
        cells.append(f"<{cell.tag}{attribute}>{(cell.inner_html or '').strip()}</{cell.tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _figure(node: LexborNode, media: Mapping[str, int]) -> str:
    caption_node = node.css_first("figcaption")
    caption = _caption(caption_node)
    inside = [
        child for child in node.iter(include_text=True) if child.tag != "figcaption" and _outer(child).strip()
    ]
    if len(inside) == 1 and inside[0].tag == "img":
        return _image(inside[0], caption, media)
    if len(inside) == 1 and inside[0].tag == "table":
        return _table(inside[0], caption)
    raise _NoBlock("figure")


def _caption(node: LexborNode | None) -> str:
    if node is None:
        return ""
    _check_inline(node)
    return (node.inner_html or "").strip()


def _image(node: LexborNode, caption: str, media: Mapping[str, int]) -> str:
    src, alt = node.attributes.get("src") or "", _as_read(node.attributes.get("alt") or "")
    medium = media.get(src)
    attributes = {"id": medium, "sizeSlug": "full", "linkDestination": "none"} if medium else None
    frame = "wp-block-image size-full" if medium else "wp-block-image"
    name = f' class="wp-image-{medium}"' if medium else ""
    caption = f'<figcaption class="wp-element-caption">{caption}</figcaption>' if caption else ""
    html = f'<figure class="{frame}"><img src="{escape(src)}" alt="{escape(alt)}"{name}/>{caption}</figure>'
    return _wrapped("image", attributes, html)


def _is_inline(node: LexborNode) -> bool:
    """Whether it holds no blocks: they may stand in an inline element that was not closed before them."""
    return all(inner.tag in INLINE for inner in node.traverse(include_text=True) if inner != node)


def _check_inline(node: LexborNode) -> None:
    if not _is_inline(node):
        raise _NoBlock(node.tag)


def _as_read(text: str) -> str:
    """A text without entities that were escaped: the editor takes them for what they name."""
    while (plain := unescape(text)) != text:
        text = plain
    return text


def _wrapped(name: str, attributes: Mapping | None, html: str) -> str:
    told = json.dumps(attributes, separators=(",", ":")) + " " if attributes else ""
    return f"<!-- wp:{name} {told}-->\n{html}\n<!-- /wp:{name} -->"


def _outer(node: LexborNode) -> str:
    if node.tag == "-text":
        return escape(node.text_content or "", quote=False)
    return node.html or ""
