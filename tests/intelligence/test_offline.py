"""The offline provider: its answers fit their schemas, repeat exactly, and claim nothing."""

import json
import re
import time
from html import unescape
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from apps.intelligence import functions
from apps.intelligence.clients.base import ImageRequest, ProviderRefused, TextRequest, validate_answer
from apps.intelligence.clients.offline import OfflineProvider
from apps.intelligence.clients.offline.keywords import groups, read
from apps.intelligence.text import shorten, slug

ALLOWED = {"h2", "h3", "p", "ul", "ol", "li", "strong", "em"}
KEYWORDS = [
    {"keyword": "trail running shoes", "volume": 40500, "intent": "commercial"},
    {"keyword": "best trail running shoes", "volume": 8100, "intent": "commercial"},
    {"keyword": "trail running shoes price", "volume": 720, "intent": "transactional"},
    {"keyword": "trail running shoes vs road shoes", "volume": 590, "intent": "commercial"},
    {"keyword": "waterproof trail running shoes", "volume": 1900, "intent": "commercial"},
    {"keyword": "waterproof trail shoes women", "volume": 480, "intent": "commercial"},
    {"keyword": "trail running shoes wide fit", "volume": None, "intent": None},
    {"keyword": "how to clean trail running shoes", "volume": 390, "intent": "informational"},
    {"keyword": "are trail running shoes good for hiking", "volume": 260, "intent": "informational"},
    {"keyword": "trail shoe review", "volume": 140, "intent": "commercial"},
]
CONTENT = {
    "title": "Trail running shoes: a practical guide",
    "structure": "guide",
    "content_type": "post",
    "primary_keyword": "trail running shoes",
    "keywords": KEYWORDS,
    "outline": [],
    "word_count": 1000,
    "tone": "friendly",
    "language": "en",
    "include_faq": True,
    "author": "",
    "site_name": "Runners",
    "sector": "Sports",
    "notes": "",
    "links": [],
}
IDEAS = {
    "cluster": "Trail running shoes",
    "keywords": KEYWORDS,
    "count": 6,
    "language": "en",
    "existing_titles": [],
}


def ask(name, inputs):
    """The answer, checked against its schema once more and by a second provider."""
    request = functions.text_request(name, inputs, model="offline")
    answer = OfflineProvider().text(request)
    assert OfflineProvider().text(request) == answer
    assert validate_answer(json.dumps(answer.data), functions.FUNCTIONS[name].schema) == answer.data
    assert functions.tidy(name, answer.data) == answer.data, "nothing is left to put right"
    assert (answer.model, answer.tokens_in, answer.tokens_out, answer.calls) == ("offline", 0, 0, 1)
    return answer.data


def content(**changes):
    return ask("content", {**CONTENT, **changes})


def text_of(html):
    return unescape(re.sub(r"<[^>]+>", " ", html))


def check_content(data, inputs):
    """What holds for every draft."""
    tree = HTMLParser(data["html"])
    assert {node.tag for node in tree.body.traverse()} <= ALLOWED | {"body"}
    assert not any(node.attributes for node in tree.body.traverse())
    assert tree.body.child.text().startswith("Offline draft.")
    assert "without a language model" in tree.body.child.text()
    assert len(data["meta_title"]) <= 60
    assert len(data["meta_description"]) <= 155
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", data["slug"])
    numbers = re.findall(r"\d+", json.dumps(inputs, ensure_ascii=False))
    texts = [data[key] for key in ("title", "excerpt", "meta_title", "meta_description")]
    invented = set(re.findall(r"\d+", " ".join([text_of(data["html"]), *texts]))) - set(numbers)
    assert not invented, "no number that does not stand in the inputs"


