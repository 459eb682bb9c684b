"""The links of an article without a model: those it could have, a page each; more than it gets, as some are near."""

from typing import Any


def linking(inputs: dict[str, Any]) -> dict:
    pages: dict[str, int] = {}
    for candidate in inputs["candidates"]:
        pages.setdefault(candidate["page"], candidate["id"])
    return {"links": [{"id": number} for number in pages.values()]}
