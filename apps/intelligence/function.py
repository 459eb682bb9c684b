"""A question that is put to a model, and the shapes that its answers are made of."""

from dataclasses import dataclass

CONTENT_TYPES = ("post", "page", "product", "taxonomy_term")
STRUCTURES = ("article", "guide", "comparison", "review", "listicle", "landing_page", "product_page")
INTENTS = ("informational", "navigational", "commercial", "transactional")


@dataclass(frozen=True)
class Function:
    """`variables` are the inputs that a template may use, `needed` those that it must: without them the model
    would not know what it is asked about. Users know the prompt by `prompt_type`.

    `then` is said after the prompt, with inputs that are its own: what several functions ask with one prompt
    differs in it, and users change the prompt alone.
    """

    name: str
    prompt_type: str
    system: str
    template: str
    schema: dict
    variables: tuple[str, ...]
    max_tokens: int
    temperature: float = 0.7
    needed: tuple[str, ...] = ()
    then: str = ""
    then_variables: tuple[str, ...] = ()


def text(longest: int, shortest: int = 0) -> dict:
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def array(items: dict) -> dict:
    return {"type": "array", "items": items}


def record(**properties: dict) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


OUTLINE = array(record(heading=text(600, 1), points=array(text(2000))))
