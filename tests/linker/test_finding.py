"""Where links may stand, and which are found; nothing beside them changes. No database."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.linker.services.addresses import address_key, post_key
from apps.linker.services.markup import html_hash, link_find, links_insert, links_strip, opening_of
from apps.linker.services.prose import prose_of
from apps.linker.services.ranking import links_choose, links_find
from apps.linker.services.targets import Targets
from apps.linker.services.words import phrase_key
from apps.writer.models import Content
from apps.writer.services.html import html_clean

BASE = "https://coffee.example/"


def page(
    pk: int, keyword: str, *, title: str = "", slug: str = "", more=(), url: str = "", external_id: str = ""
) -> tuple:
    return (pk, title or f"Page {pk}", slug, keyword, list(more), url or f"{BASE}{pk}/", external_id)


def article(html: str, **fields) -> Content:
    return Content(pk=1, title=fields.pop("title", "An article"), html=html, **fields)


def link(html: str, *pages: tuple, most: int = 5, each: int = 1, **fields) -> str:
    """The text with its links as [words](page)."""
    content = article(html, **fields)
    found = links_find(content, Targets(pages), base=BASE, most=most, words_per_link=each)
    after, placed = links_insert(html, links_choose(found.candidates, found.allowed))
    assert links_strip(after, [(p.offset, p.opening, p.inner) for p in placed]) == html
    for p in placed:
        assert after.startswith(f"{p.opening}{p.inner}</a>", p.offset)
    for p in placed:
        after = after.replace(f"{p.opening}{p.inner}</a>", f"[{p.inner}]({p.candidate.target.pk})", 1)
    return after


COLD_BREW = page(2, "cold brew")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Try cold brew today</p>", "<p>Try [cold brew](2) today</p>"),
        ("<p>COLD  Brews</p>", "<p>[COLD  Brews](2)</p>"),
        ("<p>A cold-brew, cold brew's time</p>", "<p>A [cold-brew](2), cold brew's time</p>"),
        ("<p>cold&nbsp;brew &amp; tea</p>", "<p>[cold&nbsp;brew](2) &amp; tea</p>"),
        ("<p>c&#111;ld br&shy;ew</p>", "<p>[c&#111;ld br&shy;ew](2)</p>"),
        ("<p>ｃｏｌｄ brew☕️</p>", "<p>[ｃｏｌｄ brew](2)☕️</p>"),
        # Whole inline elements, or none.
        ("<p>cold <strong>brew</strong></p>", "<p>[cold <strong>brew</strong>](2)</p>"),
        ("<p><em>cold</em> brew</p>", "<p>[<em>cold</em> brew](2)</p>"),
        ("<p><b><i>cold brew</i></b></p>", "<p><b><i>[cold brew](2)</i></b></p>"),
        ("<p>co<em>ld</em> brew</p>", "<p>[co<em>ld</em> brew](2)</p>"),
        ("<p>cold <b>brew ratio</b></p>", None),
        ("<p><b>the cold</b> brew</p>", None),
        # Not inside a word, or of two sentences.
        ("<p>ice-cold brew, cold brew-ratio, cold brewery, cold brew.example</p>", None),
        ("<p>cold, brew. Cold</p><p>brew; cold<br>brew</p>", None),
        # Where no link may stand.
        ("<h2>Cold brew</h2><h3>cold <b>brew</b></h3><p>x</p>", None),
        ("<p><a href='/x'>about <b>cold brew</b></a> <code>cold brew</code></p><pre>cold brew</pre>", None),
        ("<figure><img alt='cold brew'><figcaption>cold brew</figcaption></figure>", None),
        ("<button>cold brew</button><table><caption>cold brew</caption><th>cold brew</th></table>", None),
        ("<script>cold brew</script><style>cold brew</style><textarea>cold brew</textarea>", None),
        ("<!-- cold brew --><p title='cold brew > cold brew' data-x=\"<p>cold brew\">x</p>", None),
        ('<!-- wp:image {"alt":"cold brew"} --><p>[gallery cold brew] [caption]cold brew[/caption]</p>', None),
        ("<a href=x>cold brew <p>cold brew</p>", None),
        ("<p>unfinished <p title=\"cold brew", None),
        ("<table><tr><td>cold brew</td></tr></table>", "<table><tr><td>[cold brew](2)</td></tr></table>"),
        ("< cold brew <", "< [cold brew](2) <"),
        ("", None),
    ],
)  # fmt: skip
def test_where_a_link_may_stand(html, expected):
    assert link(html, COLD_BREW) == (html if expected is None else expected)


@pytest.mark.parametrize(
    ("keyword", "html", "expected"),
    [
        ("قهوة باردة", "<p dir='rtl'>أحب قهوة باردة جدا</p>", "<p dir='rtl'>أحب [قهوة باردة](2) جدا</p>"),
        ("冷萃咖啡", "<p>我喜欢冷萃咖啡。</p>", "<p>我喜欢[冷萃咖啡](2)。</p>"),
        ("हिन्दी कॉफ़ी", "<p>यह हिन्दी कॉफ़ी है</p>", "<p>यह [हिन्दी कॉफ़ी](2) है</p>"),
        ("กาแฟเย็น", "<p>ชอบกาแฟเย็นมาก</p>", "<p>ชอบ[กาแฟเย็น](2)มาก</p>"),
        ("eau froide", "<p>Avec l’eau froide.</p>", "<p>Avec l’[eau froide](2).</p>"),
        ("café", "<p>cafe\u0301s here</p>", "<p>[cafe\u0301s](2) here</p>"),
        ("C++", "<p>C, C# and C++.</p>", "<p>C, C# and [C++](2).</p>"),
        ("node.js", "<p>a node. js Node.js!</p>", "<p>a node. js [Node.js](2)!</p>"),
        ("berry", "<p>Berries!</p>", "<p>[Berries](2)!</p>"),
        ("glasses", "<p>a glass</p>", "<p>a [glass](2)</p>"),
        ("می‌خواهم", "<p>من می‌خواهم</p>", "<p>من [می‌خواهم](2)</p>"),
        ("the", "<p>the end</p>", None), ("7", "<p>7 days</p>", None), ("☕", "<p>☕</p>", None),
        ("", "<p>x</p>", None),
    ],
)  # fmt: skip
def test_words_of_many_languages(keyword, html, expected):
    assert link(html, page(2, keyword)) == (html if expected is None else expected)


TEXT = "<p>Cold brew needs a grinder. " + "Some more words stand here. " * 4 + "Then the cold brew ratio.</p>"


def test_one_link_a_page_and_none_to_itself_or_twice():
    ratio, grinder = page(3, "ratio", more=["cold brew ratio"]), page(4, "grinder")
    assert link(TEXT * 2, COLD_BREW).count("](2)") == 1
    linked = link(TEXT, COLD_BREW, ratio, grinder)
    # The longer phrase is worth more; the grinder stands right beside another link.
    assert "[cold brew ratio](3)" in linked and "[Cold brew](2)" in linked and "(4)" not in linked
    assert link(TEXT, page(1, "cold brew")) == TEXT
    assert link(TEXT, COLD_BREW, external_url=f"{BASE}2/") == TEXT
    # What the article is about itself is no anchor for another page.
    assert link(TEXT, COLD_BREW, primary_keyword="Cold Brews") == TEXT
    for href in (
        "https://www.coffee.example/2?utm_source=x#top",
        "/2/",
        "//coffee.example/2",
        "?p=77",
        "&#47;2",
    ):
        html = f"{TEXT}<p><a href='{href}'>there</a></p>"
        assert link(html, page(2, "cold brew", external_id="77")) == html, href
    for url in ("javascript:alert(1)", "mailto:a@b.c", "http://[", "x"):
        assert link(TEXT, page(2, "cold brew", url=url)) == TEXT


def test_a_page_without_keywords_is_known_by_its_title_and_slug():
    html = f"<p>The burr grinder. {'More words. ' * 9} My water filter. {'More words. ' * 9} Cold brew, how long?</p>"
    pages = [
        page(2, "", title="Burr grinder: all you need to know"),
        page(3, "", title="Clean?", slug="water-filter"),
        page(4, "", title="Cold Brew, How Long"),
        page(5, "", title="The: my"),
    ]
    linked = link(html, *pages)
    assert (
        "[burr grinder](2)" in linked
        and "[water filter](3)" in linked
        and "[Cold brew, how long](4)" in linked
    )


def test_the_cap_counts_links_that_are_there():
    words = ["apple", "banana", "cherry", "damson", "elder", "fig"]
    html = "".join(f"<p>{word} {'filler ' * 30}</p>" for word in words)
    pages = [page(n, word) for n, word in enumerate(words, 2)]
    assert link(html, *pages, most=3).count("](") == 3
    assert link(html, *pages, most=50).count("](") == 6
    assert link(html, *pages, most=50, each=100).count("](") == 2  # 186 words
    assert link(f"{html}<a href='/2/'>x</a>", *pages, most=3).count("](") == 2
    assert (
        link(f"{html}<a href='/2/'>x</a><a href='https://else.where/'>x</a>", *pages, most=1).count("](") == 0
    )


def test_by_meaning_when_no_keyword_stands_there():
    html = "<p>Before you drive home, compare auto insurance and think of dog food for the way.</p>"
    cover = page(2, "car insurance", title="What good car insurance costs")
    others = [page(3, "dog training"), page(4, "tax return"), page(5, "garden hose"), page(6, "home office")]
    linked = link(html, cover, *others, title="A new car", primary_keyword="buying a car")
    assert "[auto insurance](2)" in linked and linked.count("](") == 1
    # Its keyword is better, where it stands.
    assert "[car insurance](2)" in link(
        html + "<p>Good car insurance.</p>", cover, *others, title="A new car"
    )


def test_the_same_again():
    pages = [
        page(n, word) for n, word in enumerate(["grinder", "cold brew", "ratio", "words", "brew ratio"], 2)
    ]
    assert len({link(TEXT, *pages) for _ in range(3)}) == 1
    assert link(TEXT, *pages) == link(TEXT, *reversed(pages))


def test_addresses():
    same = ["https://Coffee.example/A%20b/", "http://www.coffee.example:80/A b?utm_medium=x#y", "/A b"]
    assert {address_key(url, BASE) for url in same} == {"coffee.example/A b"}
    assert address_key("https://x.y/a") != address_key("https://x.y/A")
    assert address_key("?b=2&a=1", BASE) == "coffee.example?a=1&b=2"
    assert [address_key(u) for u in ("", "#a", "mailto:x", "http://[", "http://a:b/")] == [""] * 5
    assert post_key(f"{BASE}x/", "7") == address_key(f"{BASE}?p=7") and post_key("", "7") == ""
    assert opening_of('https://x.y/"a&b') == '<a href="https://x.y/%22a&amp;b" rel="noopener">'


def test_a_cleaned_article_stays_as_it_was_linked():
    html = html_clean("<p>Of cold <b>brew</b> &amp; <script>x</script> more</p>")
    found = links_find(article(html), Targets([COLD_BREW]), base=BASE, most=5, words_per_link=1)
    after, placed = links_insert(html, found.candidates)
    assert placed and html_clean(after) == after


@pytest.mark.parametrize(
    "bad", ['<a "', "<", "&", "[a ", "[caption]", "<!--", "a'", "<p a='", "</", "<b>", "cold brew "]
)
def test_hostile_texts_take_no_time(bad):
    html = bad * (200_000 // len(bad))
    began = time.process_time()
    link(html, COLD_BREW)
    assert time.process_time() - began < 3


# Texts of pieces that bring trouble: words of keywords, tags that close wrongly, entities, odd letters.
PIECES = [
    *"cold brew Cold-Brew grinder قهوة 咖啡 é \u200d \u202e ' \" > < & &amp; &nbsp; &#x1F600; &bogus; - [x ]".split(),
    *"<p> </p> <h2> </h2> </a> <b> </b> <em> </em> <i <code> </code> <!-- --> <br/> <td> <svg> </svg> <select>".split(),
    *"<script> </script> \x00 ☕️".split(), "<a href='/x'>", '<p title="cold brew">', " ", " ", " ", ". ", "\n",
]  # fmt: skip
PAGES = [page(2, "cold brew"), page(3, "grinder"), page(4, "قهوة"), page(5, "咖啡"), page(6, "brew grinder")]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=60).map("".join))
def test_stripping_the_links_gives_the_text_back(html):
    content = article(html)
    found = links_find(content, Targets(PAGES), base=BASE, most=9, words_per_link=1)
    after, placed = links_insert(html, links_choose(found.candidates, found.allowed))
    links = [(p.offset, p.opening, p.inner) for p in placed]
    assert links_strip(after, links) == html and html_hash(links_strip(after, links)) == html_hash(html)
    assert len({p.candidate.target.pk for p in placed}) == len(placed)
    for offset, opening, inner in links:
        assert link_find(after, offset, opening, inner) == offset
    # A second pass has nothing to add that the first could have.
    again = links_find(article(after), Targets(PAGES), base=BASE, most=len(placed) or 1, words_per_link=1)
    assert not placed or links_choose(again.candidates, again.allowed) == []


def test_a_phrase_is_read_as_a_text_is():
    for text in ("Cold-Brew's", "l'eau", "C++", "node.js", "AT&T", "冷萃"):
        prose = prose_of(f"<p>{text.replace('&', '&amp;')}</p>")
        assert len(phrase_key(text)) == len(prose.words) > 0
