"""A long draft, as it is asked for: its outline, one section at a time, and what stands around them."""

import random
from typing import Any

from apps.intelligence.text import shorten

from .article import brief, faq_heading, frame_of, notice, opening, question, section_html, shuffled
from .keywords import clean
from .outline import Section, given, sections


def outline(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "content_outline"."""
    asked = brief(inputs)
    found = sections(asked.primary, asked.keywords, structure=asked.structure, english=asked.english)
    most = inputs.get("sections")
    most = most if isinstance(most, int) and most > 0 else len(found)
    rows = [{"heading": shorten(part.heading, 600), "points": list(part.points)} for part in found[:most]]
    return {"outline": rows}


def section(inputs: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The answer of the function "content_section"."""
    asked = brief(inputs)
    heading = clean(inputs.get("heading")) or asked.title
    points = tuple(filter(None, map(clean, inputs.get("points") or [])))
    planned = given(inputs.get("outline"), asked.others)
    place = inputs.get("place")
    mine = planned[place - 1] if isinstance(place, int) and 0 < place <= len(planned) else None
    part = mine or Section(heading, None, (), points or ("Say what the heading promises.",))
    _, *rest = section_html(part, shuffled(rng))
    return {"html": "\n".join(rest) or "<p><em>To write:</em> what the heading promises.</p>"}


def frame(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "content_frame": the notice that it is a draft stands in the introduction."""
    asked = brief(inputs)
    wanted = asked.asked[:8] if inputs.get("include_faq") else []
    rows = []
    for keyword in wanted:
        text, note = question(keyword, asked.english)
        rows.append({"question": text, "answer": f"To write: {note}"})
    return {
        **frame_of(asked, inputs, [part.heading for part in given(inputs.get("outline"), asked.others)]),
        "introduction": "\n".join([notice(inputs, asked, True), *opening(asked)]),
        "faq_heading": faq_heading(asked.primary, asked.english) if rows else "",
        "faq": rows,
    }
