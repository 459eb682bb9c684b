"""What the failures of the OpenAI API mean: sentences for the user, and whether trying again can help."""

import contextlib
import time
from email.utils import parsedate_to_datetime

import httpcore
import httpx
import openai

from apps.core.http.errors import OutboundError

from .base import BadAnswer, ProviderError, ProviderRefused, ProviderUnavailable

# Credit that is used up does not come back within the minute: leave the provider alone for an hour.
QUOTA_PAUSE = 3600.0
_NOT_THE_PARAMETERS = {
    "content_filter",
    "content_policy_violation",
    "context_length_exceeded",
    "invalid_api_key",
    "moderation_blocked",
}


class BadRequest(ProviderRefused):
    """The provider refuses the request as it stands; with fewer parameters it may take it."""


def provider_error(error: Exception, *, secret: str) -> ProviderError:
    """The ProviderError that tells of `error`. Servers echo keys: `secret` never stands in its sentence."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        message = body.get("message") or body.get("detail") or error.message
        return by_status(
            error.status_code, clean(message, secret), code=body.get("code"), headers=error.response.headers
        )
    if isinstance(error, httpx.HTTPStatusError):
        return _not_fetched(error.response)
    if isinstance(error, openai.APITimeoutError):
        error = error.__cause__ if isinstance(error.__cause__, httpx.TimeoutException) else TimeoutError()
    return unreachable(error, secret=secret, connecting=isinstance(error, openai.APIConnectionError))


def unreachable(error: Exception, *, secret: str, connecting: bool) -> ProviderError:
    """A request that got no answer. `connecting`: the SDK says so of its own `error`."""
    cause = error.__cause__ or error
    if isinstance(cause, OutboundError) and cause.permanent:
        return ProviderRefused(
            f"The AI provider cannot be used: {clean(cause, secret)}.",
            provider_down=connecting and cause.reason != "too_large",
        )
    if isinstance(cause, TimeoutError | httpx.TimeoutException | httpcore.TimeoutException):
        return ProviderUnavailable(
            "The AI provider did not answer in time. Try again later, or allow more time."
        )
    if connecting or isinstance(error, httpx.HTTPError | OSError):
        return ProviderUnavailable(
            f"The AI provider cannot be reached ({clean(cause, secret)}). Check its base URL."
        )
    return ProviderUnavailable(
        f"The AI provider gave an answer that cannot be read ({clean(cause, secret)})."
    )


def by_status(status: int, message: str, *, code: object = None, headers: object = None) -> ProviderError:
    """`headers` is a mapping with names in lower case, as of httpx."""
    headers = headers or {}
    wait = _retry_after(headers)
    if (status == 429 and code in ("insufficient_quota", "billing_hard_limit_reached")) or status == 402:
        return ProviderUnavailable(
            f"The credit with the AI provider is used up ({message}). Add credit there, then start again.",
            retry_after=max(wait or 0.0, QUOTA_PAUSE),
        )
    if status == 429:
        return ProviderUnavailable(
            f"The AI provider limits its requests ({message}). Try again later.", retry_after=wait
        )
    if status in (408, 409) or status >= 500:
        return ProviderUnavailable(
            f"The AI provider failed with status {status} ({message}). Try again later.", retry_after=wait
        )
    if status == 401:
        return ProviderRefused(
            f"The AI provider refuses the API key ({message}). Enter a valid key in the settings.",
            provider_down=True,
        )
    if status == 403:
        return ProviderRefused(
            f"The AI provider does not allow this key to do that ({message}). Check the key's rights.",
            provider_down=True,
        )
    if status == 404:
        return ProviderRefused(
            f"The AI provider does not know the model or the address ({message}). "
            "Check the model's name and the base URL.",
            provider_down=True,
        )
    if status < 400:
        return ProviderRefused(
            f"The AI provider's address redirects to {headers.get('location', 'another')}. "
            "Enter that as the base URL.",
            provider_down=True,
        )
    refusal = BadRequest if status in (400, 422) and code not in _NOT_THE_PARAMETERS else ProviderRefused
    return refusal(f"The AI provider refused the request: {message}.")


def error_in_answer(answer: object, *, secret: str) -> ProviderError | None:
    """The failure that gateways put into an answer with status 200, as `{"error": {"code", "message"}}`."""
    error = getattr(answer, "error", None)
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return by_status(status, clean(error.get("message") or "no reason given", secret), code=code)


def _not_fetched(response: httpx.Response) -> ProviderError:
    sentence = (
        f"The image cannot be fetched from where the AI provider put it (status {response.status_code})."
    )
    if response.status_code == 429 or response.status_code >= 500:
        return ProviderUnavailable(sentence, retry_after=_retry_after(response.headers))
    return BadAnswer(sentence)


def _retry_after(headers: object) -> float | None:
    """Seconds, of `Retry-After-Ms` or of `Retry-After`, which is seconds or a date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with contextlib.suppress(TypeError, ValueError):
            if (seconds := float(headers.get(name)) * scale) >= 0:
                return seconds
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, parsedate_to_datetime(headers.get("retry-after")).timestamp() - time.time())
    return None


def clean(message: object, secret: str) -> str:
    text = " ".join(str(message).split()) or type(message).__name__
    if secret:
        text = text.replace(secret, f"…{secret[-4:]}")
    return text.rstrip(".") if len(text) <= 300 else text[:300] + "…"
