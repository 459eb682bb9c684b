"""A draft of an article without a language model: what to write, for which searches. It states no facts."""

import random
import re
from dataclasses import dataclass
from html import escape
from typing import Any

from apps.intelligence.text import shorten, slug

from .keywords import INTENTS, Keyword, clean, headline, read
from .outline import Section, given, is_english, sections

LISTED = 20
_TAG = re.compile(r"<[^>]+>")
_SEARCHERS = {
    "informational": [
        "People who search for this want to understand something before they act.",
        "This is a question of knowledge: the reader wants it explained, not sold.",
        "Readers come here to learn, and leave when the answer is slow to come.",
    ],
    "commercial": [
        "People who search for this are weighing one choice against another.",
        "The reader is close to a decision and wants reasons for it.",
        "Readers compare here; what helps them is an honest for and against.",
    ],
    "transactional": [
        "People who search for this are ready to act and lack the last detail.",
        "The reader wants to get it done: the way must be short and clear.",
        "Readers come here with a purchase in mind; doubts are what holds them back.",
    ],
    "navigational": [
        "People who search for this look for one particular place or page.",
        "The reader knows where to go and only needs the way.",
        "Readers want to be led to the right address without detours.",
    ],
}
_ANSWERS = {
    "how": "List the steps that lead there, or name what it depends on; link to the details.",
    "what": "Answer in one sentence, then name what is most often confused with it.",
    "why": "Name the main reason first, then the circumstances in which another one applies.",
    "when": "Name the occasion or period, and the signs by which the reader sees that it has come.",
    "where": "Name the places, and what distinguishes them from one another.",
    "who": "Name the people or the body in charge, and how they can be reached.",
    "which": "Give one recommendation for each kind of reader, with the reason.",
    "can": "Begin with yes, no or it depends, then say on what it depends.",
}
_ANSWERS |= dict.fromkeys(
    ("is", "are", "do", "does", "should", "could", "will", "would", "did"), _ANSWERS["can"]
)
_ANSWER = "Answer in two or three sentences that can be understood without the rest of the page."
_PAGES = {"landing_page": "landing page", "product_page": "product page"}


@dataclass(frozen=True)
class Brief:
    """What is asked for, with what was left open filled in. `others` are the keywords but the primary one."""

    title: str
    primary: str
    keywords: list[Keyword]
    others: list[Keyword]
    structure: str
    english: bool
    target: int

    @property
    def asked(self) -> list[Keyword]:
        return [keyword for keyword in self.others if keyword.question]


def brief(inputs: dict[str, Any]) -> Brief:
    keywords = read(inputs.get("keywords"))
    title = clean(inputs.get("title"))
    primary = clean(inputs.get("primary_keyword"))
    primary = primary or (keywords[0].text if keywords else "") or title or "this topic"
    target = inputs.get("word_count")
    return Brief(
        title=title or headline(primary),
        primary=primary,
        keywords=keywords,
        others=[keyword for keyword in keywords if keyword.text.casefold() != primary.casefold()],
        structure=clean(inputs.get("structure")) or "article",
        english=is_english(inputs.get("language")),
        target=target if isinstance(target, int) and target > 0 else 0,
    )


