"""How a server of the OpenAI API is asked, and how the parts of a long answer are put together."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from .base import BadAnswer, TextRequest, validate_answer
from .openai_errors import BadRequest

GO_ON = (
    "Your answer was cut off. Go on exactly where it stopped, with the very next character. "
    "Repeat nothing, add no introduction and no Markdown fence."
)
_FENCED = re.compile(r"\s*```\w*[ \t]*\n(.*?)\n?```\s*", re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """What a model's server takes; servers and models differ, and tell so only by a 400."""

    shape: str | None = "json_schema"  # then json_object, then nothing but words
    tokens: str = "max_tokens"
    tokens_changed: bool = False
    temperature: bool = True

    def after(self, refusal: BadRequest, *, shaped: bool) -> "Dialect | None":
        """The next thing to try, None when there is nothing left."""
        said = str(refusal).lower()
        if "max_tokens" in said or "max_completion_tokens" in said:
            if not self.tokens_changed:
                other = "max_tokens" if self.tokens == "max_completion_tokens" else "max_completion_tokens"
                return replace(self, tokens=other, tokens_changed=True)
        elif "temperature" in said and self.temperature:
            return replace(self, temperature=False)
        if not shaped or self.shape is None:
            return None
        return replace(self, shape="json_object" if self.shape == "json_schema" else None)


def body(request: TextRequest, ask: list[dict], dialect: Dialect, *, limit: int, shaped: bool) -> dict:
    system = request.system
    sent: dict[str, Any] = {"model": request.model, dialect.tokens: limit}
    if dialect.temperature:
        sent["temperature"] = request.temperature
    if dialect.shape == "json_schema":
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", request.function)[:64]
        schema = {"name": name, "strict": True, "schema": _strict(request.schema)}
        form = {"type": "json_schema", "json_schema": schema}
    else:
        system += "\n\nAnswer with one JSON object and nothing else. It must fit this JSON Schema:\n"
        system += json.dumps(request.schema, ensure_ascii=False)
        form = {"type": "json_object"}
    if shaped and dialect.shape:
        sent["response_format"] = form
    # A check asks for no JSON and has no system message.
    sent["messages"] = [{"role": "system", "content": system}, *ask] if request.system else ask
    return sent


def _strict(schema: dict) -> dict:
    """The schema in the subset that strict mode takes; lengths and patterns are checked on the answer."""
    kept = {k: schema[k] for k in ("type", "enum", "const", "description") if k in schema}
    if "properties" in schema:
        kept["properties"] = {name: _strict(part) for name, part in schema["properties"].items()}
        kept["required"] = list(schema["properties"])
        kept["additionalProperties"] = False
    if "items" in schema:
        kept["items"] = _strict(schema["items"])
    return kept


def joined(text: str, part: str, schema: dict) -> str:
    """`part` after `text`, also where the model began anew, fenced its part or repeated the end."""
    if not text:
        return part
    try:
        validate_answer(part, schema)
    except BadAnswer:
        pass
    else:
        return part
    if (fenced := _FENCED.fullmatch(part)) is not None and not text.lstrip().startswith("```"):
        part = fenced[1]
    for length in range(min(len(text), len(part), 400), 19, -1):
        if text.endswith(part[:length]):
            # What stands there several times is the text's own pattern, as the rows of a table: it goes on.
            repeated = text.count(part[: min(length, 40)]) == 1
            return text + part[length:] if repeated else text + part
    return text + part


def is_whole(text: str) -> bool:
    try:
        validate_answer(text, {})
    except BadAnswer:
        return False
    return True
