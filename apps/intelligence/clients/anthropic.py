"""Anthropic's API: texts. The answer is the input of a tool that the model must use, which is held to its schema."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import httpx2
from anthropic.types import Message

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
from .openai_errors import by_status, clean, unreachable
from .repeating import repeated

ANTHROPIC_URL = "https://api.anthropic.com"
MAX_ANSWER_BYTES = 50 * 1024 * 1024
MAX_TOKENS = 32_000
CHECK_TIMEOUT = 15.0
TOOL = "answer"
# Of an answer: what it is made of anew in ours, which is unpacked already.
_NOT_HANDED_ON = {"content-encoding", "content-length", "transfer-encoding"}


class _Handed(httpx2.BaseTransport):
    """Sends the SDK's requests through the client that keeps to allowed addresses; the SDK takes its own kind alone."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._client.request(
            request.method,
            str(request.url),
            headers=[(name, value) for name, value in request.headers.items() if name != "host"],
            content=request.read(),
        )
        headers = [(k, v) for k, v in answer.headers.items() if k not in _NOT_HANDED_ON]
        return httpx2.Response(answer.status_code, headers=headers, content=answer.content)


class AnthropicProvider:
    """`timeout` is in seconds and for one call; `max_attempts` bounds the calls that one question may repeat."""

    name = "anthropic"

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
        if not re.fullmatch("[!-~]+", self._secret):
            raise ProviderRefused(
                "The API key is empty or holds characters that no key has. Paste it again.",
                provider_down=True,
            )
        base_url = (base_url or ANTHROPIC_URL).strip()
        if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", base_url) or not base_url.isprintable():
            raise ProviderRefused(
                "The base URL of the AI provider is not an address that begins with http:// or https://.",
                provider_down=True,
            )
        if http_client is None:
            http_client = http.client(timeout=timeout, max_bytes=MAX_ANSWER_BYTES)
        self._client = anthropic.Anthropic(
            api_key=self._secret,
            base_url=base_url,
            timeout=timeout,
            max_retries=0,
            http_client=httpx2.Client(transport=_Handed(http_client), trust_env=False),
        )
        self._max_attempts = max_attempts
        self._sleep = sleep

    def text(self, request: TextRequest) -> TextAnswer:
        used = [0, 0, 0]
        try:
            data = self._answer(request, used)
        except ProviderError as error:
            error.tokens_in, error.tokens_out = used[:2]
            raise
        return TextAnswer(data, request.model, *used)

    def image(self, request: ImageRequest) -> ImageAnswer:
        raise ProviderRefused("Anthropic makes no images. Set up another provider for them.")

    def embed(self, texts: list[str], model: str) -> list[list[float]]:
        raise ProviderRefused("Anthropic makes no embeddings. Set up another provider for them.")

    def check(self, model: str = "", *, listed: bool = False) -> None:
        """Asked once, without retries: whoever waits for it sits before a form."""
        if not model or listed:
            self._call(lambda: self._client.models.list(limit=1), attempts=1)
            return
        ask = [{"role": "user", "content": "Answer with the word ok."}]
        self._call(
            lambda: self._client.messages.create(
                model=model, max_tokens=16, messages=ask, timeout=CHECK_TIMEOUT
            ),
            attempts=1,
        )

    def _answer(self, request: TextRequest, used: list[int]) -> dict:
        ask: list[dict] = [{"role": "user", "content": request.prompt}]
        data, said = self._whole(request, ask, used)
        try:
            return validate_answer(json.dumps(data), request.schema)
        except BadAnswer as error:
            ask += [
                {"role": "assistant", "content": said},
                {"role": "user", "content": f"{error} Answer again with the whole object, corrected."},
            ]
        data, _ = self._whole(request, ask, used)
        try:
            return validate_answer(json.dumps(data), request.schema)
        except BadAnswer as error:
            raise BadAnswer(f"{request.model} was asked twice and gave no usable answer. {error}") from None

    def _whole(self, request: TextRequest, ask: list[dict], used: list[int]) -> tuple[Any, str]:
        """The tool's input, and it as text. A cut one cannot be gone on with: it is asked again with more room."""
        limit = request.max_tokens
        while True:
            message = self._call(lambda limit=limit: self._create(request, ask, limit))
            used[0] += message.usage.input_tokens
            used[1] += message.usage.output_tokens
            used[2] += 1
            if message.stop_reason == "refusal":
                raise ProviderRefused(
                    f"{request.model} refuses to answer this. Change the prompt or the title."
                )
            if message.stop_reason != "max_tokens":
                data = next((b.input for b in message.content if b.type == "tool_use"), None)
                return data, json.dumps(data, ensure_ascii=False)
            if limit >= MAX_TOKENS:
                raise TruncatedAnswer(
                    f"The answer of {request.model} was cut off, also with {limit} tokens. Ask for a shorter text."
                )
            limit = min(MAX_TOKENS, limit * 2)

    def _create(self, request: TextRequest, ask: list[dict], limit: int) -> Message:
        return self._client.messages.create(
            model=request.model,
            max_tokens=limit,
            system=request.system,
            messages=ask,
            tools=[
                {"name": TOOL, "description": "Gives the answer.", "input_schema": request.schema},
            ],
            tool_choice={"type": "tool", "name": TOOL},
        )

    def _call(self, send: Callable[[], Any], *, attempts: int | None = None) -> Any:
        return repeated(lambda: self._once(send), attempts=attempts or self._max_attempts, sleep=self._sleep)

    def _once(self, send: Callable[[], Any]) -> Any:
        try:
            answer = send()
        except (anthropic.AnthropicError, httpx.HTTPError, httpx2.HTTPError, OSError, ValueError) as error:
            # Not chained: servers echo keys, and tracebacks are logged.
            raise self._error(error) from None
        if isinstance(answer, str) or (isinstance(answer, Message) and answer.usage is None):
            raise ProviderRefused(
                "The AI provider did not answer as one does. Check its base URL.", provider_down=True
            )
        return answer

    def _error(self, error: Exception) -> ProviderError:
        if isinstance(error, anthropic.APIStatusError):
            body = error.body if isinstance(error.body, dict) else {}
            told = body.get("error") if isinstance(body.get("error"), dict) else body
            message = clean(told.get("message") or error.message, self._secret)
            # Credit that is used up comes as a bad request.
            status = 402 if "credit balance" in message else error.status_code
            return by_status(status, message, headers=error.response.headers)
        if isinstance(error, anthropic.APITimeoutError):
            return ProviderUnavailable(
                "The AI provider did not answer in time. Try again later, or allow more time."
            )
        return unreachable(
            error, secret=self._secret, connecting=isinstance(error, anthropic.APIConnectionError)
        )
