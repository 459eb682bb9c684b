"""What is read out of a page, without a crawl."""

import json
from datetime import date
from decimal import Decimal

import pytest

from apps.parsing.crawler.api import encoded
from apps.parsing.crawler.extract import products


def page(data, head: str = "") -> str:
    return f'<html><head>{head}<script type="application/ld+json">{json.dumps(data)}</script></head></html>'


@pytest.mark.parametrize(
    ("offers", "price"),
    [
        ({"price": 19.996}, "20.00"),
        ({"price": "1.299,00 €"}, "1.299,00 €"),
        ({"price": 5}, "5"),
        ({"lowPrice": 7.5, "highPrice": 9}, "7.50"),
        ({"priceSpecification": [{"price": 1234.5, "priceCurrency": "EUR"}]}, "1234.50"),
        ({"price": {"@value": 3.126}}, "3.13"),
        ({}, None),
    ],
)
def test_prices(offers, price):
    [found] = products(
        page({"@type": "Product", "name": "Mug", "offers": offers}), "https://shop.example.com/p/1"
    )
    assert found["price"] == price


def test_whatever_a_spider_finds_is_sent():
    found = {"price": Decimal("1.50"), "seen": date(2026, 1, 2), 5: "five", "half": "\ud83d", "big": 2**70}
    assert json.loads(encoded({"items": [{"price": Decimal("1.50")}]})) == {"items": [{"price": "1.50"}]}
    assert json.loads(encoded(found)) == {
        "price": "1.50", "seen": "2026-01-02", "5": "five", "half": "\ud83d", "big": 2**70,
    }  # fmt: skip
