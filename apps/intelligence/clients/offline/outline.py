"""The sections of an article, made of the searches that it answers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .keywords import FACETS, Keyword, clean, groups, headline, read, significant

PER_SECTION = 12
NOTES = {
    "compare": (
        "Name the criteria before naming a winner, and use the same criteria for every candidate.",
        "Say for whom each choice is the right one, and where it falls short.",
        "Put the differences that matter into a short list that can be read on its own.",
    ),
    "review": (
        "Say who has used or tested it, for how long, and what was not tested.",
        "Give strengths and weaknesses in equal measure, each with an example from use.",
        "End with a plain verdict: who should choose it and who should not.",
    ),
    "price": (
        "Name current prices with their source and the date on which they were checked.",
        "Explain what makes it dearer or cheaper, and which extra costs come later.",
        "Tell readers with a small budget what they can leave out without regret.",
    ),
    "buy": (
        "Say where it is to be had and what to check before paying: delivery, returns, warranty.",
        "Lead to the product or the contact form with one clear link.",
    ),
    "best": (
        "Say by what the choice was made, then give every candidate the same short profile.",
        "Name the best choice for each kind of reader instead of one winner for all.",
    ),
    "how": (
        "Give the steps in the order in which they are done, each beginning with a verb.",
        "Name what is needed beforehand, and how the reader sees that a step has worked.",
        "Warn of the mistake that is made most often, at the step where it happens.",
    ),
    "local": (
        "Name the places or areas that are really served, with address and opening hours.",
        "Say how to get there or how to make an appointment.",
    ),
}
# For sections without a facet; each section gets the next ones, so that no advice is given twice.
GENERAL = [
    "Open with a direct answer, so that a hurried reader can stop there.",
    "Explain the terms that a beginner will not know, where they first appear.",
    "Add an example, a picture or a short case that comes from your own practice.",
    "Say what holds always and what depends on the reader's situation.",
    "Back every figure with a source that readers can open.",
    "Answer the objection that a doubtful reader would raise here.",
    "Link to the page of the site that goes deeper, and say what is found there.",
    "Close with what the reader can do next.",
    "Cut whatever another section already says.",
]
_LABELS = {
    "compare": "{} compared with the alternatives",
    "review": "What reviews of {} should tell you",
    "price": "What {} costs",
    "buy": "Where to get {}",
    "best": "The best {}, and for whom",
    "how": "{} step by step",
    "local": "{} near you",
}
# What a reader of such a text expects, used when the keywords alone do not fill it: a heading with its notes.
# After the bar stands the heading for topics that are a phrase of their own ("how to …", "… price").
_FRAMES = {
    "article": (
        (
            "What {} means|What it means",
            "Define it in one sentence, then in the words of your readers.",
            "Say what it is not.",
        ),
        (
            "Why {} matters|Why it matters",
            "Name who is affected and how they notice.",
            "Show what happens if nothing is done.",
        ),
        (
            "What people get wrong about {}|What people get wrong",
            "Name the misunderstandings that you meet, and put each right.",
        ),
        (
            "What to do next about {}|What to do next",
            "Give a small first step for today and a larger one for later.",
        ),
    ),
    "guide": (
        (
            "What you need before you begin with {}|What you need before you begin",
            "List tools, knowledge, time and permissions.",
            "Say who should not try it alone.",
        ),
        (
            "{} step by step|Step by step",
            "One action a step, in order.",
            "Say after each how the reader sees that it worked.",
        ),
        (
            "Common mistakes with {}|Common mistakes",
            "For each: how it shows, why it happens, how to undo it.",
        ),
        (
            "How to tell that it has worked",
            "Give a check that the reader can do alone.",
            "Say whom to ask if not.",
        ),
    ),
    "comparison": (
        ("{} at a glance|At a glance", "Sum up the result in a few lines for readers who stop here."),
        (
            "The criteria that matter for {}|The criteria that matter",
            "Explain each criterion and why it weighs as it does.",
        ),
        ("Strengths and weaknesses side by side", "The same points for every candidate, in the same order."),
        ("Which choice suits whom", "Describe two or three typical readers and advise each of them."),
    ),
    "review": (
        ("{} in short|In short", "The verdict in two sentences, for readers who stop here."),
        ("How it was tested", "Who, where, how long, against what.", "Say who paid for it."),
        (
            "What is good about {}|What is good about it",
            "Only what was seen in the test, with an example each.",
        ),
        ("What could be better", "Be as exact as with the praise.", "Say which faults can be lived with."),
        ("Verdict", "For whom it is worth it, for whom not, and what to take instead."),
    ),
    "listicle": (
        ("How the choice was made", "Name the criteria and who chose.", "Say what was left out on purpose."),
        (
            "{} at a glance|At a glance",
            "One line for each candidate: the name and the one reason to choose it.",
        ),
        (
            "The candidates one by one",
            "For each the same profile: for whom, strength, weakness, where to get it.",
        ),
        ("Which one suits whom", "Send each kind of reader to one candidate."),
    ),
    "landing_page": (
        (
            "What {} does for you|What it does for you",
            "The benefit in the reader's words, before any feature.",
        ),
        ("How it works", "Three short steps from the first click to the result."),
        (
            "What others say",
            "Real customers with their consent, by name.",
            "Leave it out if there are none yet.",
        ),
        ("How to begin", "One clear action, and what happens after it."),
    ),
    "product_page": (
        ("What {} is|What it is", "What it is, for what, for whom, in two sentences."),
        (
            "Features and benefits",
            "Each feature with what the buyer has of it.",
            "Measures with their units.",
        ),
        ("Who it is for", "Name also who is better served by something else."),
        ("Delivery and service", "Delivery, returns, warranty and whom to ask, as they are in the shop."),
    ),
}


@dataclass(frozen=True)
class Section:
    """`facet` says which notes for the editor fit; `keywords` are the searches that the section answers."""

    heading: str
    facet: str | None
    keywords: tuple[Keyword, ...]
    points: tuple[str, ...]


def is_english(language: object) -> bool:
    return str(language or "en").lower()[:2] == "en"


def sections(primary: str, keywords: list[Keyword], *, structure: str, english: bool) -> list[Section]:
    """The sections that the keywords call for, the most searched first, then those of the structure.

    Questions are left to the FAQ. Headings are worded in English only where the text is, else keywords.
    """
    asked = [k for k in keywords if not k.question and k.text.casefold() != primary.casefold()]
    seen = Counter(word for keyword in keywords for word in set(keyword.words))
    head = {word for word, n in seen.items() if n * 2 > len(keywords)}
    head |= {word for k in read([primary]) for word in k.words}
    advice = _advice()
    found = [
        Section(headline(group[0].text), None, tuple(group[:PER_SECTION]), next(advice))
        for group in groups([k for k in asked if k.facet is None], head=head)
    ]
    for facet in FACETS:
        if group := [k for k in asked if k.facet == facet]:
            label = _LABELS[facet].replace("{}", primary) if english and len(group) > 1 else group[0].text
            found.append(Section(headline(label), facet, tuple(group[:PER_SECTION]), NOTES[facet]))
    found.sort(key=lambda section: -sum(k.volume or 0 for k in section.keywords))
    if not english:
        return found or [Section(headline(primary), None, (), next(advice))]
    topic = all(k.facet is None and not k.question for k in read([primary]))
    taken = {section.heading.casefold() for section in found}
    for heading, *notes in _FRAMES.get(structure, _FRAMES["article"]):
        named, _, unnamed = heading.partition("|")
        heading = headline(named.replace("{}", primary)) if topic or not unnamed else unnamed
        if heading.casefold() not in taken:
            found.append(Section(heading, None, (), tuple(notes)))
    return found


def given(outline: object, keywords: list[Keyword]) -> list[Section]:
    """The sections of an outline as it was planned, each with the keywords whose words stand in it."""
    rows = [row for row in outline if isinstance(row, dict)] if isinstance(outline, list) else []
    left, found, advice = [k for k in keywords if not k.question], [], _advice()
    for row in rows:
        heading = clean(row.get("heading"))
        points = tuple(filter(None, map(clean, row.get("points") or [])))
        words = {word for k in read([" ".join((heading, *points))]) for word in k.words}
        mine = [k for k in left if (own := significant(k.words)) and own <= words]
        used = set(mine)
        left = [k for k in left if k not in used]
        if heading or points:
            facet = next((k.facet for k in mine if k.facet), None)
            notes = points or NOTES.get(facet) or next(advice)
            found.append(
                Section(headline(heading) or headline(points[0]), facet, tuple(mine[:PER_SECTION]), notes)
            )
    return found


def _advice() -> Iterator[tuple[str, ...]]:
    """Two pieces of general advice at a time, none twice, then none any more."""
    for start in range(0, len(GENERAL), 2):
        yield tuple(GENERAL[start : start + 2])
    while True:
        yield ()
