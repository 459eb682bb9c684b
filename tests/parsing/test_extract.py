"""What is read out of a page, without a crawl."""

import json

import pytest

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
