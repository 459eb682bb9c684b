"""The links of mails: signed, they run out, and the state they name is gone once they were used."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing

from apps.core.errors import Invalid

HOURS = {"reset": 2, "verify": 72, "change": 24, "invitation": 24 * 7}


def link_token(*, purpose: str, value: Any) -> str:
    return signing.dumps(value, salt=f"accounts.links.{purpose}")


def link_url(*, purpose: str, value: Any) -> str:
    """The address of the page behind a link."""
    query = urlencode({"token": link_token(purpose=purpose, value=value)})
    return f"{settings.DASHBOARD_URL}/account/{purpose}/?{query}"


def link_read(*, purpose: str, token: str) -> Any:
    """What the link was made of. Raises Invalid for one that is false or ran out."""
    try:
        return signing.loads(token, salt=f"accounts.links.{purpose}", max_age=timedelta(hours=HOURS[purpose]))
    except signing.BadSignature:
        raise link_refused() from None


def link_refused() -> Invalid:
    return Invalid("token", "This link was used, or is no longer good. Ask for a new one.")
