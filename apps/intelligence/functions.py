"""What the product asks of a language model: for each function its schema, default prompt and variables.

A prompt template holds variables as `{name}`; every other brace is plain text, so JSON needs no escaping.
A value is put in once and never read for variables itself.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from apps.intelligence.clients.base import TextRequest
from apps.intelligence.function import (
    CONTENT_TYPES,
    INTENTS,
    OUTLINE,
    STRUCTURES,
    Function,
    array,
    record,
    text,
)
from apps.intelligence.optimizing import OPTIMIZE
from apps.intelligence.text import shorten, slug
from apps.intelligence.writing import WRITING

META_TITLE = 60
META_DESCRIPTION = 155
_VARIABLE = re.compile(r"\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}")


class BadTemplate(ValueError):
    """A prompt template with a variable that its function does not have."""


_IDEA = record(
    title=text(600, 1),
    description=text(4000),
    content_type={"type": "string", "enum": list(CONTENT_TYPES)},
    structure={"type": "string", "enum": list(STRUCTURES)},
    intent={"type": "string", "enum": list(INTENTS)},
    primary_keyword=text(500),
    target_keywords=array(text(500)),
    outline=OUTLINE,
    word_count={"type": "integer", "minimum": 1, "maximum": 20000},
)
_IMAGE_PROMPTS = record(
    featured=record(prompt=text(4000, 1), alt=text(600), caption=text(600)),
    in_article=array(record(prompt=text(4000, 1), alt=text(600), position={"type": "integer", "minimum": 0})),
)

FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        Function(
            name="cluster_names",
            prompt_type="clustering",
            system="You name groups of search keywords. You never move a keyword to another group.",
            template=(
                "Give each of these groups of keywords a short name of two to five words, in the language "
                "of its "
                "keywords, that says which topic they share. No two groups may have the same name. "
                "Keep the ids as they are.\n\n{clusters}"
            ),
            schema=record(names=array(record(id={"type": "integer"}, name=text(200, 1)))),
            variables=("clusters",),
            max_tokens=4096,
            temperature=0.2,
            needed=("clusters",),
        ),
        Function(
            name="ideas",
            prompt_type="ideas",
            system="You are a content strategist. You plan articles that answer what people search for.",
            template=(
                "Plan {count} articles about the topic “{cluster}”, written in the language {language}.\n\n"
                "Keywords of the topic:\n{keywords}\n\n"
                "Each article answers one need of a searcher and has one primary keyword of the list; no two "
                "articles compete for the same keyword. Choose the structure that its searches ask for. "
                "The outline "
                "has headings with the points to make under each. Facts, figures and prices belong into "
                "the article "
                "only when their source can be named, so plan none.\n\n"
                "Titles that exist already and may not be used again:\n{existing_titles}"
            ),
            schema=record(ideas=array(_IDEA)),
            variables=("cluster", "keywords", "count", "language", "existing_titles"),
            max_tokens=8192,
            needed=("cluster", "count"),
        ),
        *WRITING,
        OPTIMIZE,
        Function(
            name="image_prompts",
            prompt_type="image_prompt",
            system="You are a picture editor. You describe pictures so that an illustrator can make them.",
            template=(
                "Describe one featured image and {count} images inside the text for the article “{title}” "
                "(primary keyword: {primary_keyword}), in this style: {style}.\n\n"
                "Headings of the article, counted from 0:\n{headings}\n\n"
                "position is the number of the heading that the image stands under, each at most once. "
                "alt says "
                "what is to be seen, in the language of the title, in at most 125 characters. No text, "
                "logos, brands "
                "or living persons in the pictures."
            ),
            schema=_IMAGE_PROMPTS,
            variables=("title", "headings", "primary_keyword", "style", "count"),
            max_tokens=4096,
            needed=("title", "count"),
        ),
        Function(
            name="linking",
            prompt_type="linking",
            system="You are an editor. You choose which links between the pages of one site help a reader.",
            template=(
                "Links that the article “{title}” could have to other pages of its site. Each has its id, the words "
                "that would become the link, the sentence they stand in, and the title of the page that it leads "
                "to:\n\n{candidates}\n\n"
                "Choose at most {count}, the most helpful first: those whose words promise what the page holds, where "
                "a reader would want to go on there. At most one a page. None is better than one that misleads. Answer "
                "with their ids."
            ),
            schema=record(links=array(record(id={"type": "integer"}))),
            variables=("title", "candidates", "count"),
            max_tokens=1024,
            temperature=0.2,
            needed=("candidates", "count"),
        ),
    )
}


def text_request(
    name: str,
    inputs: Mapping[str, Any],
    *,
    model: str,
    template: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
) -> TextRequest:
    """The request of the function `name`, with an account's own `template` over the default one.

    `inputs` holds all of the function's variables. Raises KeyError for an unknown function, BadTemplate for a
    template that `check_template` refuses, ValueError for inputs that lack a variable.
    """
    function = FUNCTIONS[name]
    wanted = (*function.variables, *function.then_variables)
    if missing := [variable for variable in wanted if variable not in inputs]:
        raise ValueError(f"The function {name} lacks its inputs {', '.join(missing)}.")
    if template is not None:
        check_template(name, template)
    said = [_filled(template or function.template, inputs, function.variables)]
    said += [_filled(function.then, inputs, function.then_variables)] if function.then else []
    return TextRequest(
        function=name,
        system=function.system,
        prompt="\n\n".join(said),
        schema=function.schema,
        inputs=dict(inputs),
        model=model,
        max_tokens=max_tokens or function.max_tokens,
        temperature=function.temperature if temperature is None else temperature,
    )


def by_prompt_type() -> dict[str, Function]:
    """The functions under the names that users know them by."""
    return {function.prompt_type: function for function in FUNCTIONS.values() if not function.then}


def check_template(name: str, template: str) -> None:
    """Raises BadTemplate when `template` is empty, uses a variable that `name` does not have or lacks a needed one."""
    if not template.strip():
        raise BadTemplate("A prompt cannot be empty.")
    known = FUNCTIONS[name].variables
    if unknown := sorted({match[1] for match in _VARIABLE.finditer(template)} - set(known)):
        raise BadTemplate(
            f"The prompt uses {', '.join(f'{{{variable}}}' for variable in unknown)}, which it does not "
            f"have. "
            f"Its variables are {', '.join(f'{{{variable}}}' for variable in known)}."
        )
    used = {match[1] for match in _VARIABLE.finditer(template)}
    if missing := [variable for variable in FUNCTIONS[name].needed if variable not in used]:
        raise BadTemplate(
            f"The prompt lacks {', '.join(f'{{{variable}}}' for variable in missing)}, without which the model "
            "does not know what it is asked about."
        )


def tidy(name: str, data: dict) -> dict:
    """A valid answer with what can safely be mended: meta texts that are too long, unusable slugs."""
    if name not in ("content", "content_frame"):
        return data
    return {
        **data,
        "slug": slug(data["slug"] or data["title"]),
        "meta_title": shorten(data["meta_title"], META_TITLE),
        "meta_description": shorten(data["meta_description"], META_DESCRIPTION),
    }


def _filled(template: str, inputs: Mapping[str, Any], variables: tuple[str, ...]) -> str:
    def value(match: re.Match) -> str:
        return _render(match[1], inputs) if match[1] in variables else match[0]

    return _VARIABLE.sub(value, template)


def _render(variable: str, inputs: Mapping[str, Any]) -> str:
    value = inputs[variable]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "" or value == []:
        return "(none)"
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_line(item)}" for item in value)
    return _line(value)


def _line(item: Any) -> str:
    if isinstance(item, dict) and "keyword" in item:
        volume, intent = item.get("volume"), item.get("intent")
        notes = [f"{volume} searches a month"] if volume is not None else []
        notes += [str(intent)] if intent else []
        return f"{item['keyword']} ({', '.join(notes)})" if notes else str(item["keyword"])
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
