"""What staff should hear of. Who tells them stands above this app and is named in settings."""

import logging

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


def notice(*, topic: str, text: str) -> None:
    """Tells the subscribers of a topic (`broken_sources`, `new_spiders`) once the transaction is committed."""
    log.warning("%s: %s", topic, text)
    if settings.PARSING_NOTICES:
        # Robust: a notice that can not be told must not break the crawl that it is about.
        transaction.on_commit(
            lambda: import_string(settings.PARSING_NOTICES)(topic=topic, text=text), robust=True
        )
