"""Headings, links, pictures, and what the text tells machines."""

import json
from collections.abc import Iterator

from .checks import Verdict, bad, check, count, good, ok
from .page import HEADINGS, Link, Page

MAX_HEADLINE = 110
_ARTICLES = {"Article", "BlogPosting", "NewsArticle", "TechArticle"}


@check("single_h1", 4)
def single_h1(page: Page) -> Verdict:
    n = sum(heading.kind == "h1" for heading in page.headings)
    if n > 1:
        return bad(
            f"The text has {n} headings of the first level.",
            "Keep one; make h2 of the others. The title is one.",
        )
    return good("There is no second heading of the first level.")


@check("heading_order", 4)
def heading_order(page: Page) -> Verdict:
    before, skipped = 1, 0
    for heading in page.headings:
        level = HEADINGS[heading.kind]
        skipped += level > before + 1
        before = level
    if skipped:
        return ok(
            f"{count(skipped, 'heading')} {'skips' if skipped == 1 else 'skip'} a level.",
            "Go down one level at a time: h3 stands under h2.",
        )
    return good("The headings follow each other in order.")


@check("internal_links", 6)
def internal_links(page: Page) -> Verdict:
    return _links(
        [link for link in page.links if link.internal], "internal link", "other articles of the site"
    )


@check("outbound_links", 4)
def outbound_links(page: Page) -> Verdict:
    return _links(
        [link for link in page.links if not link.internal], "outbound link", "a source or a further page"
    )


def _links(links: list[Link], noun: str, where: str) -> Verdict:
    if not links:
        return bad(f"There is no {noun}.", f"Link to {where} where it helps the reader.")
    if not any(link.followed for link in links):
        return ok(f"Every {noun} is marked nofollow.", f"Let one to {where} be followed.")
    return good(f"There {'is' if len(links) == 1 else 'are'} {count(len(links), noun)}.")


@check("images", 4)
def images(page: Page) -> Verdict:
    if not page.alts:
        return bad("There is no picture.", "Add one that shows what the text is about.")
    return good(f"There {'is' if len(page.alts) == 1 else 'are'} {count(len(page.alts), 'picture')}.")


@check("alt_texts", 4)
def alt_texts(page: Page) -> Verdict | None:
    if not page.alts:
        return None
    missing = sum(not alt.strip() for alt in page.alts)
    if missing:
        return (bad if missing == len(page.alts) else ok)(
            f"{count(missing, 'picture')} {'has' if missing == 1 else 'have'} no alternative text.",
            "Say in a few words what is to be seen, for those who do not see it.",
        )
    return good("Every picture has an alternative text.")


@check("schema_faq", 4)
def schema_faq(page: Page) -> Verdict | None:
    """None for a text without questions. A text with questions as headings must answer each of them."""
    marked = [item for item in _items(page) if "FAQPage" in _types(item)]
    if marked:
        problems = [problem for item in marked for problem in _faq_problems(item)]
        if problems:
            return bad(f"The FAQPage of schema.org is not valid: {problems[0]}", "Mend it, or take it out.")
        return good("The FAQPage of schema.org is valid.")
    questions = [h for h in page.headings if h.text.rstrip().endswith(("?", "？", "؟", ";"))]
    if len(questions) < 2:
        return None
    answered = {block.section for block in page.blocks if block.kind not in HEADINGS and block.length}
    open_ = [question for question in questions if question.section not in answered]
    if open_:
        return bad(
            f"{count(len(open_), 'question')} of the text {'has' if len(open_) == 1 else 'have'} no answer: "
            f"“{open_[0].text[:120]}”.",
            "Answer each question right below it; else it can be no FAQPage of schema.org.",
        )
    return good(f"All {len(questions)} questions are answered, as a FAQPage of schema.org needs it.")


@check("schema_article", 4)
def schema_article(page: Page) -> Verdict | None:
    """Of marked-up HTML; what our own pages tell machines is made from the article's fields. None without any."""
    marked = [item for item in _items(page) if _types(item) & _ARTICLES]
    if not marked:
        return None
    problems = [problem for item in marked for problem in _article_problems(item)]
    if problems:
        return bad(f"The Article of schema.org is not valid: {problems[0]}", "Mend it, or take it out.")
    return good("The Article of schema.org is valid.")


def _items(page: Page) -> Iterator[dict]:
    """The objects of the JSON-LD, also those in a @graph; {} for what is no JSON."""
    for node in page.tree.css('script[type="application/ld+json"]'):
        try:
            data = json.loads(node.text() or "")
        except (ValueError, RecursionError):
            yield {"@type": ["Article", "FAQPage"], "broken": True}
            continue
        for item in data if isinstance(data, list) else [data]:
            graph = item.get("@graph") if isinstance(item, dict) else None
            yield from (
                part for part in (graph if isinstance(graph, list) else [item]) if isinstance(part, dict)
            )


def _types(item: dict) -> set[str]:
    kinds = item.get("@type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return {name.rpartition("/")[2] for name in names if isinstance(name, str)}


def _faq_problems(item: dict) -> Iterator[str]:
    if item.get("broken"):
        yield "it is no JSON."
        return
    questions = item.get("mainEntity")
    questions = questions if isinstance(questions, list) else [questions]
    for question in questions:
        if not isinstance(question, dict) or "Question" not in _types(question):
            yield "mainEntity must hold Questions."
        elif not _said(question.get("name")):
            yield "a Question has no name."
        else:
            answer = question.get("acceptedAnswer")
            answer = answer[0] if isinstance(answer, list) and answer else answer
            if not isinstance(answer, dict) or not _said(answer.get("text")):
                yield f"“{str(question['name'])[:120]}” has no acceptedAnswer with a text."


def _article_problems(item: dict) -> Iterator[str]:
    if item.get("broken"):
        yield "it is no JSON."
        return
    headline = item.get("headline")
    if not _said(headline):
        yield "it has no headline."
    elif len(headline) > MAX_HEADLINE:
        yield f"its headline has {len(headline)} characters; at most {MAX_HEADLINE} are shown."
    for name in ("author", "datePublished", "image"):
        if not item.get(name):
            yield f"it has no {name}."


def _said(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
