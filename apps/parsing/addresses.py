"""One address, one spelling: what makes a product or a source the same one when it is met again."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

MAX_LENGTH = 2000

# What says where a visitor came from, not what is shown.
_TRACKING = re.compile(
    r"utm_\w*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|yclid|ysclid|msclkid|twclid|ttclid|igshid|mc_[ce]id|_openstat"
    r"|_ga|_gl|srsltid|epik|vero_id|wickedid|mkt_tok|admitad_uid|sc_campaign|sc_channel",
    re.IGNORECASE,
)
# The usual address, which is as it should be already.
_PLAIN = re.compile(r"https?://(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.]+\]")
_DEFAULT = {"http": 80, "https": 443}
_SAFE = "/:@!$&'()*+,;=-._~%"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")


def normalised(url: str) -> str:
    """The spelling of an address under which it is stored. Raises ValueError with a sentence.

    Scheme and host in lower case, IDNA, no default port, no fragment, no tracking parameters, the others by name,
    one way of percent-encoding.
    """
    if len(url) <= MAX_LENGTH and "/." not in url and _PLAIN.fullmatch(url):
        return url
    url = url.strip()
    if len(url) > 4 * MAX_LENGTH:
        raise ValueError(f"The address is longer than {MAX_LENGTH} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"This is no valid address: {error}.") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT:
        raise ValueError("The address must begin with http:// or https://.")
    if parts.username or parts.password:
        raise ValueError("The address must not contain a user name or password.")
    host = _ascii_host(parts.hostname or "")
    if port is not None and port != _DEFAULT[scheme]:
        host = f"{host}:{port}"
    result = urlunsplit((scheme, host, _path(parts.path) or "/", _query(parts.query), ""))
    if len(result) > MAX_LENGTH:
        raise ValueError(f"The address is longer than {MAX_LENGTH} characters.")
    return result


def _ascii_host(host: str) -> str:
    if ":" in host:
        host = f"[{host}]"
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        host = ""
    host = host.lower()
    if not _HOST.fullmatch(host):
        raise ValueError("The address has no valid host name.")
    return host.removesuffix(".")


def _quoted(text: str) -> str:
    text = _STRAY.sub("%25", text)
    text = quote(text.encode("utf-8", "replace"), safe=_SAFE)
    return _ESCAPE.sub(lambda m: m.group().upper(), text)


def _path(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    if path.endswith(("/..", "/.")):
        parts.append("")
    return _quoted("/" + "/".join(parts)) if parts else ""


def _query(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    return urlencode(sorted(p for p in pairs if not _TRACKING.fullmatch(p[0])), errors="replace")
