"""From the spider to the API, in batches."""

import asyncio
import logging
import time

from apps.parsing.crawler.api import Api, ApiRefused, ApiUnavailable

log = logging.getLogger(__name__)
SIZE = 200
SECONDS = 5.0


class BatchPipeline:
    """Sends what was found every 200 items or five seconds, one batch at a time; stops the crawl when it can not."""

    def __init__(self, crawler):
        self.crawler = crawler
        settings = crawler.settings
        self.size = settings.getint("BATCH_SIZE", SIZE)
        self.api = Api(
            settings["API_URL"], settings["API_TOKEN"], patience=settings.getfloat("API_PATIENCE", 300.0)
        )
        self.items: list[dict] = []
        self.categories: dict[str, dict] = {}
        self.sent_at = time.monotonic()
        self.lock = asyncio.Lock()
        self.sent = {"items": 0, "new": 0, "updated": 0, "rejected": 0}
        self.problem = ""

    @classmethod
    def from_crawler(cls, crawler):
        crawler.batches = made = cls(crawler)
        return made

    async def process_item(self, item: dict) -> dict:
        if item.get("kind") == "category":
            self.categories[item["url"]] = {k: v for k, v in item.items() if k != "kind"}
        else:
            self.items.append(item)
        waiting = len(self.items) + len(self.categories)
        if waiting >= self.size or (waiting and time.monotonic() - self.sent_at > SECONDS):
            await self._send()
        return item

    async def close_spider(self) -> None:
        await self._send(last=True)
        self.api.close()

    async def _send(self, last: bool = False) -> None:
        async with self.lock:
            items, self.items = self.items, []
            categories, self.categories = list(self.categories.values()), {}
            self.sent_at = time.monotonic()
            if self.problem or not (items or categories or last):
                return
            spider = self.crawler.spider
            batch = {
                "source_id": spider.task["source_id"],
                "run_id": spider.task.get("run_id"),
                "items": items,
                "categories": categories,
            }
            if last:
                batch["stats"] = {"pages": spider.pages, "spider": spider.name}
            try:
                answer = await asyncio.to_thread(self.api.post, "ingest-batch", batch)
            except (ApiRefused, ApiUnavailable) as error:
                self.problem = f"A batch could not be stored: {error}"
                log.error("%s", self.problem)
                await self.crawler.engine.close_spider_async(reason="api")
                return
            self.sent["items"] += answer["items_ingested"]
            self.sent["new"] += answer["items_new"]
            self.sent["updated"] += answer["items_updated"]
            self.sent["rejected"] += len(answer["rejected"])
            for rejected in answer["rejected"][:5]:
                log.warning(
                    "rejected %s: %s", items[rejected["index"]].get("product_url"), rejected["reason"]
                )
