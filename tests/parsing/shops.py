"""Shops of three make-ups on loopback, as real shops are made."""

import gzip
import html
import itertools
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Shop:
    """Answers by `page(path, query)` → (content type, body), ("location", address) or None.

    `seen` holds what was asked for.
    """

    def __init__(self):
        self.seen: list[str] = []
        self.url = ""
        self.pause = 0.0

    def page(self, path: str, query: dict) -> tuple[str, bytes | str] | None:
        raise NotImplementedError

    def frame(self, body: str, head: str = "") -> tuple[str, str]:
        return (
            "text/html; charset=utf-8",
            f"<!doctype html><html><head>{head}</head><body>{body}</body></html>",
        )


class LinkedData(Shop):
    """JSON-LD, sitemaps in an index, one of them zipped, robots.txt with a part that is closed."""

    def __init__(self, count: int = 12):
        super().__init__()
        self.count = count
        self.prices = {}

    def page(self, path, query):
        if path == "/robots.txt":
            return (
                "text/plain",
                f"User-agent: *\nDisallow: /private/\nSitemap: {self.url}/sitemap-index.xml\n",
            )
        if path == "/sitemap-index.xml":
            return "application/xml", self._index(["/sitemap-1.xml", "/sitemap-2.xml.gz"])
        if path in ("/sitemap-1.xml", "/sitemap-2.xml.gz"):
            half = range(0, self.count, 2) if path == "/sitemap-1.xml" else range(1, self.count, 2)
            urls = [f"/product/{n}" for n in half] + ["/private/99", "http://elsewhere.example/product/1"]
            body = self._urls(urls).encode()
            return "application/octet-stream", gzip.compress(body) if path.endswith(".gz") else body
        if path == "/":
            menu = "".join(f'<li><a href="/category/{c}">{c.title()}</a></li>' for c in ("mugs", "lamps"))
            return self.frame(f"<nav><ul>{menu}</ul></nav><a href='/cart'>Cart</a><h1>Shop</h1>")
        if path.startswith("/category/"):
            return self.frame("<h1>Nothing but text</h1>")
        if path.startswith(("/product/", "/private/")):
            return self._product(int(path.rsplit("/", 1)[1]))
        return None

    def _product(self, n: int):
        data = {
            "@context": "https://schema.org",
            "@graph": [
                {
                    "@type": "BreadcrumbList",
                    "itemListElement": [
                        {"@type": "ListItem", "position": 1, "name": "Home"},
                        {"@type": "ListItem", "position": 2, "name": "Mugs" if n % 2 else "Lamps"},
                        {"@type": "ListItem", "position": 3, "name": f"Thing {n}"},
                    ],
                },
                {
                    "@type": "Product",
                    "name": f"Thing {n} & more",
                    "description": f"Made by hand.\nNumber {n}.",
                    "image": [f"/img/{n}.jpg"],
                    "sku": f"SKU-{n}",
                    "brand": {"@type": "Brand", "name": "Acme"},
                    "offers": {
                        "@type": "Offer",
                        "price": self.prices.get(n, f"{n}.50"),
                        "priceCurrency": "EUR",
                        "availability": "https://schema.org/InStock",
                    },
                },
            ],
        }
        script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
        return self.frame(f"<h1>Thing {n}</h1><a href='/product/{n}?utm_source=self'>again</a>", script)

    def _urls(self, paths):
        locs = "".join(f"<url><loc>{p if '//' in p else self.url + p}</loc></url>" for p in paths)
        return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</urlset>'

    def _index(self, paths):
        locs = "".join(f"<sitemap><loc>{self.url}{p}</loc></sitemap>" for p in paths)
        return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</sitemapindex>'


class Held(LinkedData):
    """Stops answering in the middle, after `most` product pages, until it is `released`: time for a kill."""

    def __init__(self, count: int, most: int):
        super().__init__(count)
        self.most, self.products, self.released = most, itertools.count(), threading.Event()

    def page(self, path, query):
        if path.startswith("/product/") and next(self.products) >= self.most:
            self.released.wait(300)
        return super().page(path, query)


