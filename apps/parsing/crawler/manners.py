"""What a shop asks of who crawls it, and what a source allows: held for every spider, whatever it yields."""

from scrapy import signals
from scrapy.exceptions import IgnoreRequest

MAX_DELAY = 30.0


class CrawlDelay:
    """An extension: robots.txt's Crawl-delay, at most MAX_DELAY seconds, for each host.

    AutoThrottle goes down to its own least delay with each response; this one is loaded after it and has the last word.
    """

    def __init__(self, crawler):
        self.crawler = crawler
        self.delays: dict[str, float] = {}
        crawler.signals.connect(self._read, signal=signals.robots_parsed)
        crawler.signals.connect(self._hold, signal=signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler)

    def _read(self, robotparser, request) -> None:
        seconds = robotparser.crawl_delay(self.crawler.settings["ROBOTSTXT_USER_AGENT"])
        if seconds:
            host = self.crawler.engine.downloader.get_slot_key(request)
            self.delays[host] = min(seconds, MAX_DELAY)
            self._slow_down(host)

    def _hold(self, request) -> None:
        self._slow_down(request.meta.get("download_slot"))

    def _slow_down(self, host: str | None) -> None:
        slot = self.crawler.engine.downloader.slots.get(host)
        if slot is not None and (asked := self.delays.get(host)):
            slot.delay, slot.jitter = max(slot.delay, asked), 0.0


class PageLimit:
    """A downloader middleware: no more pages than the spider's `max_pages` are asked for, redirects included."""

    def __init__(self, crawler):
        self.crawler = crawler
        self.asked = 0

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler)

    def process_request(self, request) -> None:
        if request.url.endswith("/robots.txt"):
            return
        if self.asked >= self.crawler.spider.max_pages:
            raise IgnoreRequest("The limit of pages of this source is reached.")
        self.asked += 1
