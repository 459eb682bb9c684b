"""Where the crawler may connect to: public addresses, and those private ones that the operator allows.

The addresses of a name are judged as they are connected to; an address that is written out never asks the resolver,
so each request, redirects and robots.txt included, is judged by the middleware before.
"""

import ipaddress
import logging

from scrapy.exceptions import IgnoreRequest
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from apps.core.http.addresses import allow_list, check_url, permitted
from apps.core.http.errors import AddressRefused

log = logging.getLogger(__name__)
SETTING = "OUTBOUND_ALLOW_PRIVATE"


@implementer(IResolutionReceiver)
class _Judge:
    """Hands on the addresses that may be connected to."""

    def __init__(self, receiver, host: str, port: int, allow):
        self.receiver, self.host, self.port, self.allow = receiver, host, port, allow

    def resolutionBegan(self, resolution):
        self.receiver.resolutionBegan(resolution)

    def addressResolved(self, address):
        try:
            permitted(self.host, self.port, [ipaddress.ip_address(address.host)], self.allow)
        except AddressRefused as error:
            log.error("%s", error)
        else:
            self.receiver.addressResolved(address)

    def resolutionComplete(self):
        self.receiver.resolutionComplete()


@implementer(IHostnameResolver)
class GuardedResolver:
    """Scrapy's TWISTED_DNS_RESOLVER."""

    def __init__(self, reactor, allow):
        self.reactor, self.allow = reactor, allow
        self.original = reactor.nameResolver

    @classmethod
    def from_crawler(cls, crawler, reactor):
        return cls(reactor, allow_list(crawler.settings.getlist(SETTING)))

    def install_on_reactor(self):
        self.reactor.installNameResolver(self)

    def resolveHostName(self, receiver, hostName, portNumber=0, addressTypes=None, transportSemantics="TCP"):
        judge = _Judge(receiver, hostName.lower().removesuffix("."), portNumber, self.allow)
        return self.original.resolveHostName(judge, hostName, portNumber, addressTypes, transportSemantics)


class GuardMiddleware:
    """Refuses requests that can be seen to lead inside. The first of the downloader's middlewares."""

    def __init__(self, allow: list[str]):
        self.allow = allow

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler.settings.getlist(SETTING))

    def process_request(self, request):
        try:
            check_url(request.url, self.allow)
        except AddressRefused as error:
            raise IgnoreRequest(str(error)) from error
