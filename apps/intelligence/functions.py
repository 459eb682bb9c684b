"""What the product asks of a language model: for each function its schema, default prompt and variables.

A prompt template holds variables as `{name}`; every other brace is plain text, so JSON needs no escaping.
A value is put in once and never read for variables itself.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.intelligence.clients.base import TextRequest
from apps.intelligence.text import shorten, slug

META_TITLE = 60
META_DESCRIPTION = 155
CONTENT_TYPES = ("post", "page", "product", "taxonomy_term")
STRUCTURES = ("article", "guide", "comparison", "review", "listicle", "landing_page", "product_page")
INTENTS = ("informational", "navigational", "commercial", "transactional")
_VARIABLE = re.compile(r"\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}")


class BadTemplate(ValueError):
    """A prompt template with a variable that its function does not have."""


@dataclass(frozen=True)
class Function:
    """`variables` are the inputs that a template may use, `needed` those that it must: without them the model
    would not know what it is asked about. Users know the prompt by `prompt_type`."""

    name: str
    prompt_type: str
    system: str
    template: str
    schema: dict
    variables: tuple[str, ...]
    max_tokens: int
    temperature: float = 0.7
    needed: tuple[str, ...] = ()


def _text(longest: int, shortest: int = 0) -> dict:
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def _list(items: dict) -> dict:
    return {"type": "array", "items": items}


def _object(**properties: dict) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_OUTLINE = _list(_object(heading=_text(600, 1), points=_list(_text(2000))))
_IDEA = _object(
    title=_text(600, 1),
    description=_text(4000),
    content_type={"type": "string", "enum": list(CONTENT_TYPES)},
    structure={"type": "string", "enum": list(STRUCTURES)},
    intent={"type": "string", "enum": list(INTENTS)},
    primary_keyword=_text(500),
    target_keywords=_list(_text(500)),
    outline=_OUTLINE,
    word_count={"type": "integer", "minimum": 1, "maximum": 20000},
)
# Longer than they may be in the end: a title of 61 characters is shortened by `tidy`, not paid for twice.
_CONTENT = _object(
    title=_text(600, 1),
    slug=_text(600),
    excerpt=_text(2000),
    meta_title=_text(300),
    meta_description=_text(600),
    primary_keyword=_text(500),
    secondary_keywords=_list(_text(500)),
    categories=_list(_text(200)),
    tags=_list(_text(200)),
    html=_text(500_000, 1),
)
_IMAGE_PROMPTS = _object(
    featured=_object(prompt=_text(4000, 1), alt=_text(600), caption=_text(600)),
    in_article=_list(
        _object(prompt=_text(4000, 1), alt=_text(600), position={"type": "integer", "minimum": 0})
    ),
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
            schema=_object(names=_list(_object(id={"type": "integer"}, name=_text(200, 1)))),
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
            schema=_object(ideas=_list(_IDEA)),
            variables=("cluster", "keywords", "count", "language", "existing_titles"),
            max_tokens=8192,
            needed=("cluster", "count"),
        ),
        Function(
            name="content",
            prompt_type="content",
            system=(
                "You are an experienced editor. You write for the reader first, plainly and exactly. You "
                "invent no "
                "facts, figures, prices, names, quotes or sources; what you do not know, you leave out."
            ),
            template=(
                "Write a {structure} (as a {content_type}) with the title “{title}” for the site {site_name} "
                "(sector: {sector}), in the language {language}, in a {tone} tone, of about {word_count} "
                "words.\n\n"
                "Primary keyword: {primary_keyword}\nFurther keywords:\n{keywords}\n\nOutline:\n{outline}\n\n"
                "Section with frequent questions: {include_faq}\nThe author, and how they write: {author}\n\n"
                "html: only h2, h3, p, ul, ol, li, strong and em, without attributes; no h1, the title "
                "stands above. "
                "The primary keyword stands in the first paragraph and in a heading, where it reads "
                "naturally. "
                "meta_title has at most 60 characters, meta_description at most 155. slug is short, lower "
                "case, "
                "with hyphens. excerpt is one or two sentences."
            ),
            schema=_CONTENT,
            variables=(
                "title",
                "structure",
                "content_type",
                "primary_keyword",
                "keywords",
                "outline",
                "word_count",
                "tone",
                "language",
                "include_faq",
                "site_name",
                "sector",
                "author",
            ),
            max_tokens=8192,
            needed=("title",),
        ),
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
            schema=_object(links=_list(_object(id={"type": "integer"}))),
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
    if missing := [variable for variable in function.variables if variable not in inputs]:
        raise ValueError(f"The function {name} lacks its inputs {', '.join(missing)}.")
    if template is not None:
        check_template(name, template)
    prompt = _VARIABLE.sub(lambda match: _render(match[1], inputs), template or function.template)
    return TextRequest(
        function=name,
        system=function.system,
        prompt=prompt,
        schema=function.schema,
        inputs=dict(inputs),
        model=model,
        max_tokens=max_tokens or function.max_tokens,
        temperature=function.temperature if temperature is None else temperature,
    )


def by_prompt_type() -> dict[str, Function]:
    """The functions under the names that users know them by."""
    return {function.prompt_type: function for function in FUNCTIONS.values()}


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
    if name != "content":
        return data
    return {
        **data,
        "slug": slug(data["slug"] or data["title"]),
        "meta_title": shorten(data["meta_title"], META_TITLE),
        "meta_description": shorten(data["meta_description"], META_DESCRIPTION),
    }


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
