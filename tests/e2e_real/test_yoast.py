"""Our checks beside those of the Yoast plug-in, where both have one: people compare them."""

from collections import Counter, defaultdict

import pytest

from apps.optimizer.scoring import Article, analyze
from apps.optimizer.scoring.lengths import pixels
from scripts.e2e.node_tools import run
from tests.e2e_real.texts import texts

pytestmark = pytest.mark.timeout(600)
DOMAIN = "blog.example.com"
# Theirs, and ours.
SAME = {
    "introductionKeyword": "keyphrase_in_introduction",
    "keyphraseLength": "keyphrase_length",
    "keyphraseDensity": "keyphrase_density",
    "metaDescriptionKeyword": "keyphrase_in_meta_description",
    "metaDescriptionLength": "meta_description_length",
    "subheadingsKeyword": "keyphrase_in_headings",
    "imageKeyphrase": "keyphrase_in_alt_text",
    "images": "images",
    "textLength": "text_length",
    "externalLinks": "outbound_links",
    "internalLinks": "internal_links",
    "keyphraseInSEOTitle": "keyphrase_in_title",
    "titleWidth": "title_width",
    "slugKeyword": "keyphrase_in_slug",
    "singleH1": "single_h1",
    "subheadingsTooLong": "section_length",
    "textParagraphTooLong": "paragraph_length",
    "textSentenceLength": "sentence_length",
}


def test_they_agree_on_fifty_texts():
    given = texts()
    # They take the width from a browser; which of ours is too wide is judged by the same 600 pixels.
    asked = [
        {**text, "title_width": pixels(text["title"]), "permalink": f"https://{DOMAIN}/x/"} for text in given
    ]
    theirs = run("yoast.cjs", given=asked)
    agree: dict[str, Counter] = defaultdict(Counter)
    seen: dict[str, set[str]] = defaultdict(set)
    told = []
    for number, (text, ratings) in enumerate(zip(given, theirs, strict=True)):
        fields = {name: text[name] for name in ("title", "html", "keyphrase", "slug", "meta_description")}
        verdicts = analyze(Article(**fields, language=text["locale"], domain=DOMAIN)).verdicts
        for their_name, our_name in SAME.items():
            rating, verdict = ratings[their_name], verdicts[our_name]
            same = rating == verdict.status
            agree[our_name][same] += 1
            seen[our_name].add(rating)
            if not same:
                told.append(f"text {number}, {our_name}: {rating}; ours {verdict.status}, {verdict.reason}")
    total = Counter()
    for counted in agree.values():
        total += counted
    share = total[True] / total.total()
    print(f"\n{total[True]} of {total.total()} judgements agree: {share:.1%}", *told, sep="\n")
    assert len(given) == 50 and total.total() == 50 * len(SAME)
    assert share >= 0.95, told
    assert all(counted[True] / counted.total() >= 0.9 for counted in agree.values()), told
    # It proves something only where the texts differ: every check was found good once, and not good once.
    assert all("good" in ratings and len(ratings) > 1 for ratings in seen.values()), dict(seen)
