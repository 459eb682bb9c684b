"""An account's own providers: what is set, what is in force, and whether the provider answers."""

import time

from django.conf import settings
from django.db import transaction

from apps.core.errors import Invalid
from apps.intelligence.clients.base import ProviderError
from apps.intelligence.models import ProviderSettings
from apps.intelligence.services.calls import UpstreamFailed
from apps.intelligence.services.choice import Choice, image_choice, model_choose, provider_of, text_choice

Kind = ProviderSettings.Kind
CHECK_SECONDS = 15.0


def provider_settings(*, account_id: int, kind: str) -> ProviderSettings:
    """What the account set, or an unsaved row that sets nothing."""
    row = ProviderSettings.objects.filter(account_id=account_id, kind=kind).first()
    return row or ProviderSettings(account_id=account_id, kind=kind)


def provider_save(*, account_id: int, kind: str, values: dict) -> ProviderSettings:
    """Stores what `values` names; a key is kept while none is named. Raises Invalid."""
    with transaction.atomic():
        ProviderSettings.objects.get_or_create(account_id=account_id, kind=kind)
        row = ProviderSettings.objects.select_for_update().get(account_id=account_id, kind=kind)
        _apply(row, values)
        row.save()
    return row


def _apply(row: ProviderSettings, values: dict) -> None:
    moved = values.get("base_url", row.base_url) != row.base_url
    if moved and row.api_key and "api_key" not in values:
        # Else whoever may change the address would read the key that another one entered.
        raise Invalid(
            "api_key", "Enter the key again: it is not sent to another address than the one it was for."
        )
    for name, value in values.items():
        setattr(row, name, value)
    if row.base_url and row.has_access and not row.model:
        raise Invalid("model", "Name the model: which ones a server of your own has is not known.")


def provider_in_use(*, account_id: int, kind: str) -> dict:
    """Who does the work of these settings now: {provider, model, source}."""
    choice = model_choose(kind="image" if kind == Kind.IMAGES else "text", account_id=account_id)
    source = (
        "account" if choice.owner is not None else "offline" if choice.provider == "offline" else "platform"
    )
    return {"provider": choice.provider, "model": choice.model, "source": source}


def provider_test(*, account_id: int, kind: str, values: dict) -> dict:
    """Asks the provider, with `values` over what is stored, and stores nothing. Returns {provider, model, ms}.

    Raises Invalid when there is nothing to ask with, UpstreamFailed with what is wrong.
    """
    row = provider_settings(account_id=account_id, kind=kind)
    _apply(row, values)
    row.enabled = True
    choice: Choice | None = None
    if kind == Kind.IMAGES:
        texts = provider_settings(account_id=account_id, kind=Kind.OPENAI)
        choice = image_choice(row, texts)
    elif row.has_access:
        choice = text_choice(row)
    if choice is None:
        raise Invalid(
            "api_key", "There is no key to test. Enter the provider's key, or the address of a server."
        )
    began = time.monotonic()
    try:
        provider = provider_of(choice, timeout=min(CHECK_SECONDS, settings.AI_TIMEOUT_SECONDS))
        # A picture would cost what no test should: whether the model is there is enough.
        provider.check(choice.model, listed=kind == Kind.IMAGES)
    except ProviderError as error:
        raise UpstreamFailed(error) from error
    return {
        "provider": choice.provider,
        "model": choice.model,
        "ms": round((time.monotonic() - began) * 1000),
    }
