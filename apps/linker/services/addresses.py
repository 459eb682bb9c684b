"""Addresses as they are compared: two that lead to one page are the same."""

from urllib.parse import parse_qsl, unquote, urldefrag, urlencode, urljoin, urlsplit

# What newsletters and campaigns add; the page is the same one.
_TRACKING = ("utm_", "fbclid", "gclid", "mc_")


def address_key(url: str, base: str = "") -> str:
    """`url` as seen from `base`, without what does not tell pages apart; "" for what leads to no page of the web.

    Scheme, `www.`, the case of the host, a closing slash, the fragment and campaign parameters do not count.
    """
    try:
        parts = urlsplit(urldefrag(urljoin(base, url.strip()))[0])
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith(_TRACKING)
    ]
    path = unquote(parts.path).rstrip("/")
    return f"{host}{port}{path}" + (f"?{urlencode(sorted(query))}" if query else "")


def post_key(url: str, external_id: str) -> str:
    """The key of the address that WordPress gives a post before it has one of its own: `https://site/?p=12`."""
    return address_key(f"/?p={external_id}", url) if url and external_id else ""