def test_a_draft():
    data = content()
    check_content(data, CONTENT)
    html, words = data["html"], len(text_of(data["html"]).split())
    assert 700 < words < 1500
    headings = [node.text() for node in HTMLParser(html).css("h2")]
    assert len(headings) == len(set(headings)) > 5
    assert "Best trail running shoes" in headings
    assert "<h3>How to clean trail running shoes?</h3>" in html
    assert "(40500 searches a month)" in html
    assert data["primary_keyword"] == "trail running shoes"
    assert data["primary_keyword"] not in data["secondary_keywords"]
    assert data["meta_title"] == "Trail running shoes: a practical guide | Runners"
    assert data["categories"] == ["Sports"]
    for keyword in KEYWORDS:
        assert keyword["keyword"] in html.casefold()


def test_no_advice_is_given_twice():
    for structure in functions.STRUCTURES:
        notes = [
            node.text()
            for node in HTMLParser(content(structure=structure, word_count=3000)["html"]).css("li")
        ]
        assert len(notes) == len(set(notes))


def test_word_count_is_aimed_at_and_a_shortfall_is_told():
    words = [len(text_of(content(word_count=n)["html"]).split()) for n in (300, 800, 5000)]
    assert words[0] < words[1] < words[2]
    assert "shorter than the 5000 words" in content(word_count=5000)["html"]
    assert "shorter than" not in content(word_count=300)["html"]


def test_an_outline_is_followed():
    outline = [
        {
            "heading": "Waterproof trail running shoes",
            "points": ["When membranes help", "When they <do> not"],
        },
        {"heading": "Care", "points": []},
    ]
    html = content(outline=outline)["html"]
    headings = [node.text() for node in HTMLParser(html).css("h2")]
    assert headings[:2] == ["Waterproof trail running shoes", "Care"]
    assert "When they &lt;do&gt; not" in html
    assert "answers the search <strong>waterproof trail running shoes</strong>" in html


def test_the_faq_is_optional():
    assert "Frequent questions" not in content(include_faq=False)["html"]
    assert "None of the keywords is a question" in content(keywords=KEYWORDS[:3])["html"]


def test_other_languages_get_headings_of_their_own():
    keywords = [
        {"keyword": k, "volume": 10, "intent": None}
        for k in ("أحذية الجري", "أفضل أحذية الجري 👟", "ما هي أحذية الجري؟")
    ]
    inputs = {
        **CONTENT,
        "language": "ar",
        "title": "أحذية الجري",
        "primary_keyword": "أحذية الجري",
        "keywords": keywords,
    }
    data = ask("content", inputs)
    check_content(data, inputs)
    assert "<h2>أفضل أحذية الجري 👟</h2>" in data["html"]
    assert "<h3>ما هي أحذية الجري؟</h3>" in data["html"]
    assert "the language “ar”" in data["html"]


