"""What robots.txt asks for, against Scrapy's own throttle."""

from types import SimpleNamespace

import scrapy
from scrapy import signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Request, TextResponse
from scrapy.robotstxt import ProtegoRobotParser
from scrapy.utils.conf import build_component_list

from apps.parsing.crawler.crawl import settings_of
from apps.parsing.crawler.manners import MAX_DELAY, CrawlDelay

ORDER = {
    "task": {},
    "api_url": "",
    "token": "",
    "allow_private": [],
    "spiders": [],
    "delay": 0.25,
    "seconds": 60,
    "patience": 1,
}


def test_the_throttle_does_not_fall_below_the_crawl_delay():
    crawler = Crawler(scrapy.Spider, settings_of(ORDER))
    order = [str(c) for c in build_component_list(crawler.settings.getwithbase("EXTENSIONS"))]
    ours, theirs = (
        next(n for n, c in enumerate(order) if name in c) for name in ("CrawlDelay", "AutoThrottle")
    )
    assert theirs < ours
    slots = {host: Slot(concurrency=4, delay=0.25, jitter=0.5) for host in ("slow.example", "quick.example")}
    downloader = SimpleNamespace(
        slots=slots, get_slot_key=lambda request: request.url.split("/")[2], _delay=0
    )
    crawler.engine = SimpleNamespace(downloader=downloader)
    kept = [cls.from_crawler(crawler) for cls in (AutoThrottle, CrawlDelay)]
    send = crawler.signals.send_catch_log
    send(signals.spider_opened, spider=None)

    def page(host: str) -> Slot:
        request = Request(f"https://{host}/", meta={"download_slot": host, "download_latency": 0.01})
        send(signals.response_downloaded, response=TextResponse(request.url), request=request, spider=None)
        return slots[host]

    def robots(host: str, text: bytes) -> None:
        parser = ProtegoRobotParser(text, None)
        send(signals.robots_parsed, robotparser=parser, request=Request(f"https://{host}/x"))

    robots("slow.example", b"User-agent: *\nCrawl-delay: 7\n")
    robots("quick.example", b"User-agent: other\nCrawl-delay: 7\n")
    for _ in range(5):
        assert (page("slow.example").delay, slots["slow.example"].jitter) == (7, 0)
        assert page("quick.example").delay < 7
    robots("slow.example", b"User-agent: Igny8Bot\nCrawl-delay: 100000\n")
    assert page("slow.example").delay == MAX_DELAY
    assert kept
