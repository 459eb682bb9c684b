"""The spider for any shop that says what it sells in a form for machines."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urljoin

import scrapy
from protego import Protego
from scrapy.http import Response, TextResponse
from scrapy.utils.gz import gunzip, gzip_magic_number
from scrapy.utils.sitemap import Sitemap

from apps.parsing.addresses import normalised
from apps.parsing.crawler.extract import products
from apps.parsing.crawler.links import links, site_of
from apps.parsing.crawler.spiders.base import ShopSpider

MAX_DEPTH = 30
# The order in which pages are asked for: what lists many products is worth more than what may be nothing.
SITEMAP, PAGE, CATEGORY, PRODUCT, OTHER = 50, 40, 30, 20, 0


class GenericSpider(ShopSpider):
    """Sitemaps (of a hub), categories, pages of lists, product pages, by type and strategy of the source."""

    name = "generic"

    async def start(self) -> AsyncIterator[scrapy.Request]:
        kind = self.task.get("type", "hub")
        if kind == "sitemap":
            yield self._request(self.start_url, self.parse_sitemap, SITEMAP, errback=self.failed, first=True)
            return
        if kind == "hub" and not self.discovers:
            robots = urljoin(self.start_url, "/robots.txt")
            # Whatever it answers: a shop without it may have a sitemap.
            everything = {"handle_httpstatus_all": True}
            yield self._request(robots, self.parse_robots, SITEMAP, dont_filter=True, meta=everything)
        yield self._request(self.start_url, self.parse, CATEGORY, errback=self.failed, first=True)

    def _request(self, url: str, callback, priority: int, *, first: bool = False, **kwargs) -> scrapy.Request:
        meta = {"first": first, "handle_httpstatus_all": first, **kwargs.pop("meta", {})}
        return scrapy.Request(url, callback, priority=priority, meta=meta, **kwargs)

    def parse_robots(self, response: Response) -> Iterator[scrapy.Request]:
        told = response.status == 200 and isinstance(response, TextResponse)
        rules = Protego.parse(response.text if told else "")
        for place in list(rules.sitemaps) or ["/sitemap.xml"]:
            try:
                url = normalised(urljoin(response.url, place))
            except ValueError:
                continue
            yield self._request(url, self.parse_sitemap, SITEMAP)

    def parse_sitemap(self, response: Response) -> Iterator[scrapy.Request]:
        if response.status >= 400:
            self.refused(response)
            return
        body = (
            gunzip(response.body, max_size=50 * 1024 * 1024) if gzip_magic_number(response) else response.body
        )
        try:
            sitemap = Sitemap(body)
        except Exception:
            self.logger.warning("%s is no sitemap", response.url)
            return
        # A shop's sitemap may lie elsewhere; what it names may not.
        own = self.sites | {site_of(response.url)} if self.task.get("type") == "sitemap" else self.sites
        for entry in sitemap:
            url = entry.get("loc", "")
            if self.is_full or not _is_of(url, own):
                continue
            if sitemap.type == "sitemapindex":
                yield self._request(url, self.parse_sitemap, SITEMAP)
            else:
                yield from self._follow([url], PRODUCT, response, leaf=True)

    def parse(self, response: Response, leaf: bool = False) -> Iterator:
        """Any page: its products, and where it leads. A leaf is a product's page and leads nowhere."""
        first = response.meta.get("first", False)
        if first and response.status >= 400:
            self.refused(response)
            return
        if first:
            self.sites.add(site_of(response.url))
        if not isinstance(response, TextResponse) or not _is_of(response.url, self.sites):
            return  # a redirect away from the shop does not take the crawl along
        found = [] if self.discovers else products(response.text, response.url)
        for item in found:
            yield self.product(**item)
        if leaf and found:
            return
        yield from self._onward(response, first=first, is_product=len(found) == 1)

    def _onward(self, response: TextResponse, *, first: bool, is_product: bool) -> Iterator:
        target = links(response.text, response.url)
        kind = self.task.get("type", "hub")
        if first or self.discovers:
            for url, name in target.categories:
                yield self.category(name=name, url=url)
        if self.discovers or kind == "product" or self.is_full:
            return
        if not is_product:
            yield from self._follow(target.pages, PAGE, response)
            yield from self._follow(target.products, PRODUCT, response, leaf=True)
        if kind == "hub":
            yield from self._follow([url for url, _ in target.categories], CATEGORY, response)
            yield from self._follow(target.others, OTHER, response)

    def _follow(
        self, urls: list[str], priority: int, response: Response, leaf: bool = False
    ) -> Iterator[scrapy.Request]:
        if response.meta.get("depth", 0) >= MAX_DEPTH:
            return
        for url in urls:
            try:
                url = normalised(url)
            except ValueError:
                continue
            yield self._request(url, self.parse, priority, cb_kwargs={"leaf": leaf})


def _is_of(url: str, sites: set[str]) -> bool:
    try:
        return site_of(url) in sites
    except ValueError:
        return False
