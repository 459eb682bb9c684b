"""A question that we ask a model, and the parts of its answer's schema."""

from dataclasses import dataclass


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