@pytest.mark.parametrize(
    "keyword",
    [
        "<script>alert(1)</script>",
        "a & b < c > d \"quoted\" 'single'",
        "👩‍👩‍👧‍👦 family 🇩🇪 tents 🏕️",
        "חולצות כותנה לגברים",
        "k" * 500,
        "word " * 99,
        "nul\0 and \ud83d half \x07",
        "{title} $name %s {{x}}",
        "???",
        "🚀",
        "2024",
    ],
)
def test_odd_keywords(keyword):
    rows = [
        {"keyword": keyword, "volume": 5, "intent": "weird"},
        {"keyword": keyword + " price", "volume": -3},
    ]
    inputs = {**CONTENT, "title": keyword, "primary_keyword": keyword, "keywords": rows, "sector": keyword}
    data = ask("content", inputs)
    check_content(data, inputs)
    assert data["meta_title"].strip("…")
    data = ask("ideas", {**IDEAS, "cluster": keyword, "keywords": rows, "count": 3})
    assert len(data["ideas"]) == 3
    assert ask("cluster_names", {"clusters": [{"id": 1, "keywords": [keyword]}]})["names"][0]["name"]
    ask(
        "image_prompts",
        {"title": keyword, "headings": [keyword], "primary_keyword": keyword, "style": "", "count": 1},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"keywords": []},
        {"keywords": [], "title": "", "primary_keyword": ""},
        {
            "keywords": None,
            "outline": None,
            "word_count": None,
            "tone": None,
            "site_name": None,
            "sector": None,
        },
        {"keywords": ["plain", "plain", "PLAIN", "", None], "word_count": -5},
        {
            "keywords": [{"keyword": "a", "volume": "many"}, {"keyword": "b", "volume": True}],
            "structure": "<b>",
        },
        {"outline": [{"heading": ""}, {"points": ["only a point"]}, "text", {}]},
        {"language": ""},
    ],
)
def test_odd_inputs(changes):
    inputs = {**CONTENT, **changes}
    check_content(ask("content", inputs), inputs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.text(max_size=60), st.none() | st.integers(-5, 10**9)), max_size=12),
    st.text(max_size=90),
)
def test_any_text_is_survived(rows, title):
    keywords = [{"keyword": text, "volume": volume, "intent": None} for text, volume in rows]
    inputs = {**CONTENT, "keywords": keywords, "title": title}
    data = ask("content", inputs)
    assert {node.tag for node in HTMLParser(data["html"]).body.traverse()} <= ALLOWED | {"body"}
    json.dumps(data, ensure_ascii=False).encode()  # no half characters
    ask("ideas", {**IDEAS, "keywords": keywords, "existing_titles": [title]})


def test_many_keywords_are_quick():
    keywords = [{"keyword": f"shoe {i % 700} model {i}", "volume": i, "intent": None} for i in range(10_000)]
    started = time.monotonic()
    data = content(keywords=keywords)
    ask("ideas", {**IDEAS, "keywords": keywords, "count": 50})
    assert time.monotonic() - started < 10, "asked four times over"
    assert len(data["html"]) < 200_000


def test_ideas():
    ideas = ask("ideas", IDEAS)["ideas"]
    assert len(ideas) == 6
    assert len({idea["title"].casefold() for idea in ideas}) == 6
    assert {"guide", "comparison", "listicle"} <= {idea["structure"] for idea in ideas}
    assert ideas[0]["primary_keyword"] == "trail running shoes"
    texts = {keyword["keyword"] for keyword in KEYWORDS}
    for idea in ideas:
        assert idea["primary_keyword"] in idea["target_keywords"]
        assert set(idea["target_keywords"]) <= texts
        assert idea["outline"]
        assert "Offline idea" in idea["description"]
    comparison = next(idea for idea in ideas if idea["structure"] == "comparison")
    assert (comparison["primary_keyword"], comparison["intent"]) == (
        "trail running shoes vs road shoes",
        "commercial",
    )


def test_ideas_are_new():
    seen = []
    for _ in range(6):
        ideas = ask("ideas", {**IDEAS, "existing_titles": [title.upper() for title in seen]})["ideas"]
        seen += [idea["title"] for idea in ideas]
    assert len({title.casefold() for title in seen}) == len(seen) == 36


def test_ideas_run_out_instead_of_repeating_themselves():
    inputs = {"cluster": "zelte", "keywords": ["zelte"], "count": 20, "language": "de", "existing_titles": []}
    assert [idea["title"] for idea in ask("ideas", inputs)["ideas"]] == ["Zelte"]
    assert ask("ideas", {**inputs, "existing_titles": ["ZELTE"]})["ideas"] == []


def test_ideas_of_an_empty_cluster():
    assert ask("ideas", {**IDEAS, "keywords": []})["ideas"][0]["primary_keyword"] == "Trail running shoes"
    with pytest.raises(ProviderRefused, match="neither a name nor keywords"):
        ask("ideas", {**IDEAS, "keywords": [], "cluster": " \0"})


