"""Real crawls of real shops on loopback, by the process that the worker starts, into the API over HTTP."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from apps.parsing.models import Product, Source, SourceRun
from tests.parsing.shops import LinkedData, Microdata, OpenGraph, Shop, Wilful, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@dataclass
class Crawled:
    told: dict
    log: str


@pytest.fixture
def crawl(live_server, settings):
    settings.INTERNAL_API_TOKEN = ["test-token"]

    def run(
        shop: Shop,
        *,
        allow: bool = True,
        also: tuple = (),
        token: str = "test-token",
        path: str = "/",
        **task,
    ) -> Crawled:
        source, _ = Source.objects.get_or_create(url=f"{shop.url}{path}", defaults={"site_key": "shop"})
        run = SourceRun.objects.create(source=source, status="running", attempts=1)
        order = {
            "task": {
                "source_id": source.pk, "url": source.url, "site_key": "shop", "type": "hub",
                "strategy": "deep", "config": {}, "run_id": run.pk, **task,
            },
            "api_url": live_server.url,
            "token": token,
            "allow_private": [shop.place, *also] if allow else [],
            "spiders": ["tests.parsing.special"],
            "delay": 0,
            "seconds": 60,
            "patience": 2,
        }  # fmt: skip
        read, write = os.pipe()
        order["out"] = write
        process = subprocess.Popen(
            [sys.executable, "-m", "apps.parsing.crawler.crawl"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[write],
        )
        os.close(write)
        _, log = process.communicate(json.dumps(order).encode(), timeout=90)
        with os.fdopen(read) as out:
            told = out.read()
        assert told, log.decode()
        SourceRun.objects.filter(pk=run.pk).update(status="completed")
        return Crawled(json.loads(told), log.decode())

    return run


def test_linked_data_and_sitemaps(crawl):
    with served(LinkedData()) as shop:
        done = crawl(shop)
        assert done.told["error"] == "" and done.told["new"] == 12, done.log
        product = Product.objects.select_related("category").get(title="Thing 3 & more")
        assert product.gift_id == f"shop:{shop.url}/product/3"
        assert (str(product.price), product.currency, product.category.name) == ("3.50", "EUR", "Mugs")
        assert product.image_url == f"{shop.url}/img/3.jpg" and product.merchant == "127.0.0.1"
        assert product.raw_data["sku"] == "SKU-3" and product.raw_data["brand"] == "Acme"
        assert not any("/private/" in path or "/cart" in path for path in shop.seen)
        found = Source.objects.filter(status="discovered")
        assert sorted(found.values_list("name", flat=True)) == ["Lamps", "Mugs"]
        assert set(found.values_list("parent__url", flat=True)) == {f"{shop.url}/"}
        shop.prices[3] = "99.00"
        again = crawl(shop)
        assert (again.told["new"], again.told["updated"]) == (0, 1)


def test_a_shop_without_robots_txt_and_one_that_leads_away(crawl):
    with served(LinkedData()) as other, served(Wilful(away=f"{other.url}/product/1")) as shop:
        done = crawl(shop, also=(other.place,))
        assert done.told["new"] == 6, done.log
        assert not Product.objects.filter(product_url__startswith=other.url).exists()
        assert set(Product.objects.values_list("description", "image_url")) == {
            (f"Half a pair: \ufffd.\nNumber {n}.", "") for n in range(6)
        }
        assert {p for p in other.seen if p != "/robots.txt"} == {"/product/1"}
        shop.seen.clear(), other.seen.clear()
        few = crawl(shop, config={"max_pages": 6})
        assert len([p for p in shop.seen + other.seen if p != "/robots.txt"]) == 6, few.log


def test_microdata_and_pages_of_lists(crawl):
    with served(Microdata()) as shop:
        done = crawl(shop)
        assert done.told["new"] == 24, done.log
        product = Product.objects.get(title="Item games-3-2")
        assert (str(product.price), product.currency, product.category.name) == ("1299.00", "EUR", "Games")
        assert not any("sort=" in path for path in shop.seen)


def test_open_graph_and_next_links(crawl):
    with served(OpenGraph()) as shop:
        done = crawl(shop)
        assert done.told["new"] == 12, done.log
        product = Product.objects.get(product_url=f"{shop.url}/t42")
        assert product.title == "Кружка «Ёлка» № 42" and product.merchant == "Подарки"
        assert (str(product.price), product.currency) == ("1290.00", "RUB")


def test_discovery_brings_categories_and_no_products(crawl):
    with served(Microdata()) as shop:
        done = crawl(shop, strategy="discovery")
        assert done.told["error"] == "" and done.told["items"] == 0
        assert Source.objects.filter(status="discovered").count() == 2
        assert not Product.objects.exists()


def test_a_list_and_a_product_by_themselves(crawl):
    with served(Microdata()) as shop:
        assert crawl(shop, path="/catalog/books", type="list").told["new"] == 12
        assert crawl(shop, path="/shop/games-1-1.html", type="product").told["new"] == 1
    with served(LinkedData()) as shop:
        assert crawl(shop, path="/sitemap-1.xml", type="sitemap").told["new"] == 6


def test_a_shops_own_spider(crawl):
    with served(Microdata()) as shop:
        done = crawl(shop, path="/catalog/books", type="list", site_key="cards")
        assert done.told["new"] == 4, done.log
        assert set(Product.objects.values_list("title", flat=True)) == {f"Card {n}" for n in range(4)}


def test_private_networks_are_refused(crawl):
    with served(LinkedData()) as shop:
        done = crawl(shop, allow=False)
        assert "private network" in done.told["error"]
        shop.url = shop.url.replace("127.0.0.1", "localhost.localdomain")
        if done := crawl(shop, allow=False):  # a name that leads inside is refused where it is resolved
            assert done.told["error"]
        assert shop.seen == []


def test_what_a_shop_answers_is_told(crawl):
    with served(LinkedData()) as shop:
        gone = crawl(shop, path="/gone", type="list")
        assert "404" in gone.told["error"] and gone.told["is_broken"]
        empty = crawl(shop, path="/category/mugs", type="list")
        assert "No product" in empty.told["error"] and not empty.told["is_broken"]
        refused = crawl(shop, token="wrong")
        assert "403" in refused.told["error"]
    assert not Product.objects.exists()
