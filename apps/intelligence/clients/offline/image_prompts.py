"""Descriptions of pictures for an article, made of its headings."""

from typing import Any

from apps.intelligence.text import shorten

from .keywords import clean, headline


def image_prompts(inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer of the function "image_prompts": a featured picture, and up to `count` below headings."""
    title = clean(inputs.get("title")) or clean(inputs.get("primary_keyword")) or "Article"
    topic = clean(inputs.get("primary_keyword")) or title
    style = clean(inputs.get("style")) or "clean editorial illustration"
    headings = [clean(heading) for heading in inputs.get("headings") or []]
    count = inputs.get("count")
    count = count if isinstance(count, int) and count > 0 else 0
    usable = [number for number, heading in enumerate(headings) if heading]
    # Spread over the text instead of crowding its beginning.
    chosen = usable if count >= len(usable) else [usable[i * len(usable) // count] for i in range(count)]
    return {
        "featured": {
            "prompt": _prompt(title, topic, style),
            "alt": shorten(f"Illustration: {topic}", 125),
            "caption": shorten(headline(topic), 200),
        },
        "in_article": [
            {
                "prompt": _prompt(headings[number], topic, style),
                "alt": shorten(f"Illustration: {headings[number]}", 125),
                "position": number,
            }
            for number in chosen
        ],
    }


def _prompt(subject: str, topic: str, style: str) -> str:
    subject, topic = shorten(subject, 300), shorten(topic, 200)
    about = f"{subject}, an image for an article about {topic}" if topic not in subject else subject
    return f"{about}. Style: {shorten(style, 500)}. No text, no logos, no brands, no living persons."