class Wilful(LinkedData):
    """No robots.txt, but a sitemap; pages with addresses and characters that are none; one leads to another shop."""

    def __init__(self, count: int = 6, away: str = ""):
        super().__init__(count)
        self.away = away

    def page(self, path, query):
        if path == "/robots.txt":
            return None
        if path == "/sitemap.xml":
            return "application/xml", self._urls(
                ["http://[broken", "/away", *(f"/product/{n}" for n in range(self.count))]
            )
        if path == "/away":
            return "location", self.away
        if path.startswith("/product/"):
            kind, body = super().page(path, query)
            bad = '<link rel="canonical" href="http://[broken">'
            body = body.replace("Made by hand", r"Half a pair: \ud83d").replace(
                "/img/", "http://[broken/img/"
            )
            return kind, body.replace("</head>", f"{bad}</head>")
        return super().page(path, query)


class Microdata(Shop):
    """Microdata, no sitemap and no robots.txt: categories in a menu, lists with ?page=, prices with a comma."""

    PER_PAGE, PAGES = 4, 3

    def page(self, path, query):
        menu = "".join(
            f'<a class="menu-link" href="/catalog/{c}">{c.title()}</a>' for c in ("books", "games")
        )
        menu = f'<div class="main-menu">{menu}</div>'
        if path == "/":
            return self.frame(menu + "<p>Welcome</p>")
        if path.startswith("/catalog/"):
            name, number = path.rsplit("/", 1)[1], int(query.get("page", ["1"])[0])
            cards = "".join(
                f'<li class="product-card"><a href="/shop/{name}-{number}-{k}.html">Card {k}</a></li>'
                for k in range(self.PER_PAGE)
            )
            pages = "".join(f'<a href="?page={p}">{p}</a>' for p in range(1, self.PAGES + 1))
            sorts = "<a href='?sort=price'>by price</a>"
            return self.frame(f"{menu}<ul>{cards}</ul><div class=pager>{pages}{sorts}</div>")
        if path.startswith("/shop/"):
            name = path.rsplit("/", 1)[1].removesuffix(".html")
            return self.frame(
                f'{menu}<div itemscope itemtype="http://schema.org/Product"><h1 itemprop="name">Item {name}</h1>'
                f'<img itemprop="image" src="/i/{name}.png"><p itemprop="description">About {name}</p>'
                f'<span itemprop="category">{name.split("-")[0].title()}</span>'
                '<div itemprop="offers" itemscope itemtype="http://schema.org/Offer">'
                '<span itemprop="price">1.299,00 €</span><meta itemprop="priceCurrency" content="EUR"></div></div>'
            )
        return None


class OpenGraph(Shop):
    """Open Graph alone, pages by rel=next, addresses that tell nothing, names that are not English."""

    PAGES, PER_PAGE = 4, 3

    def page(self, path, query):
        if path == "/robots.txt":
            return "text/plain", "User-agent: *\nCrawl-delay: 0.01\n"
        if path == "/" or path.startswith("/page/"):
            number = 1 if path == "/" else int(path.split("/")[2])
            links = "".join(
                f'<article class="card"><a href="/t{number}{k}?gclid=1">Товар</a></article>'
                for k in range(self.PER_PAGE)
            )
            more = f'<a rel="next" href="/page/{number + 1}/">Далее</a>' if number < self.PAGES else ""
            return self.frame(f"<header><a href='/about'>О нас</a></header>{links}{more}")
        if path.startswith("/t"):
            code = path[2:]
            tags = {
                "og:type": "product",
                "og:title": f"Кружка «Ёлка» № {code}",
                "og:image": f"/i/{code}.webp",
                "og:site_name": "Подарки",
                "product:price:amount": "1 290",
                "product:price:currency": "RUB",
            }
            head = "".join(f'<meta property="{k}" content="{html.escape(v)}">' for k, v in tags.items())
            return self.frame("<h1>Кружка</h1>", f'{head}<link rel="canonical" href="/t{code}">')
        return None


@contextmanager
def served(shop: Shop):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            parts = urlsplit(self.path)
            shop.seen.append(self.path)
            time.sleep(shop.pause)
            found = shop.page(parts.path, parse_qs(parts.query))
            kind, body = found or ("text/plain", "not found")
            body = body.encode() if isinstance(body, str) else body
            if kind == "location":
                self.send_response(302)
                self.send_header("Location", body.decode())
            else:
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    shop.url = f"http://127.0.0.1:{server.server_port}"
    shop.place = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield shop
    server.shutdown()
    server.server_close()
