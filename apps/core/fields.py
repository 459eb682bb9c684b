"""Fields whose column holds ciphertext: keys of providers, passwords of sites, secrets of webhooks."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

_PREFIX = "v1:"


class DecryptionError(Exception):
    """A stored value cannot be read with the keys of `settings.FIELD_ENCRYPTION_KEYS`."""


def encrypt(text: str) -> str:
    """The ciphertext of a text under the first key: a version prefix and a Fernet token."""
    return _PREFIX + _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(stored: str) -> str:
    """The text of a ciphertext, whichever of the keys made it. Raises DecryptionError."""
    if not stored.startswith(_PREFIX):
        raise DecryptionError(
            f'The column holds something that was not encrypted here: "{_PREFIX}" is missing.'
        )
    try:
        token = stored.removeprefix(_PREFIX).encode()
        return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token).decode()
    except InvalidToken as exc:
        raise DecryptionError(
            "An encrypted value cannot be read: none of the keys in FIELD_ENCRYPTION_KEYS fits. "
            "Put the key it was written with back into the list, or enter the value anew."
        ) from exc


def masked(value: str | None) -> str:
    """What may be shown of a secret: "••••" and its last four characters; of eight or fewer nothing."""
    if not value:
        return ""
    return "••••" + (value[-4:] if len(value) > 8 else "")


@lru_cache(maxsize=4)
def _fernet(keys: Sequence[str]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as exc:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS must hold one or more keys of 32 bytes in URL-safe base64, the newest "
            'first. Make one: python -c "from cryptography.fernet import Fernet; '
            'print(Fernet.generate_key().decode())"'
        ) from exc


class EncryptedTextField(models.TextField):
    """A text that only the application can read. NULL and "" are stored as they are.

    The same text never gives the same ciphertext, so the column cannot be searched, ordered or unique: a
    lookup but `isnull` raises FieldError. Reading raises DecryptionError when no key fits.
    """

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if isinstance(value, str) and value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self} is encrypted and cannot be searched: only isnull works on it.")
        return super().get_lookup(lookup_name)


class EncryptedJSONField(EncryptedTextField):
    """A JSON value that only the application can read; None is NULL."""

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return super().get_prep_value(json.dumps(value, cls=DjangoJSONEncoder))

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        text = super().from_db_value(value, expression, connection)
        return json.loads(text) if text else None
