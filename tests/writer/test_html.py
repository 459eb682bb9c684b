"""What of a text is kept, and what is read out of it."""

import pytest

from apps.core.errors import Invalid
from apps.writer.services.html import cut, headings, html_clean, html_removed, words_count

HOSTILE = [
    "<script>alert(1)</script>",
    "<p onclick='alert(1)'>x</p>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="  jAvAsCrIpT:alert(1)">x</a>',
    '<a href="java&#x0A;script:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<img src="data:image/svg+xml;base64,AAAA">',
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '<iframe src="https://evil.example"></iframe>',
    "<style>p{background:url(javascript:alert(1))}</style>",
    '<p style="background:url(x)">x</p>',
    "<form action=/x><input name=a></form>",
    "<noscript><p title='</noscript><script>alert(1)</script>'>",
    "<h1<script>alert(1)</script>",
    "<<b>script>alert(1)<</b>/script>",
]


@pytest.mark.parametrize("html", HOSTILE)
def test_hostile_html_is_taken_out(html):
    cleaned = html_clean(f"<p>before</p>{html}<p>after</p>")
    for bad in ("<script", "onclick", "onerror", "javascript:", "data:", "<svg", "<iframe", "<style", "style=",
                "<form", "<input", "<img"):  # fmt: skip
        assert bad not in cleaned.lower(), cleaned
    assert "before" in cleaned
    assert html_clean(cleaned) == cleaned


def test_what_an_article_needs_is_kept(settings):
    ours = f'<img src="{settings.PUBLIC_URL}/api/v1/writer/images/file/?id=3" alt="a &gt; b">'
    html = (
        '<h2 dir="rtl">قهوة</h2><p>x <strong>y</strong> <em>z</em><br></p><ul><li>1</li></ul><hr>'
        '<table><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td colspan="2">b</td></tr></tbody></table>'
        f"<blockquote>q</blockquote><pre><code>c</code></pre><figure>{ours}<figcaption>f</figcaption></figure>"
        '<p><a href="/rel?a=1&amp;b=2" rel="noopener">r</a> <a href="mailto:a@b.example" rel="noopener">m</a></p>'
    )
    assert html_clean(html) == html
    assert html_removed(html, html_clean(html)) == []


def test_names_what_was_removed():
    html = '<h1>t</h1><p class="x">a</p><script>1</script><a href="javascript:1">b</a><img src="https://x.example/a.png">'
    cleaned = html_clean(html)
    assert cleaned == '<h2>t</h2><p>a</p><a rel="noopener">b</a>'
    removed = html_removed(html, cleaned)
    assert {"script", "p[class]", "a[href]", "img"} <= set(removed)
    assert "h1" not in removed and "h2" not in removed


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("", 0),
        ("<p></p>", 0),
        ("<p>One two</p><p>three</p>", 3),
        ("<p>state-of-the-art isn't 3.5 — long</p>", 4),
        ("<p>咖啡很好 ok</p>", 5),
        ("<p>हिन्दी शब्द</p>", 2),
        ("<p>قهوة باردة ☕️</p>", 2),
    ],
)
def test_counts_words(html, words):
    assert words_count(html) == words


def test_headings_and_cut():
    assert headings("<h2>One <em>two</em></h2><p>x</p><h3>no</h3><h2>Three</h2>") == ["One two", "Three"]
    assert cut("one two  three", 100) == "one two three"
    assert cut("one two three", 9) == "one two…"
    assert len(cut("x" * 100, 20)) == 20


def test_deep_and_large_html_ends():
    with pytest.raises(Invalid, match="nested"):
        html_clean("<p><em>" * 20_000 + "x")
    assert words_count(html_clean("<p><em>" * 400 + "x")) == 1
