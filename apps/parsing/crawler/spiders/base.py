"""What every spider of a shop has: its task, the forms of what it finds, its limits."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import scrapy
from scrapy import signals
from scrapy.http import Response

from apps.parsing.crawler.links import site_of

MAX_PAGES = 20_000


class ShopSpider(scrapy.Spider):
    """Crawls one source. A subclass sets `name` to the site_key and writes `parse`.

    `task` is the queue's message: source_id, url, site_key, type, strategy, config, run_id. Understood in `config`:
    max_pages, delay (seconds), and whatever the subclass reads. `parse` yields requests, `self.product(…)` and
    `self.category(…)`; with the strategy discovery, categories are enough.
    """

    def __init__(self, task: dict, **kwargs):
        super().__init__(**kwargs)
        self.task = task
        self.config: dict = task.get("config") or {}
        self.site_key: str = task["site_key"]
        self.start_url: str = task["url"]
        self.start_urls = [self.start_url]
        self.sites = {site_of(self.start_url)}  # a shop may answer under another name than the source's
        self.discovers = task.get("strategy") == "discovery"
        self.pages = 0
        self.products_found = 0
        self.categories_found = 0
        self.problem = ""  # why the source itself could not be crawled
        self.is_broken = False  # and whether trying again is of no use

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._count, signal=signals.response_received)
        return spider

    def _count(self, response, request, spider) -> None:
        if not request.url.endswith("/robots.txt"):
            self.pages += 1

    @property
    def max_pages(self) -> int:
        asked = self.config.get("max_pages")
        return min(MAX_PAGES, asked) if isinstance(asked, int) and asked > 0 else MAX_PAGES

    @property
    def is_full(self) -> bool:
        return self.pages >= self.max_pages

    def product(self, *, title: str, product_url: str, **fields) -> dict:
        """A product, with any of: description, price, currency, image_url, merchant, category, raw_data."""
        self.products_found += 1
        return {"title": title, "product_url": product_url, "site_key": self.site_key, **fields}

    def category(self, *, name: str, url: str, parent_url: str | None = None) -> dict:
        self.categories_found += 1
        return {
            "kind": "category",
            "name": name,
            "url": url,
            "site_key": self.site_key,
            "parent_url": parent_url or self.start_url,
        }

    def failed(self, failure) -> None:
        """The errback of the source's own address: says why nothing could be crawled."""
        response = getattr(failure.value, "response", None)
        if response is not None:
            self.refused(response)
        else:
            self.problem = (
                f"{urlsplit(self.start_url).netloc} can not be crawled: {failure.getErrorMessage()}"
            )

    def refused(self, response: Response) -> None:
        self.problem = f"{response.url} answers {response.status}."
        self.is_broken = response.status in (404, 410)

    def result(self) -> tuple[str, bool]:
        """(what went wrong, whether for good); "" where nothing did."""
        if self.problem and not (self.products_found or self.categories_found):
            return self.problem, self.is_broken
        if not self.discovers and not self.products_found:
            return (
                f"No product was found on {self.pages} pages. The shop may need a spider of its own.",
                False,
            )
        return "", False

    def parse(self, response: Response) -> Iterable:
        raise NotImplementedError
