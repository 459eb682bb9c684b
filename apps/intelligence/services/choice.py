"""Which provider and model do a piece of work."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from django.conf import settings

from apps.accounts.models import Site
from apps.intelligence.clients.base import Provider
from apps.intelligence.clients.offline.provider import OfflineProvider
from apps.intelligence.models import AIModel, ProviderSettings

# What a provider of one's own is asked for where the account names no model. Staff's list says it first.
FALLBACK = {"openai": {"text": "gpt-4.1", "image": "gpt-image-1"}, "anthropic": {"text": "claude-sonnet-4-5"}}
_Kind = ProviderSettings.Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, the model to ask, and what it costs us in USD: nothing where the account has its own key.

    `owner` is the account whose key and address are used, None for the platform's. `size` is of pictures.
    """

    provider: str
    model: str
    cost_in: Decimal = Decimal(0)
    cost_out: Decimal = Decimal(0)
    cost_image: Decimal = Decimal(0)
    owner: int | None = None
    size: str = ""
    key: str = field(default="", compare=False, repr=False)
    base_url: str = field(default="", compare=False)

    def cost(self, *, tokens_in: int = 0, tokens_out: int = 0, images: int = 0) -> Decimal:
        tokens = (self.cost_in * tokens_in + self.cost_out * tokens_out) / 1000
        return (tokens + self.cost_image * images).quantize(Decimal("0.000001"))

    @property
    def slots(self) -> str:
        """Whose calls are counted together: an account's slow server must not hold the platform's slots."""
        return self.provider if self.owner is None else f"{self.provider}.{self.owner}"


OFFLINE = Choice("offline", "offline")


def model_choose(
    *, kind: str, account_id: int | None, testing: bool = False, site_id: int | None = None
) -> Choice:
    """What does the account's work of `kind`: its own provider, else the platform's, `offline` without any.

    The model that the site names wins where somebody has access to its provider. `testing` takes the cheap model.
    `account_id` None asks for the platform's alone.
    """
    if account_id is None or kind not in ("text", "image"):
        return _platform(kind, testing)
    rows = {row.kind: row for row in ProviderSettings.objects.filter(account_id=account_id)}
    named = _of_site(site_id, kind, testing) if site_id is not None else None
    chosen = _named(named, kind, rows) if named else None
    return chosen or _own(kind, rows, testing) or _platform(kind, testing)


def _of_site(site_id: int, kind: str, testing: bool) -> AIModel | None:
    """By the relation alone: the settings of a site belong to an app above this one."""
    name = "image_model" if kind == "image" else "testing_model" if testing else "live_model"
    asked = Site.objects.filter(pk=site_id).values(f"settings__{name}")
    return AIModel.objects.filter(pk__in=asked, kind=kind, is_active=True).first()


def _named(model: AIModel, kind: str, rows: dict[str, ProviderSettings]) -> Choice | None:
    """The model by the account's own key, or the platform's; None where neither reaches it.

    A server of one's own, or a model that the operator pins, is not asked for what it need not know.
    """
    if model.provider == AIModel.Provider.OFFLINE:
        return OFFLINE
    images = rows.get(_Kind.IMAGES) if kind == "image" else None
    own = images if images is not None and images.has_access else rows.get(_Kind(model.provider))
    if own is not None and own.enabled and own.has_access and (images is None or images.enabled):
        if own.base_url:
            return None
        size = images.size if images else ""
        return Choice(model.provider, model.name, owner=own.account_id, size=size, key=own.api_key)
    pinned = {"text": settings.AI_TEXT_MODEL, "image": settings.AI_IMAGE_MODEL}[kind]
    return _choice(model) if model.provider in _platforms() and not pinned else None


def _own(kind: str, rows: dict[str, ProviderSettings], testing: bool) -> Choice | None:
    if kind == "image":
        return image_choice(rows.get(_Kind.IMAGES), rows.get(_Kind.OPENAI))
    for name in (_Kind.ANTHROPIC, _Kind.OPENAI):
        if name in rows and rows[name].enabled and rows[name].has_access:
            return text_choice(rows[name], testing=testing)
    return None


