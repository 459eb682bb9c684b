"""The links of an article without a model: the first of those it could have, a page each."""

from typing import Any


def linking(inputs: dict[str, Any]) -> dict:
    pages: dict[str, int] = {}
    for candidate in inputs["candidates"]:
        pages.setdefault(candidate["page"], candidate["id"])
    return {"links": [{"id": number} for number in list(pages.values())[: inputs["count"]]]}
