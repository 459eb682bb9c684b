"""The fields of the SEO plug-ins: sent where the site has registered them, as it drops all others in silence."""

from collections.abc import Collection

from apps.integration.services.sync.texts import SEO_KEYS
from apps.writer.models import Content


def meta_values(content: Content, registered: Collection[str]) -> dict[str, str]:
    return {
        key: getattr(content, name) for name, keys in SEO_KEYS.items() for key in keys if key in registered
    }
