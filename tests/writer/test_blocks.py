import random
import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import html_clean, text_of

DELIMITER = re.compile(r"<!-- (/?)wp:([a-z-]+) (\{.*?\} )?-->")


def names(markup: str) -> list[str]:
    """The blocks in order of their opening; asserts that each is closed where it should be."""
    opened, stack = [], []
    for closing, name, _ in DELIMITER.findall(markup):
        if closing:
            assert stack.pop() == name
        else:
            stack.append(name)
            opened.append(name)
    assert not stack
    return opened


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>a</p>", ["paragraph"]),
        ("loose <strong>text</strong>", ["paragraph"]),
        ("<p></p>", []),
        ("", []),
        ("<h2>a</h2><h3>b</h3>", ["heading", "heading"]),
        ("<ul><li>a<ol><li>b</li></ol></li></ul>", ["list", "list-item", "list", "list-item"]),
        ("<ul><li><table><tr><td>x</td></tr></table></li></ul>", ["html"]),
        ("<table><tr><td>a</td></tr></table>", ["table"]),
        ("<table><tr><td><p>a</p></td></tr></table>", ["html"]),
        ("<blockquote>a</blockquote>", ["quote", "paragraph"]),
        ("<pre><code>a</code></pre><pre>b</pre>", ["code", "preformatted"]),
        ("<hr>", ["separator"]),
        ("<figure><p>x</p></figure>", ["html"]),
        ('<p dir="rtl">مرحبا 🫘</p>', ["paragraph"]),
    ],
)
def test_blocks(html, blocks):
    assert names(html_blocks(html)) == blocks


def text(html: str) -> str:
    body = LexborHTMLParser(f"<body>{html}</body>").body
    return "".join(body.text(separator=" ").split())


@pytest.mark.parametrize(
    "html",
    [
        "<ul><li>a</li><ul><li>b</li></ul></ul>",
        "<ul>loose<li>a</li></ul>",
        "<ul><li><p>a</p>b</li></ul>",
        "<ul><li>a<ul><li>b</li></ul>c</li></ul>",
        "<figure>text<img src='x'><figcaption>c</figcaption></figure>",
        "<table><caption>only</caption></table>",
        '<ol start="--5"><li>x</li></ol>',
        "<pre><code>[gallery]</code></pre>",
        "<blockquote>a<ul><li>b</li></ul></blockquote>",
    ],
)
def test_no_text_is_lost(html):
    assert text(html_blocks(html)) == text(html)
    assert "[gallery]" not in html_blocks(html)


def test_no_text_is_lost_in_any_nesting():
    chance = random.Random(7)
    tags = (
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "figure",
        "figcaption",
        "pre",
        "code",
        "h2",
        "strong",
        "table",
        "td",
    )

    def tree(depth: int) -> str:
        if depth == 0 or chance.random() < 0.3:
            return f"w{chance.randrange(10_000)} "
        tag = chance.choice(tags)
        return f"<{tag}>{''.join(tree(depth - 1) for _ in range(chance.randint(1, 3)))}</{tag}>"

    for _ in range(300):
        html = html_clean("".join(tree(4) for _ in range(3)))
        assert text(html_blocks(html)) == text(html), html
        names(html_blocks(html))


def test_a_picture_knows_its_medium():
    html = '<figure><img src="https://a/b.png?x=1&amp;y=2" alt="&quot;q&quot;"><figcaption>c</figcaption></figure>'
    assert html_blocks(html, {"https://a/b.png?x=1&y=2": 7}) == (
        '<!-- wp:image {"id":7,"sizeSlug":"full","linkDestination":"none"} -->\n'
        '<figure class="wp-block-image size-full"><img src="https://a/b.png?x=1&amp;y=2" alt="&quot;q&quot;" '
        'class="wp-image-7"/><figcaption class="wp-element-caption">c</figcaption></figure>\n<!-- /wp:image -->'
    )


def test_no_comment_of_the_text_becomes_a_block():
    hostile = (
        "<p>a <!-- wp:html --><script>alert(1)</script><!-- /wp:html --> --&gt; b</p>&lt;!-- wp:evil --&gt;"
    )
    markup = html_blocks(html_clean(hostile))
    assert names(markup) == ["paragraph", "paragraph"]
    assert "<script" not in markup


@pytest.mark.parametrize(
    "html",
    [
        "<em>a<h2>b</h2></em>",
        "<h2>a<em><p>b</p></em></h2>",
        '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
        "<figure><table><tbody><tr><td>a</td></tr></tbody></table><figcaption><p>b</p></figcaption></figure>",
        "<ul><li><strong>a<p>b</p></strong></li></ul>",
    ],
)
def test_what_no_block_would_be_saved_as_is_kept_as_it_is(html):
    blocks = html_blocks(html_clean(html))
    assert "<!-- wp:html -->" in blocks and text_of(blocks).split() == text_of(html_clean(html)).split()


def test_no_caption_is_lost_and_no_alternative_text_is_read_twice():
    table = "<table><caption>one</caption><tbody><tr><td>x</td></tr></tbody></table>"
    blocks = html_blocks(html_clean(f"<figure>{table}<figcaption>two</figcaption></figure>"))
    assert '<figcaption class="wp-element-caption">one<br>two</figcaption>' in blocks
    image = html_blocks('<img src="/i" alt="&amp;amp;lt;b&amp;amp;gt; &amp;amp; c">')
    assert 'alt="&lt;b&gt; &amp; c"' in image
