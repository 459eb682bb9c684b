"""The text of a post as an article's, and what says that it changed."""

import time

import pytest

from apps.integration.services.sync.texts import digest, field_of, html_of, is_lossy, normal
from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import html_clean

OURS = html_clean(
    "<p>One &amp; “two” — مرحبا, 水, 🫘</p><h2>H</h2><ul><li>a<ul><li>b</li></ul></li></ul>"
    "<blockquote><p>q</p></blockquote><pre><code>[x] &lt;b&gt;</code></pre>"
    "<table><thead><tr><th>h</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
    '<hr><figure><img src="/api/v1/writer/images/file/?id=7" alt="A clock"></figure>'
)
IMAGES = {"https://wp.example.com/a.png": [7, 70]}


def test_what_we_send_comes_back_as_it_was():
    sent = html_blocks(OURS.replace("/api/v1/writer/images/file/?id=7", "https://wp.example.com/a.png"),
                       {"https://wp.example.com/a.png": 70})  # fmt: skip
    back = html_of(sent.replace("\n", "\r\n"), IMAGES)
    assert not is_lossy(sent, back, IMAGES, sent)
    assert "/api/v1/writer/images/file/?id=7" in back
    assert digest(html_blocks(back)) == digest(html_blocks(OURS))
    taken_out = sent[: sent.index("<!-- wp:image")]
    assert is_lossy(taken_out, html_of(taken_out, IMAGES), IMAGES, sent)  # else it would be put in again


@pytest.mark.parametrize(
    "raw",
    [
        '<!-- wp:gallery --><figure class="wp-block-gallery"><img src="x.png"></figure><!-- /wp:gallery -->',
        '<!-- wp:shortcode -->\n[gallery ids="1,2"]\n<!-- /wp:shortcode -->',
        '<!-- wp:paragraph {"align":"center"} -->\n<p class="has-text-align-center">x</p>\n<!-- /wp:paragraph -->',
        "An old editor's line.\n\nAnother.",
        '<iframe src="https://video.example.com/"></iframe>',
    ],
)
def test_what_an_article_can_not_hold_is_known(raw):
    assert is_lossy(raw, html_of(raw, {}), {})


@pytest.mark.parametrize("tags", ["<div>" * 60_000, "<b><i>" * 30_000, "<" * 300_000, ""])
def test_broken_markup_keeps_its_words_and_no_worker(tags):
    began, raw = time.monotonic(), f"{tags}words that are left"
    html = html_of(raw, {})
    assert "words that are left" in html or tags[:2] == "<<"
    assert is_lossy(raw, html, {}) or normal(raw) == raw
    digest(raw)
    assert time.monotonic() - began < 5


def test_the_same_is_the_same_and_the_other_another():
    assert digest("<p>a &amp; b</p>\r\n") == digest("<p>a & b</p>")
    assert digest([3, 1]) == digest([1, 3]) != digest([1])
    assert digest("<!-- wp:list --><ul></ul>") != digest("<ul></ul>")
    assert field_of({"title": {"raw": "half \ud83e \x00"}}, "title") == "half ? "
