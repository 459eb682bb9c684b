"""Which addresses may be reached: the judgement, without a socket."""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.core.http.errors import AddressRefused

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Globally routed on paper, but no place for a web site.
_NOT_PUBLIC = [
    ipaddress.ip_network(n)
    for n in (
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # a cloud's own service, reached from inside its machines
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: str, allow_private: Sequence[str] | None = None) -> None:
    """Refuse what can be seen to be wrong without asking the DNS: for serializers.

    Raises AddressRefused for anything but an absolute http(s) address with a valid host and port and without
    a user name, and for a private address in any notation. A name that resolves to a private address is
    refused later, when it is connected to.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as exc:
        raise AddressRefused(f"This is not a valid address: {exc}") from exc
    host, port = target(parsed)
    addresses = literal(host)
    if addresses:
        permitted(host, port, addresses, allow_list(allow_private))


def target(url: httpx.URL) -> tuple[str, int]:
    """Host (ASCII, lower case) and port of an address that keeps the rules of form."""
    if url.scheme not in _DEFAULT_PORTS:
        raise AddressRefused("The address must begin with http:// or https://.")
    if url.userinfo:
        raise AddressRefused("The address must not contain a user name or password.")
    host = plain(url.raw_host.decode("ascii"))
    if not host:
        raise AddressRefused("The address has no host name.")
    if not literal(host) and not _HOST_NAME.fullmatch(host):
        raise AddressRefused(f'"{host[:100]}" is not a valid host name.')
    port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 65536:
        raise AddressRefused(f"{port} is not a valid port: it must be from 1 to 65535.")
    return host, port


def plain(host: str) -> str:
    return host.lower().removesuffix(".")


def literal(host: str) -> list[Address]:
    """The addresses a host stands for without the DNS; empty for a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        # The system's resolver reads 2130706433, 0x7f.1 and 0177.1 as 127.0.0.1, so they are judged as that.
        return [ipaddress.ip_address(socket.inet_aton(host))]
    except (OSError, ValueError):
        return []


def _embedded(address: Address) -> Address:
    """The IPv4 address that a mapped, 6to4 or NAT64 address leads to, else the address itself."""
    if address.version == 4:
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class AllowList:
    """The operator's exceptions: names with a port, and networks with or without one."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.names: set[tuple[str, int]] = set()
        self.networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int | None]] = []
        for entry in entries:
            self._add(entry.strip())

    def _add(self, entry: str) -> None:
        try:
            if "/" in entry:
                start, _, rest = entry.replace("[", "").replace("]", "").partition("/")
                bits, _, port = rest.partition(":")
                self.networks.append((ipaddress.ip_network(f"{start}/{bits}"), _port(port) if port else None))
                return
            host, colon, port = entry.rpartition(":")
            host = plain(host.strip("[]"))
            if not colon or not host:
                raise ValueError("no port")
            try:
                self.networks.append((ipaddress.ip_network(host), _port(port)))
            except ValueError:
                if not _HOST_NAME.fullmatch(host):
                    raise
                self.names.add((host, _port(port)))
        except ValueError as exc:
            raise ImproperlyConfigured(
                f'OUTBOUND_ALLOW_PRIVATE: "{entry}" is neither host:port nor a network such as '
                f"10.0.0.0/8 ({exc})."
            ) from exc

    def covers(self, host: str, port: int, address: Address) -> bool:
        return (host, port) in self.names or any(
            address in network and allowed in (None, port) for network, allowed in self.networks
        )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f'"{text}" is no port')
    return int(text)


def allow_list(entries: Sequence[str] | None) -> AllowList:
    return AllowList(settings.OUTBOUND_ALLOW_PRIVATE if entries is None else entries)


def permitted(host: str, port: int, addresses: Iterable[Address], allow: AllowList) -> list[Address]:
    passed = [
        address
        for address in addresses
        if _is_public(_embedded(address))
        or allow.covers(host, port, address)
        or allow.covers(host, port, _embedded(address))
    ]
    if not passed:
        raise AddressRefused(
            f"{host}:{port} leads to a private network, which is not allowed. "
            f"The operator can allow it with OUTBOUND_ALLOW_PRIVATE={host}:{port}."
        )
    return passed
