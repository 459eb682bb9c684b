"""OpenAI and every server that speaks its API: Azure, OpenRouter, vLLM, Ollama, LM Studio."""

import base64
import binascii
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import openai
from openai.pagination import SyncPage
from openai.types import CreateEmbeddingResponse, ImagesResponse
from openai.types.chat import ChatCompletion

from apps.core import http

from .base import (
    BadAnswer,
    ImageAnswer,
    ImageRequest,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    TextAnswer,
    TextRequest,
    TruncatedAnswer,
    validate_answer,
)
from .openai_dialect import GO_ON, Dialect, body, is_whole, joined
from .openai_errors import BadRequest, error_in_answer, provider_error
from .raster import raster_mime
from .repeating import repeated

logger = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
MAX_ANSWER_BYTES = 50 * 1024 * 1024
MAX_CONTINUATIONS = 4
EMBEDDING_BATCH = 256
CHECK_TIMEOUT = 15.0


@dataclass
class _Usage:
    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0

    def add(self, completion: ChatCompletion) -> None:
        usage = getattr(completion, "usage", None)
        self.calls += 1
        self.tokens_in += getattr(usage, "prompt_tokens", None) or 0
        self.tokens_out += getattr(usage, "completion_tokens", None) or 0


class OpenAIProvider:
    """`timeout` is in seconds and for one call; `max_attempts` bounds the calls that one question may repeat.

    `http_client` sends all, also what fetches images; by default the one that keeps to allowed addresses.
    """

    name = "openai"

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        timeout: float = 120.0,
        max_attempts: int = 5,
        http_client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._secret = api_key.strip()
        if not (self._secret.isascii() and self._secret.isprintable()) or " " in self._secret:
            raise ProviderRefused(
                "The API key holds characters that no key has. Paste it again.", provider_down=True
            )
        base_url = (base_url or OPENAI_URL).strip()
        if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", base_url) or not base_url.isprintable():
            raise ProviderRefused(
                "The base URL of the AI provider is not an address that begins with http:// or https://.",
                provider_down=True,
            )
        if http_client is None:
            http_client = http.client(timeout=timeout, max_bytes=MAX_ANSWER_BYTES)
        self._http = http_client
        self._client = openai.OpenAI(
            api_key=self._secret or "none",  # local servers want none, the SDK wants one
            base_url=base_url,
            timeout=timeout,
            max_retries=0,
            http_client=http_client,
        )
        own = base_url.startswith(OPENAI_URL)
        self._default_dialect = Dialect(tokens="max_completion_tokens" if own else "max_tokens")
        self._dialects: dict[str, Dialect] = {}
        self._max_attempts = max_attempts
        self._sleep = sleep

    def text(self, request: TextRequest) -> TextAnswer:
        usage = _Usage()
        try:
            data = self._answer(request, usage)
        except ProviderError as error:
            error.tokens_in, error.tokens_out = usage.tokens_in, usage.tokens_out
            raise
        return TextAnswer(data, request.model, usage.tokens_in, usage.tokens_out, usage.calls)

    def image(self, request: ImageRequest) -> ImageAnswer:
        answer = self._call(
            self._client.images.generate,
            ImagesResponse,
            prompt=request.prompt,
            model=request.model,
            size=request.size,
            n=1,
        )
        usage = getattr(answer, "usage", None)
        tokens_in, tokens_out = (
            getattr(usage, "input_tokens", 0) or 0,
            getattr(usage, "output_tokens", 0) or 0,
        )
        try:
            data = self._picture(answer)
            return ImageAnswer(data, raster_mime(data), request.model, tokens_in, tokens_out)
        except ProviderError as error:
            error.tokens_in, error.tokens_out = tokens_in, tokens_out
            raise

    def embed(self, texts: list[str], model: str) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), EMBEDDING_BATCH):
            batch = texts[start : start + EMBEDDING_BATCH]
            answer = self._call(
                self._client.embeddings.create,
                CreateEmbeddingResponse,
                input=batch,
                model=model,
                encoding_format="float",
            )
            rows = getattr(answer, "data", None) or []
            if len(rows) != len(batch):
                raise BadAnswer(
                    f"The AI provider was asked for {len(batch)} embeddings and sent {len(rows)}."
                )
            rows = sorted(rows, key=lambda row: getattr(row, "index", None) or 0)
            vectors.extend(row.embedding for row in rows)
        if len({len(vector) for vector in vectors}) > 1:
            raise BadAnswer("The AI provider sent embeddings of different lengths.")
        return vectors

    def check(self, model: str = "", *, listed: bool = False) -> None:
        """Asked once, without retries: whoever waits for it sits before a form."""
        if listed or not model:
            page = self._call(self._client.models.list, SyncPage, attempts=1, timeout=CHECK_TIMEOUT)
            names = {getattr(row, "id", None) for row in getattr(page, "data", None) or []}
            if model and names and model not in names:
                raise ProviderRefused(
                    f"The AI provider does not list the model {model}. Check its name, and the key's rights.",
                    provider_down=True,
                )
            return
        request = TextRequest("check", "", "Answer with the word ok.", {}, {}, model, max_tokens=16)
        ask = [{"role": "user", "content": request.prompt}]
        self._complete(
            request, ask, _Usage(), limit=request.max_tokens, shaped=False, attempts=1, timeout=CHECK_TIMEOUT
        )

    def close(self) -> None:
        self._client.close()

    def _answer(self, request: TextRequest, usage: _Usage) -> dict:
        ask = [{"role": "user", "content": request.prompt}]
        text = self._whole(request, ask, usage)
        try:
            return validate_answer(text, request.schema)
        except BadAnswer as error:
            if text:
                ask.append({"role": "assistant", "content": text})
            ask.append(
                {"role": "user", "content": f"{error} Answer again with the whole JSON object, corrected."}
            )
        text = self._whole(request, ask, usage)
        try:
            return validate_answer(text, request.schema)
        except BadAnswer as error:
            raise BadAnswer(f"{request.model} was asked twice and gave no usable answer. {error}") from None

    def _whole(self, request: TextRequest, ask: list[dict], usage: _Usage) -> str:
        """The model's text up to its own end, put together from as many answers as it takes."""
        text, limit = "", request.max_tokens
        for _ in range(1 + MAX_CONTINUATIONS):
            go_on = (
                [{"role": "assistant", "content": text}, {"role": "user", "content": GO_ON}] if text else []
            )
            # A server that forces its output into a schema would begin anew: what goes on is not forced.
            choice = self._complete(request, ask + go_on, usage, limit=limit, shaped=not text)
            part = choice.message.content
            part = part if isinstance(part, str) else ""
            text = joined(text, part, request.schema)
            if choice.finish_reason and choice.finish_reason != "length":
                return text
            if not choice.finish_reason and is_whole(text):
                return text
            if not part:  # all of it went into thinking
                limit *= 2
        raise TruncatedAnswer(
            f"The answer of {request.model} was cut off, also after {MAX_CONTINUATIONS} requests to go on. "
            "Ask for a shorter text or allow more tokens."
        )

    def _complete(
        self, request: TextRequest, ask: list[dict], usage: _Usage, *, limit: int, shaped: bool, **call: Any
    ):
        """The first choice of one completion, asked in the words that this server understands."""
        dialect, refusal = self._dialects.get(request.model, self._default_dialect), None
        while True:
            sent = body(request, ask, dialect, limit=limit, shaped=shaped)
            try:
                completion = self._call(self._client.chat.completions.create, ChatCompletion, **sent, **call)
                break
            except BadRequest as error:
                refusal = refusal or error
                dialect = dialect.after(error, shaped=shaped)
                if dialect is None:
                    raise refusal from None
                logger.info("%s refused a request (%s); trying %s", request.model, error, dialect)
        self._dialects[request.model] = dialect
        usage.add(completion)
        choice = completion.choices[0]
        if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
            said = getattr(choice.message, "refusal", None) or "its content filter stopped the answer"
            raise ProviderRefused(f"{request.model} refuses to answer: {said}")
        return choice

    def _picture(self, answer: ImagesResponse) -> bytes:
        first = (getattr(answer, "data", None) or [None])[0]
        encoded, url = getattr(first, "b64_json", None), getattr(first, "url", None)
        if not encoded and url and url.startswith("data:"):
            head, _, encoded = url.partition(",")
            if not head.endswith(";base64"):
                return unquote_to_bytes(encoded)
        if encoded:
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise BadAnswer("The AI provider sent an image that is not valid base64.") from None
        if not url or not url.startswith(("https://", "http://")):
            raise BadAnswer("The AI provider sent no image.")
        return self._call(self._fetch, bytes, url=url)

    def _fetch(self, url: str) -> bytes:
        return self._http.get(url, follow_redirects=True).raise_for_status().content

    def _call(self, send: Callable, kind: type, *, attempts: int | None = None, **arguments: Any) -> Any:
        once = partial(self._once, send, kind, **arguments)
        return repeated(once, attempts=attempts or self._max_attempts, sleep=self._sleep)

    def _once(self, send: Callable, kind: type, **arguments: Any) -> Any:
        try:
            answer = send(**arguments)
        except (openai.OpenAIError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # Not chained: servers echo keys, and tracebacks are logged.
            raise provider_error(error, secret=self._secret) from None
        if not isinstance(answer, kind):
            # A wrong address answers so for ever, a gateway before a server that restarts for a moment.
            raise ProviderUnavailable("The AI provider did not answer as one does. Check its base URL.")
        choices = getattr(answer, "choices", None) or [None]
        if kind is ChatCompletion and getattr(choices[0], "message", None) is None:
            raise error_in_answer(answer, secret=self._secret) or ProviderUnavailable(
                "The AI provider sent an answer without text. Try again later."
            )
        return answer
