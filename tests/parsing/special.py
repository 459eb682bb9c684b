"""A shop's own spider, as somebody would write it."""

from apps.parsing.crawler.spiders import ShopSpider


class CardsSpider(ShopSpider):
    name = "cards"

    def parse(self, response):
        for link in response.css(".product-card a"):
            yield self.product(
                title=link.css("::text").get(), product_url=response.urljoin(link.attrib["href"])
            )
