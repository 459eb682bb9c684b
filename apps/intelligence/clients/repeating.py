"""Asking a provider again that could not answer just then."""

from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from .base import ProviderUnavailable

MAX_WAIT = 60.0
_backoff = wait_exponential_jitter(initial=1, max=MAX_WAIT, jitter=1)


def repeated(send: Callable[[], Any], *, attempts: int, sleep: Callable[[float], None]) -> Any:
    """What `send` returns; it raises a ProviderError. A refusal is not repeated."""
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=_wait,
        retry=retry_if_exception(_worth_repeating),
        sleep=sleep,
        reraise=True,
    )
    return retrying(send)


def _wait(state: RetryCallState) -> float:
    """What the provider asks for, and never less than the back-off."""
    asked = getattr(state.outcome.exception(), "retry_after", None) if state.outcome else None
    return max(asked or 0.0, _backoff(state))


def _worth_repeating(error: BaseException) -> bool:
    """A provider that wants a longer pause gets it from the caller, who knows of it by `retry_after`."""
    return isinstance(error, ProviderUnavailable) and (error.retry_after or 0.0) <= MAX_WAIT
