"""The text of an article with its pictures in it."""

import re
from collections.abc import Mapping

import nh3
from django.utils.html import format_html
from selectolax.lexbor import LexborHTMLParser, LexborNode

from apps.writer.models import Image
from apps.writer.services.html import ATTRIBUTES, TAGS

_ATTRIBUTES = {**ATTRIBUTES, "img": {"src", "alt", "title", "width", "height", "loading"}}
# What neither XML nor a page may hold, but for tab and line ends.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_PRIVATE_IMAGE = re.compile(r"/api/v1/writer/images/file/\?id=(\d+)$")


def without_controls(text: str) -> str:
    return _CONTROL.sub("", text)


def html_illustrated(body: str, images: Mapping[int, Image], sources: Mapping[int, str]) -> str:
    """Clean HTML with the pictures that `sources` has an address for, by image id: those that the text names itself,
    and each other one of the article under its heading.

    Cleaned once more at the end, so that nothing which was put in can be more than a picture of this article.
    """
    tree = LexborHTMLParser(body)
    inside: set[int] = set()
    for node in tree.css("img"):
        match = _PRIVATE_IMAGE.search(node.attributes.get("src") or "")
        pk = int(match[1]) if match else 0
        if pk in sources:
            node.attrs["src"] = sources[pk]
            node.attrs["loading"] = "lazy"
            inside.add(pk)
        else:
            frame = node.parent if node.parent is not None and node.parent.tag == "figure" else node
            frame.decompose()
    headings = tree.css("h2")
    to_place = [
        i
        for i in images.values()
        if i.kind == Image.Kind.IN_ARTICLE and i.pk in sources and i.pk not in inside
    ]
    to_place.sort(key=lambda image: image.position)
    for image in reversed([i for i in to_place if i.position < len(headings)]):
        headings[image.position].insert_after(_figure(sources[image.pk], image))
    for image in (i for i in to_place if i.position >= len(headings)):
        tree.body.insert_child(_figure(sources[image.pk], image))
    allowed = set(sources.values())
    return nh3.clean(
        tree.body.inner_html or "",
        tags=TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=lambda tag, name, value: (
            value if (tag, name) != ("img", "src") or value in allowed else None
        ),
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener",
    ).strip()


def _figure(source: str, image: Image) -> LexborNode:
    size = (
        format_html(' width="{}" height="{}"', image.width, image.height)
        if image.width and image.height
        else ""
    )
    caption = (
        format_html("<figcaption>{}</figcaption>", without_controls(image.caption)) if image.caption else ""
    )
    html = format_html(
        '<figure><img src="{}" alt="{}" loading="lazy"{}>{}</figure>',
        source,
        without_controls(image.alt),
        size,
        caption,
    )
    return LexborHTMLParser(html).css_first("figure")
