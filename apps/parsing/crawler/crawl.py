"""python -m apps.parsing.crawler.crawl: one crawl in a process of its own.

Reads {"task", "api_url", "token", "allow_private", "spiders", "delay", "seconds", "patience", "out"} from its input;
writes one line {"error", "is_broken", "reason", "pages", "items", "new", "updated", "rejected"} to the file
descriptor `out` when it is over. Logs go to standard error.
"""

import ctypes
import json
import os
import signal
import sys

from scrapy.crawler import AsyncCrawlerProcess

PR_SET_PDEATHSIG = 1
HERE = "apps.parsing.crawler"


def settings_of(order: dict) -> dict:
    config = order["task"].get("config") or {}
    delay = config.get("delay")
    return {
        "BOT_NAME": "igny8",
        "USER_AGENT": "Igny8Bot/1.0 (+https://igny8.example/bot)",
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": "Igny8Bot",
        "DOWNLOAD_DELAY": float(delay)
        if isinstance(delay, int | float) and 0 <= delay <= 60
        else order["delay"],
        "AUTOTHROTTLE_ENABLED": order["delay"] > 0,
        "AUTOTHROTTLE_START_DELAY": order["delay"],
        "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
        "DOWNLOAD_TIMEOUT": 30,
        "DOWNLOAD_MAXSIZE": 10 * 1024 * 1024,
        "RETRY_TIMES": 2,
        "CLOSESPIDER_TIMEOUT": order["seconds"],
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "HTTPPROXY_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "DOWNLOAD_HANDLERS": {"file": None, "ftp": None, "s3": None, "data": None},
        "TWISTED_DNS_RESOLVER": f"{HERE}.guard.GuardedResolver",
        "DOWNLOADER_MIDDLEWARES": {
            f"{HERE}.guard.GuardMiddleware": 1,
            f"{HERE}.manners.PageLimit": 110,  # after robots.txt: what that forbids is no page
        },
        "EXTENSIONS": {f"{HERE}.manners.CrawlDelay": 500},
        "ITEM_PIPELINES": {f"{HERE}.pipeline.BatchPipeline": 100},
        "OUTBOUND_ALLOW_PRIVATE": order["allow_private"],
        "API_URL": order["api_url"],
        "API_TOKEN": order["token"],
        "API_PATIENCE": order["patience"],
        "LOG_LEVEL": "INFO",
    }


def main() -> None:
    # Whoever kills the worker ends its crawls with it: another worker has them then.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    order = json.load(sys.stdin)
    from apps.parsing.crawler.spiders import spider_for

    process = AsyncCrawlerProcess(settings_of(order))
    cls = spider_for(order["task"]["site_key"], order["spiders"])
    crawler = process.create_crawler(cls)
    process.crawl(crawler, task=order["task"])
    process.start()
    spider, batches = crawler.spider, getattr(crawler, "batches", None)
    reason = crawler.stats.get_value("finish_reason") or "no spider"
    error, is_broken = spider.result() if spider else ("The spider could not be started.", False)
    if batches and batches.problem:
        error, is_broken = batches.problem, False
    elif reason not in ("finished", "closespider_timeout"):
        error, is_broken = error or f"The crawl ended early: {reason}.", False
    told = {
        "error": error,
        "is_broken": is_broken,
        "reason": reason,
        "pages": spider.pages if spider else 0,
        **(batches.sent if batches else {}),
    }
    with os.fdopen(order["out"], "w") as out:
        out.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
