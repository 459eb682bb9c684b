"""Articles as blocks, judged by WordPress itself: the parser of its server, and the validation of its editor."""

import random

import pytest

from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import html_clean, text_of
from scripts.e2e.node_tools import blocks_judged

pytestmark = pytest.mark.timeout(600)
DOCUMENTS = 500
WORDS = (
    "cold brew",
    "قهوة باردة",
    "咖啡",
    "☕️🎉👩‍👩‍👧‍👦",
    "a & b",
    "1 < 2 > 0",
    "[gallery ids=1]",
    "-->",
    "--> <!-- wp:html -->",
    "{&quot;a&quot;:1}",
    "“said”",
    "naïve",
    "שלום",
    "&nbsp;",
    "&amp;lt;p&amp;gt;",
    "\\",
    "$&",
    "<!-- /wp:paragraph -->",
    "\t\n",
    "x" * 80,
)
INLINE = ("strong", "em", "code", "a", "b", "i", "span", "u", "sup")
BLOCKS = (
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "figure",
    "div",
    "section",
    "hr",
    "script",
    "ul",
    "ol",
    "table",
    "details",
)
ATTRIBUTES = (
    "",
    "",
    "",
    ' dir="rtl"',
    ' lang="ar"',
    ' class="wp-block-x"',
    " onclick='x()'",
    ' style="color:red"',
    ' dir="auto"',
    ' start="3"',
    ' start="x"',
    ' colspan="2"',
    ' title="a &quot; b"',
    ' scope="col"',
)
HREFS = ("https://coffee.example/?a=1&b=2", "javascript:alert(1)", "mailto:a@b.example", "/relative", "")
IMAGE = '<img src="/api/v1/writer/images/file/?id=7" alt="{}">'


class Author:
    """Writes HTML as models, editors and people who mean harm write it; the same for the same seed."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)

    def document(self) -> str:
        return "".join(self.block(3) for _ in range(self.chance.randint(0, 12)))

    def text(self, depth: int = 2) -> str:
        parts = []
        for _ in range(self.chance.randint(0, 4)):
            word, chosen = self.chance.choice(WORDS), self.chance.random()
            if chosen < 0.3 and depth:
                tag = self.chance.choice(INLINE)
                href = f' href="{self.chance.choice(HREFS)}"' if tag == "a" else self.attributes()
                word = f"<{tag}{href}>{self.text(depth - 1)}" + (
                    f"</{tag}>" if self.chance.random() < 0.95 else ""
                )
            elif chosen < 0.36:
                word = self.chance.choice(("<br>", IMAGE.format(word.replace('"', ""))))
            parts.append(word)
        return " ".join(parts)

    def attributes(self) -> str:
        return self.chance.choice(ATTRIBUTES)

    def block(self, depth: int) -> str:
        tag, chosen = self.chance.choice(BLOCKS), self.chance.random()
        if chosen < 0.1:
            return self.text()
        inner = self.text()
        if tag == "hr":
            return "<hr>"
        if tag in ("ul", "ol"):
            items = [
                f"<li{self.attributes()}>{self.item(depth)}</li>" for _ in range(self.chance.randint(0, 4))
            ]
            inner = self.chance.choice(("", "", " ", "stray")) + "".join(items)
        elif tag == "table":
            inner = self.table()
        elif tag == "figure":
            inside = self.chance.choice((IMAGE.format("a"), f"<table>{self.table()}</table>", self.text()))
            inner = inside + self.chance.choice(("", f"<figcaption>{self.text()}</figcaption>"))
        elif tag == "pre":
            inner = self.chance.choice((f"<code>{inner}</code>", inner))
        elif tag in ("blockquote", "div", "section", "details") and depth:
            inner = "".join(self.block(depth - 1) for _ in range(self.chance.randint(0, 3)))
        closing = f"</{tag}>" if self.chance.random() < 0.97 else ""
        return f"<{tag}{self.attributes()}>{inner}{closing}"

    def item(self, depth: int) -> str:
        chosen = self.chance.random()
        if chosen < 0.2 and depth:
            return self.text() + self.block(depth - 1)
        return f"<p>{self.text()}</p>{self.text()}" if chosen < 0.4 else self.text()

    def table(self) -> str:
        rows = []
        for _ in range(self.chance.randint(0, 3)):
            cell = self.chance.choice(("td", "th"))
            rows.append(
                f"<tr>{''.join(f'<{cell}{self.attributes()}>{self.text()}</{cell}>' for _ in range(2))}</tr>"
            )
        body = "".join(rows)
        caption = self.chance.choice(("", "", f"<caption>{self.text()}</caption>"))
        return caption + self.chance.choice(
            (body, f"<tbody>{body}</tbody>", f"<thead>{body}</thead><tbody>{body}</tbody>")
        )


def test_every_document_is_valid_blocks_and_nothing_else():
    cleaned = [html_clean(Author(seed).document()) for seed in range(DOCUMENTS)]
    documents = [html_blocks(html, {"/api/v1/writer/images/file/?id=7": 12}) for html in cleaned]
    judged = blocks_judged(documents)
    seen = {name for row in judged for name in row["names"]}
    for seed, (html, document, row) in enumerate(zip(cleaned, documents, judged, strict=True)):
        assert row["invalid"] == [], (seed, html, row["invalid"])
        assert row["loose"] == [], (seed, html, document)
        # A table's caption stands above it in HTML, and below it as a block.
        assert sorted(text_of(document).split()) == sorted(text_of(html).split()), seed
    assert seen >= {
        f"core/{name}"
        for name in (
            "paragraph",
            "heading",
            "list",
            "list-item",
            "quote",
            "table",
            "image",
            "code",
            "preformatted",
            "separator",
            "html",
        )
    }


def test_the_judge_knows_what_is_invalid():
    """Else the test above could not fail."""
    bad = [
        '<!-- wp:image -->\n<figure class="wp-block-image"><img src="x" alt="" width="3"/></figure>\n'
        "<!-- /wp:image -->",
        "<p>Outside</p>",
        "<!-- wp:list -->\n<p>no list</p>\n<!-- /wp:list -->",
    ]
    image, outside, other = blocks_judged(bad)
    assert image["invalid"][0]["name"] == "core/image" and image["loose"] == []
    assert outside["loose"] == ["<p>Outside</p>"]
    assert other["invalid"][0]["name"] == "core/list"