def test_an_idea_becomes_a_draft():
    for idea in ask("ideas", IDEAS)["ideas"]:
        keys = ("title", "structure", "content_type", "primary_keyword", "outline", "word_count")
        inputs = {**CONTENT, **{key: idea[key] for key in keys}, "keywords": idea["target_keywords"]}
        data = ask("content", inputs)
        check_content(data, inputs)
        assert [node.text() for node in HTMLParser(data["html"]).css("h2")][: len(idea["outline"])] == [
            section["heading"] for section in idea["outline"]
        ]


def test_cluster_names_differ():
    shoes = ["trail running shoes", "running shoes", "running shoes for women"]
    clusters = [
        {"id": 4, "keywords": shoes},
        {"id": 9, "keywords": shoes[:1]},
        {"id": 2, "keywords": shoes[:1]},
    ]
    clusters.append({"id": 7, "keywords": []})
    names = ask("cluster_names", {"clusters": clusters})["names"]
    assert [row["id"] for row in names] == [4, 9, 2, 7]
    assert names[0]["name"] == "Running shoes"
    assert len({row["name"] for row in names}) == 4
    assert ask("cluster_names", {"clusters": []}) == {"names": []}


def test_image_prompts():
    inputs = {
        "title": "Tents",
        "headings": ["A", "", "C", "D"],
        "primary_keyword": "tents",
        "style": "ink",
        "count": 2,
    }
    data = ask("image_prompts", inputs)
    assert "ink" in data["featured"]["prompt"]
    assert [row["position"] for row in data["in_article"]] == [0, 2]
    assert [row["position"] for row in ask("image_prompts", {**inputs, "count": 9})["in_article"]] == [
        0,
        2,
        3,
    ]
    assert ask("image_prompts", {**inputs, "count": 0})["in_article"] == []
    assert ask("image_prompts", {**inputs, "headings": []})["in_article"] == []


def test_unknown_functions_are_refused():
    with pytest.raises(ProviderRefused, match="Set up an AI provider"):
        OfflineProvider().text(TextRequest("poem", "", "", {}, {}, "offline"))


def draw(title, size="1024x1024"):
    return OfflineProvider().image(ImageRequest(prompt="p", model="x", size=size, inputs={"title": title}))


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024", "1024x1536", "64x64", "2048x2048", "512X256"])
@pytest.mark.parametrize(
    "title", ["Trail running shoes: a practical guide", "👟 أحذية", "W" * 500, "", "two\nlines\0"]
)
def test_pictures(title, size):
    image = draw(title, size)
    assert image.mime == "image/png"
    assert len(image.data) < 150_000
    with Image.open(BytesIO(image.data)) as picture:
        assert picture.size == tuple(int(side) for side in size.lower().split("x"))
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(100_000)) > 10


def test_pictures_repeat_and_differ():
    assert draw("One").data == draw("One").data != draw("Two").data


@pytest.mark.parametrize("size", ["", "big", "10x10", "99999x10", "1024", "1024x1024x3", "-64x64", "٦٤٠x٦٤٠"])
def test_impossible_sizes(size):
    with pytest.raises(ProviderRefused, match="width x height"):
        draw("One", size)


def test_embeddings_know_what_is_alike():
    shoes, sneakers, tax, empty = OfflineProvider().embed(
        ["running shoes", "jogging sneakers", "tax return", ""], ""
    )
    assert len(shoes) == 256
    alike = sum(a * b for a, b in zip(shoes, sneakers, strict=True))
    unlike = sum(a * b for a, b in zip(shoes, tax, strict=True))
    assert alike > unlike + 0.3
    assert not any(empty)
    assert OfflineProvider().embed([], "") == []


def test_plurals_are_one_topic():
    rows = read(["maps of rome", "map rome old", "rome food"])
    assert [len(group) for group in groups(rows, head={"rome"})] == [2, 1]