def text_choice(row: ProviderSettings, *, testing: bool = False) -> Choice:
    """Of settings that hold a key or an address."""
    provider = "anthropic" if row.kind == _Kind.ANTHROPIC else "openai"
    model = (testing and row.testing_model) or row.model or _default_model(provider, "text", testing)
    return Choice(provider, model, owner=row.account_id, key=row.api_key, base_url=row.base_url)


def image_choice(row: ProviderSettings | None, texts: ProviderSettings | None) -> Choice | None:
    """Of the settings for images, which borrow the key and address of those for texts. None: the platform's.

    Without settings for images OpenAI's key makes them too; a server of one's own does not, for it need not know how.
    """
    if row is not None and not row.enabled:
        return None
    access = row if row is not None and row.has_access else texts
    if access is None or not access.enabled or not access.has_access or (row is None and access.base_url):
        return None
    return Choice(
        "openai",
        (row.model if row else "") or _default_model("openai", "image", False),
        owner=access.account_id,
        size=row.size if row else "",
        key=access.api_key,
        base_url=access.base_url,
    )


def _default_model(provider: str, kind: str, testing: bool) -> str:
    row = _rows(kind, [provider]).order_by(*_order(testing)).first()
    return row.name if row else FALLBACK[provider][kind]


def _platforms() -> list[str]:
    """The providers that the operator has given access to."""
    return [
        *(["openai"] if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL else []),
        *(["anthropic"] if settings.ANTHROPIC_API_KEY else []),
    ]


def _platform(kind: str, testing: bool) -> Choice:
    providers = _platforms()
    if not providers:
        return OFFLINE
    named = {"text": settings.AI_TEXT_MODEL, "image": settings.AI_IMAGE_MODEL}.get(kind, "")
    rows = _rows(kind, providers)
    if named:
        row = rows.filter(name=named).first()
        return _choice(row) if row else Choice(providers[0], named)
    row = rows.order_by(*_order(testing)).first()
    if row is None and providers == ["anthropic"] and kind == "text":
        return Choice("anthropic", FALLBACK["anthropic"]["text"])
    return _choice(row) if row else OFFLINE


def _rows(kind: str, providers: list[str]):
    return AIModel.objects.filter(provider__in=providers, kind=kind, is_active=True)


def _order(testing: bool) -> tuple[str, ...]:
    return ("-testing" if testing else "testing", "-default", "id")


def _choice(row: AIModel) -> Choice:
    return Choice(row.provider, row.name, row.cost_in, row.cost_out, row.cost_image)


@lru_cache(maxsize=32)
def _openai(key: str, base_url: str, timeout: float) -> Provider:
    # The SDK takes seconds to import: only a process that asks it pays for that.
    from apps.intelligence.clients.openai import OpenAIProvider

    return OpenAIProvider(key, base_url or None, timeout=timeout)


@lru_cache(maxsize=32)
def _anthropic(key: str, base_url: str, timeout: float) -> Provider:
    from apps.intelligence.clients.anthropic import AnthropicProvider

    return AnthropicProvider(key, base_url or None, timeout=timeout)


def provider_of(choice: Choice, *, timeout: float | None = None) -> Provider:
    """The client of a choice. Clients are kept for their connections. Raises ProviderRefused for a key that is none."""
    timeout = timeout or settings.AI_TIMEOUT_SECONDS
    if choice.provider == "offline":
        return OfflineProvider()
    if choice.provider == "anthropic":
        if choice.owner is None:
            return _anthropic(settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL, timeout)
        return _anthropic(choice.key, choice.base_url, timeout)
    if choice.owner is None:
        return _openai(settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL, timeout)
    return _openai(choice.key, choice.base_url, timeout)
