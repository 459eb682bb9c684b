"""Asking a model: the provider chosen, a slot taken, the answer with what it cost. No transaction is open meanwhile."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from apps.core.errors import AppError, Conflict
from apps.intelligence.clients.base import ImageRequest, ProviderError, TextRequest
from apps.intelligence.functions import FUNCTIONS, BadTemplate, text_request, tidy
from apps.intelligence.services.choice import Choice, model_choose, provider_of
from apps.intelligence.services.prompts import prompt_template
from apps.intelligence.services.slots import provider_slot

IMAGE_SIZE = "1536x1024"


class UpstreamFailed(AppError):
    """A provider did not do it. `permanent`: asking again does not help. `provider_down`: nor would anything else."""

    status = 502
    code = "UPSTREAM_ERROR"

    def __init__(self, error: ProviderError):
        super().__init__(str(error))
        self.permanent = error.permanent
        self.provider_down = error.provider_down
        self.retry_after = error.retry_after


@dataclass(frozen=True, slots=True)
class TextResult:
    """`data` fits the function's schema. `cost` is the provider's, in USD. `prompt_version` names the prompt that it
    was asked with: `content 3` is the account's third, `content 0` the product's own."""

    data: dict
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: Decimal
    is_offline: bool
    prompt_version: str = ""


@dataclass(frozen=True, slots=True)
class ImageResult:
    data: bytes
    mime: str
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: Decimal
    is_offline: bool


class PromptOutdated(Conflict):
    """An account's prompt that no longer fits its function."""


def concurrency(*, kind: str, account_id: int | None, site_ids: Iterable[int | None] = ()) -> int:
    """How many calls of `kind` may run at a time: what a thread pool should be sized by.

    Of the model that the site of the work names, where it is work of one site.
    """
    sites = set(site_ids)
    site_id = sites.pop() if len(sites) == 1 else None
    return settings.AI_CONCURRENCY[model_choose(kind=kind, account_id=account_id, site_id=site_id).provider]


def is_offline(*, kind: str, account_id: int | None, site_id: int | None = None) -> bool:
    return model_choose(kind=kind, account_id=account_id, site_id=site_id).provider == "offline"


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """Who is asked, and what; `prompt_version` as in TextResult."""

    function: str
    choice: Choice
    request: TextRequest
    prompt_version: str

    @property
    def key(self) -> str:
        """Names the question; another one when anything about it changes."""
        request = self.request
        asked = [self.choice.provider, self.choice.model, request.system, request.prompt, request.schema]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def text_question(
    *,
    function: str,
    inputs: dict,
    account_id: int,
    site_id: int | None = None,
    testing: bool = False,
    max_tokens: int | None = None,
) -> TextQuestion:
    """For a function of `functions.py`: the account's provider and prompt where it has its own, and the site's model
    where it names one. Raises PromptOutdated."""
    choice = model_choose(kind="text", account_id=account_id, testing=testing, site_id=site_id)
    prompt_type = FUNCTIONS[function].prompt_type
    template, version = prompt_template(account_id=account_id, prompt_type=prompt_type)
    try:
        request = text_request(function, inputs, model=choice.model, template=template, max_tokens=max_tokens)
    except BadTemplate as error:
        raise PromptOutdated(f"Your prompt “{prompt_type}”: {error} Save it anew, or reset it.") from error
    return TextQuestion(function, choice, request, f"{prompt_type} {version}")


def text_ask(question: TextQuestion) -> TextResult:
    """One answer. Raises UpstreamFailed."""
    choice = question.choice
    try:
        provider = provider_of(choice)
        with provider_slot(provider=choice.slots, limit=settings.AI_CONCURRENCY[choice.provider]):
            answer = provider.text(question.request)
    except ProviderError as error:
        raise UpstreamFailed(error) from error
    return TextResult(
        data=tidy(question.function, answer.data),
        provider=choice.provider,
        model=choice.model,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=choice.cost(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out),
        is_offline=choice.provider == "offline",
        prompt_version=question.prompt_version,
    )


def text_call(**asked) -> TextResult:
    """`text_ask` of `text_question`, for whoever needs only the answer."""
    return text_ask(text_question(**asked))


def image_call(
    *,
    prompt: str,
    inputs: dict,
    account_id: int,
    site_id: int | None = None,
    size: str = "",
    testing: bool = False,
) -> ImageResult:
    """One picture, of the account's size where `size` is "". `inputs["title"]` is what the offline provider draws.

    Raises UpstreamFailed.
    """
    choice = model_choose(kind="image", account_id=account_id, testing=testing, site_id=site_id)
    size = size or choice.size or IMAGE_SIZE
    try:
        provider = provider_of(choice)
        with provider_slot(provider=choice.slots, limit=settings.AI_CONCURRENCY[choice.provider]):
            answer = provider.image(ImageRequest(prompt=prompt, model=choice.model, size=size, inputs=inputs))
    except ProviderError as error:
        raise UpstreamFailed(error) from error
    return ImageResult(
        data=answer.data,
        mime=answer.mime,
        provider=choice.provider,
        model=choice.model,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=choice.cost(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out, images=1),
        is_offline=choice.provider == "offline",
    )


def embed_call(*, texts: list[str]) -> list[list[float]]:
    """A vector for each text, of the platform's model for embeddings. Raises UpstreamFailed."""
    choice = model_choose(kind="embedding", account_id=None)
    try:
        provider = provider_of(choice)
        with provider_slot(provider=choice.slots, limit=settings.AI_CONCURRENCY[choice.provider]):
            return provider.embed(texts, choice.model)
    except ProviderError as error:
        raise UpstreamFailed(error) from error
