"""Which provider and model do a piece of work."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from django.conf import settings

from apps.intelligence.clients.base import Provider
from apps.intelligence.clients.offline.provider import OfflineProvider
from apps.intelligence.models import AIModel


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, the model to ask, and what it costs in USD."""

    provider: str
    model: str
    cost_in: Decimal = Decimal(0)
    cost_out: Decimal = Decimal(0)
    cost_image: Decimal = Decimal(0)

    def cost(self, *, tokens_in: int = 0, tokens_out: int = 0, images: int = 0) -> Decimal:
        tokens = (self.cost_in * tokens_in + self.cost_out * tokens_out) / 1000
        return (tokens + self.cost_image * images).quantize(Decimal("0.000001"))


OFFLINE = Choice("offline", "offline")


def model_choose(*, kind: str, testing: bool = False) -> Choice:
    """The default model of `kind`, or the cheap one for `testing`; `offline` while no provider has a key."""
    if not (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        return OFFLINE
    named = {"text": settings.AI_TEXT_MODEL, "image": settings.AI_IMAGE_MODEL}.get(kind, "")
    rows = AIModel.objects.filter(provider=AIModel.Provider.OPENAI, kind=kind, is_active=True)
    if named:
        row = rows.filter(name=named).first()
        return _choice(row) if row else Choice("openai", named)
    row = rows.order_by("-testing" if testing else "testing", "-default", "id").first()
    return _choice(row) if row else OFFLINE


def _choice(row: AIModel) -> Choice:
    return Choice(row.provider, row.name, row.cost_in, row.cost_out, row.cost_image)


@lru_cache(maxsize=8)
def _openai(key: str, base_url: str, timeout: float) -> Provider:
    # The SDK takes seconds to import: only a process that asks it pays for that.
    from apps.intelligence.clients.openai import OpenAIProvider

    return OpenAIProvider(key, base_url or None, timeout=timeout)


def provider_of(choice: Choice) -> Provider:
    """The client of a choice. Clients are kept for their connections."""
    if choice.provider == "offline":
        return OfflineProvider()
    return _openai(settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL, settings.AI_TIMEOUT_SECONDS)
