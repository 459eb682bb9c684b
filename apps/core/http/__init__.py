"""The one place that opens sockets to addresses that users typed.

`client()` gives an `httpx.Client` that reaches public addresses only, and those private ones that the
operator lists in `OUTBOUND_ALLOW_PRIVATE`. The name is resolved here, each answer is judged, and the
connection goes to the address that was judged, so neither a redirect nor a name that changes its answer
leads inside. Size and total time of an exchange are limited. Every failure is an `OutboundError`: a
sentence, `reason`, `permanent`.
"""

import os
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache

import httpx

from apps.core.http.addresses import allow_list, check_url
from apps.core.http.errors import (
    AddressRefused,
    BadAnswer,
    CannotConnect,
    OutboundError,
    ResponseTooLarge,
    TimedOut,
)
from apps.core.http.transport import MAX_REDIRECTS, OutboundClient, OutboundTransport

__all__ = [
    "AddressRefused",
    "BadAnswer",
    "CannotConnect",
    "OutboundError",
    "ResponseTooLarge",
    "TimedOut",
    "check_url",
    "client",
]


def client(
    *,
    timeout: float = 30.0,
    max_bytes: int = 10 * 1024 * 1024,
    allow_private: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
    follow_redirects: bool = False,
    base_url: str = "",
) -> httpx.Client:
    """An HTTP client for addresses that users typed. Close it, or use it as a context manager.

    timeout: seconds for a whole exchange, redirects and the reading of the body included, and for each step.
    A request's own `timeout=` can shorten the steps, never lengthen the whole.
    max_bytes: limit of a body, counted both as sent and unpacked.
    allow_private: "host:port", "address:port", CIDR or "CIDR:port"; default
    `settings.OUTBOUND_ALLOW_PRIVATE`.
    Proxy variables of the environment are ignored; SSL_CERT_FILE and SSL_CERT_DIR are honoured.
    Raises OutboundError from every request, ImproperlyConfigured for a malformed allow list.
    """
    tls = _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    merged = httpx.Headers({"User-Agent": "Igny8", "Accept-Encoding": "gzip, deflate"})
    merged.update(headers)
    return OutboundClient(
        transport=OutboundTransport(allow=allow_list(allow_private), max_bytes=max_bytes, tls=tls),
        timeout=timeout,
        total=timeout,
        headers=merged,
        follow_redirects=follow_redirects,
        max_redirects=MAX_REDIRECTS,
        base_url=base_url,
        trust_env=False,
    )


@lru_cache(maxsize=4)
def _tls_context(_cert_file: str | None, _cert_dir: str | None) -> ssl.SSLContext:
    # Kept, as loading the authorities takes tens of milliseconds; the arguments are what the call reads.
    return httpx.create_ssl_context()