def test_prompts_are_filled_in_once():
    request = functions.text_request("content", {**CONTENT, "title": "{tone} $x {unknown}"}, model="m")
    assert "title “{tone} $x {unknown}”" in request.prompt
    assert "- best trail running shoes (8100 searches a month, commercial)" in request.prompt
    assert "- trail running shoes wide fit\n" in request.prompt
    assert "Section with frequent questions: yes" in request.prompt
    assert (request.model, request.max_tokens) == ("m", 8192)
    for function in functions.FUNCTIONS.values():
        functions.check_template(function.name, function.template)
        assert all(f"{{{variable}}}" in function.template for variable in function.variables)
        assert all(f"{{{variable}}}" in function.then for variable in function.then_variables)


def test_a_long_draft_is_asked_for_in_parts():
    planned = ask("content_outline", {**CONTENT, "sections": 4})["outline"]
    assert 2 <= len(planned) <= 4 and all(row["points"] for row in planned)
    inputs = {**CONTENT, "outline": planned}
    asked = {"sections": len(planned), "section_words": 300, "points": [], "before": ""}
    texts = [
        ask("content_section", {**inputs, **asked, "place": n, "heading": row["heading"]})["html"]
        for n, row in enumerate(planned, start=1)
    ]
    assert len(set(texts)) == len(texts) and not any("<h2>" in text for text in texts)
    frame = ask("content_frame", {**inputs, "written": [], "questions": 5})
    assert frame["introduction"].startswith("<p><strong>Offline draft.")
    assert "How to clean trail running shoes?" in [row["question"] for row in frame["faq"]]
    bare = ask("content_frame", {**inputs, "include_faq": False, "written": [], "questions": 5})
    assert (bare["faq"], bare["faq_heading"]) == ([], "")


def test_a_draft_links_where_it_may():
    links = [{"title": "Socks <for> trails", "url": "https://run.example/socks?a=1&b=2"}]
    html = content(links=links)["html"]
    assert '<a href="https://run.example/socks?a=1&amp;b=2">Socks &lt;for&gt; trails</a>' in html
    assert "<a" not in content()["html"]


def test_what_is_asked_after_the_prompt_follows_an_accounts_own_too():
    inputs = {**CONTENT, "sections": 7, "notes": "{sections}"}
    own = functions.text_request("content_outline", inputs, model="m", template="About {title}: {notes}")
    assert own.prompt.startswith("About Trail running shoes: a practical guide: {sections}\n\n")
    assert "7 headings" in own.prompt and "{" not in own.prompt.partition("\n\n")[2]


def test_templates_of_an_account():
    own = functions.text_request("content", CONTENT, model="m", template='{ title } as {"html": "…"}')
    assert own.prompt == 'Trail running shoes: a practical guide as {"html": "…"}'
    with pytest.raises(functions.BadTemplate, match=r"uses \{headline\}.*\{title\}"):
        functions.check_template("content", "Write {headline}")
    with pytest.raises(functions.BadTemplate, match="empty"):
        functions.text_request("content", CONTENT, model="m", template=" ")
    with pytest.raises(ValueError, match="lacks its inputs tone"):
        functions.text_request("content", {k: v for k, v in CONTENT.items() if k != "tone"}, model="m")


def test_tidy():
    data = {"slug": "Ünïcode Slug", "title": "T", "meta_title": "long " * 20, "meta_description": "x" * 400}
    tidied = functions.tidy("content", data)
    assert tidied["slug"] == "unicode-slug"
    assert len(tidied["meta_title"]) <= 60
    assert len(tidied["meta_description"]) == 155
    assert functions.tidy("ideas", {"ideas": []}) == {"ideas": []}


def test_shortened_texts():
    assert shorten("short", 10) == "short"
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("👩‍👩‍👧‍👦" * 9, 10) == "👩‍👩‍👧‍👦…"
    assert shorten("🇩🇪🇫🇷🇮🇹", 4) == "🇩🇪…"
    assert len(shorten("x" * 500, 60)) == 60
    assert (slug("🚀"), slug("x" * 500)) == ("draft", "x" * 80)
