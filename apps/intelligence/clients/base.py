"""What a provider of text, images and embeddings looks like to the rest of the product."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


@dataclass(frozen=True)
class TextRequest:
    """A question with a JSON answer. A model reads `system` and `prompt`, the offline provider `inputs`."""

    function: str
    system: str
    prompt: str
    schema: dict
    inputs: dict
    model: str
    max_tokens: int = 4096
    temperature: float = 0.7


@dataclass(frozen=True)
class TextAnswer:
    """`data` fits the schema of its request. Tokens are those of all `calls` that it took."""

    data: dict
    model: str
    tokens_in: int
    tokens_out: int
    calls: int


@dataclass(frozen=True)
class ImageRequest:
    """`size` is width x height in pixels, as "1536x1024"; the offline provider draws `inputs["title"]`."""

    prompt: str
    model: str
    size: str
    inputs: dict


@dataclass(frozen=True)
class ImageAnswer:
    """`data` is a raster image that was decoded once; `mime` is what it really is."""

    data: bytes
    mime: str
    model: str
    tokens_in: int
    tokens_out: int


class ProviderError(Exception):
    """`str()` is one sentence for the user: what went wrong and what to do.

    permanent: the same request would fail again. provider_down: whatever is asked now would fail, so a run
    pauses instead of failing its items. retry_after: seconds that the provider wants to be left alone.
    tokens_in, tokens_out: what the failed request has used all the same.
    """

    permanent = False
    provider_down = False

    def __init__(
        self,
        sentence: str,
        *,
        permanent: bool | None = None,
        provider_down: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        if permanent is not None:
            self.permanent = permanent
        if provider_down is not None:
            self.provider_down = provider_down
        self.retry_after = retry_after
        self.tokens_in = 0
        self.tokens_out = 0


class ProviderUnavailable(ProviderError):
    """No connection, 5xx, or a limit that outlasted the attempts: later it may work."""

    provider_down = True


class ProviderRefused(ProviderError):
    """The provider does not do it: the key, the model or the request. Refused keys and models are also
    `provider_down`, as they concern every request."""

    permanent = True


class BadAnswer(ProviderError):
    """The answer does not fit its schema, nor does the second one."""


class TruncatedAnswer(ProviderError):
    """The answer was cut off, however often the model was asked to go on."""


class Provider(Protocol):
    """All methods raise a `ProviderError`, and nothing else, for what goes wrong outside."""

    name: str

    def text(self, request: TextRequest) -> TextAnswer: ...

    def image(self, request: ImageRequest) -> ImageAnswer: ...

    def embed(self, texts: list[str], model: str) -> list[list[float]]:
        """One vector for each text, all of one length."""

    def check(self, model: str = "", *, listed: bool = False) -> None:
        """Ask the provider something cheap: with a model a few tokens of it, else the list of its models.

        listed: whether that list names the model, for what would cost too much to try.
        """


_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\r?\n(.*?)\r?\n?```\s*", re.DOTALL | re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def validate_answer(text: str, schema: dict) -> dict:
    """The object that `text` is the JSON of, bare or in one Markdown fence. Raises BadAnswer, saying why."""
    fenced = _FENCE.fullmatch(text)
    try:
        data = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant)
    except RecursionError:
        raise BadAnswer("The answer is nested too deeply.") from None
    except ValueError as error:
        raise BadAnswer(f"The answer is not valid JSON: {error}.") from None
    if not isinstance(data, dict):
        raise BadAnswer(f"The answer is a JSON {type(data).__name__}, not an object.")
    if (error := best_match(Draft202012Validator(schema).iter_errors(data))) is not None:
        message = (
            error.message if len(error.message) <= 300 else f"{error.message[:150]} … {error.message[-150:]}"
        )
        raise BadAnswer(f"The answer does not fit its schema at {error.json_path}: {message}.")
    if (problem := _unstorable(data)) is not None:
        raise BadAnswer(f"The answer holds {problem}, which cannot be stored.")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _unstorable(value: object) -> str | None:
    """PostgreSQL takes no NUL, UTF-8 no lone surrogate; both can stand escaped in valid JSON."""
    text = "".join(_strings(value))
    if "\0" in text:
        return "a NUL character"
    return "half a character (a lone surrogate)" if _SURROGATE.search(text) else None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value