def article(inputs: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The answer of the function "content". Every number in it stands in `inputs`."""
    asked = brief(inputs)
    planned = given(inputs.get("outline"), asked.others)
    parts = planned or sections(
        asked.primary, asked.keywords, structure=asked.structure, english=asked.english
    )
    closing = _searches(asked.keywords)
    closing += faq(asked.asked, asked.primary, asked.english) if inputs.get("include_faq") else []
    closing += read_on(inputs) + _checklist(asked.primary, inputs)

    body = opening(asked)
    searchers = shuffled(rng)
    enough = len(planned) or 2
    for number, part in enumerate(parts):
        if number >= enough and _words(body) + _words(closing) >= asked.target:
            break
        body += section_html(part, searchers)
    body += closing
    told = notice(inputs, asked, _words(body) * 1.1 < asked.target)
    return {**frame_of(asked, inputs, [part.heading for part in parts]), "html": "\n".join([told, *body])}


def shuffled(rng: random.Random) -> dict[str, list[str]]:
    return {intent: rng.sample(said, len(said)) for intent, said in _SEARCHERS.items()}


def frame_of(asked: Brief, inputs: dict[str, Any], headings: list[str]) -> dict[str, Any]:
    """All but the text itself."""
    title, primary = asked.title, asked.primary
    secondary = [keyword.text for keyword in asked.others]
    searched = ", ".join(secondary[:4])
    about = searched or "; ".join(headings[:3])
    return {
        "title": shorten(title, 300),
        "slug": slug(primary if 0 < len(primary) <= 80 else title),
        "excerpt": shorten(
            f"Offline draft on {primary}" + (f": it answers {searched}." if searched else "."), 300
        ),
        "meta_title": _meta_title(title, primary, clean(inputs.get("site_name"))),
        "meta_description": shorten(f"{title}. {headline(about)}.", 155),
        "primary_keyword": shorten(primary, 500),
        "secondary_keywords": [shorten(text, 500) for text in secondary[:LISTED]],
        "categories": [shorten(clean(inputs.get("sector")) or headline(primary), 100)],
        "tags": [shorten(text, 60) for text in secondary[:6]],
    }


def read_on(inputs: dict[str, Any]) -> list[str]:
    """The pages that the text may link to."""
    links = inputs.get("links") or []
    rows = [
        f'<a href="{escape(link["url"])}">{escape(clean(link["title"]), quote=False)}</a>'
        for link in links
        if isinstance(link, dict)
    ]
    return ["<h2>Read on</h2>", _bullets(rows)] if rows else []


def notice(inputs: dict, asked: Brief, short: bool) -> str:
    said = (
        "This text was put together from the keywords of its cluster without a language model. It is a "
        "brief, not a "
        "finished article: it names what readers search for and what each section must answer, and it "
        "states no "
        "facts. An editor has to write the answers, check them against sources, and delete this paragraph "
        "and all "
        "notes marked “To write” before anything is published."
    )
    if short:
        said += (
            f" It is shorter than the {asked.target} words that were asked for: what is missing are the facts, "
            f"and filling "
            "up would not help a reader."
        )
    if not asked.english:
        language = clean(inputs["language"])
        said += f" The notes are in English; the article is to be written in the language “{language}”."
    return f"<p><strong>Offline draft.</strong> {escape(said, quote=False)}</p>"


def opening(asked: Brief) -> list[str]:
    title, primary = asked.title, asked.primary
    volume = next((k.volume for k in asked.keywords if k.text.casefold() == primary.casefold()), None)
    kind = _PAGES.get(asked.structure, asked.structure)
    said = f"This {escape(kind, quote=False)} is about {_strong(primary)}{_searched(volume)}. "
    said += "Its first paragraph should say in plain words what the reader will know or have at the end"
    said += f", and keep the promise of the title “{escape(title, quote=False)}”."
    tone = (
        "Write for someone who has just typed these words and has several other results open beside this one."
    )
    return [f"<p>{said}</p>", f"<p>{tone}</p>"]


def section_html(section: Section, searchers: dict[str, list[str]]) -> list[str]:
    out = [f"<h2>{escape(section.heading, quote=False)}</h2>"]
    if section.keywords:
        first, *rest = section.keywords
        said = f"This section answers the search {_strong(first.text)}{_searched(first.volume)}"
        said += " and the searches close to it:" if rest else "."
        intents = [keyword.intent for keyword in section.keywords]
        pool = searchers[max(INTENTS, key=intents.count)]
        lead = pool.pop() + " " if pool else ""
        out.append(f"<p>{lead}{said}</p>")
        if rest:
            out.append(_bullets(f"{escape(k.text, quote=False)}{_searched(k.volume)}" for k in rest))
    if section.points:
        out.append("<p><em>To write:</em></p>")
        out.append(_bullets(escape(point, quote=False) for point in section.points))
    return out


def _searches(keywords: list[Keyword]) -> list[str]:
    if not keywords:
        return []
    rows = [
        f"<strong>{escape(k.text, quote=False)}</strong> – {k.intent}"
        + (f", {k.volume} searches a month" if k.volume else ", volume unknown")
        for k in keywords[:LISTED]
    ]
    out = ["<h2>The searches behind this page</h2>", _bullets(rows)]
    if len(keywords) > LISTED:
        out.append("<p>The cluster holds further keywords, searched less often.</p>")
    return out


def faq_heading(primary: str, english: bool) -> str:
    return f"Frequent questions about {primary}" if english else primary


def faq(asked: list[Keyword], primary: str, english: bool) -> list[str]:
    out = [f"<h2>{escape(faq_heading(primary, english), quote=False)}</h2>"]
    if not asked:
        note = "None of the keywords is a question. Take some from customers, comments and support mail, and "
        return [*out, f"<p><em>To write:</em> {note}answer each in two or three sentences.</p>"]
    for keyword in asked[:8]:
        text, note = question(keyword, english)
        out += [f"<h3>{escape(text, quote=False)}</h3>"]
        out += [f"<p><em>To write{escape(_searched(keyword.volume))}:</em> {note}</p>"]
    return out


def question(keyword: Keyword, english: bool) -> tuple[str, str]:
    """The question, and what its answer must say."""
    text = headline(keyword.text) + ("?" if english and keyword.text[-1] not in "?؟？" else "")
    return text, _ANSWERS.get(keyword.text.split()[0].casefold(), _ANSWER)


def _checklist(primary: str, inputs: dict) -> list[str]:
    tone = clean(inputs.get("tone"))
    rows = [
        "Every statement has a source, or comes from your own experience and says so.",
        f"The words {_strong(primary)} stand in the first paragraph and in a heading, where they read "
        f"naturally.",
        "Each heading is answered in the first sentence below it.",
        "Pictures have alternative texts, and links say where they lead.",
    ]
    if tone:
        rows.append(f"The tone is {escape(tone, quote=False)} throughout.")
    return ["<h2>Before this is published</h2>", _bullets(rows)]


def _meta_title(title: str, primary: str, site: str) -> str:
    for text in (f"{title} | {site}" if site else "", title, f"{headline(primary)} | {site}" if site else ""):
        if text and len(text) <= 60:
            return text
    return shorten(headline(primary) if len(primary) <= 60 else title, 60)


def _strong(text: str) -> str:
    return f"<strong>{escape(text, quote=False)}</strong>"


def _searched(volume: int | None) -> str:
    return f" ({volume} searches a month)" if volume else ""


def _bullets(rows) -> str:
    return "<ul>" + "".join(f"<li>{row}</li>" for row in rows) + "</ul>"


def _words(parts: list[str]) -> int:
    return len(_TAG.sub(" ", " ".join(parts)).split())
