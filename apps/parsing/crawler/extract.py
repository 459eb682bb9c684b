"""Products out of a page: JSON-LD, microdata, Open Graph, in this order of trust."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import extruct
from parsel import Selector

log = logging.getLogger(__name__)
PRODUCTS = {"Product", "ProductGroup", "IndividualProduct", "ProductModel", "SomeProducts", "Book", "Vehicle"}
LISTS = {"ItemList", "OfferCatalog", "CollectionPage", "SearchResultsPage"}
MAX_DEPTH = 8


def products(html: str, url: str) -> list[dict]:
    """The products of a page as items of a batch, without site_key; a detail page gives one, a list many."""
    try:
        data = extruct.extract(
            html, base_url=url, syntaxes=["json-ld", "microdata", "opengraph"], uniform=True, errors="ignore"
        )
    except Exception:
        # extruct hands on whatever its parsers raise about a page that no parser was made for.
        log.warning("%s can not be read", url, exc_info=True)
        return []
    page = Selector(html)
    for syntax in ("json-ld", "microdata"):
        nodes = list(_nodes(data.get(syntax)))
        found = [item for node in nodes if _is(node, PRODUCTS) and (item := _item(node, url))]
        if found:
            return _completed(_distinct(found), page, url, _breadcrumb(nodes))
    item = _open_graph(data.get("opengraph") or [], url)
    return _completed([item], page, url, "") if item else []


def _nodes(value: Any, depth: int = 0) -> Iterator[dict]:
    """Every typed object, the outer ones first; not into a product, whose parts are not for sale by themselves."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _nodes(inner, depth + 1)
    elif isinstance(value, dict):
        if "@type" in value:
            yield value
        if _is(value, PRODUCTS):
            return
        for inner in value.values():
            if isinstance(inner, dict | list):
                yield from _nodes(inner, depth + 1)


def _is(node: dict, types: set[str]) -> bool:
    kinds = node.get("@type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(k, str) and k.rsplit("/", 1)[-1].rsplit(":", 1)[-1] in types for k in kinds)


def _first(value: Any, *keys: str) -> str:
    """The first text in a value that may be a text, a list, or an object with one of the keys."""
    if isinstance(value, list):
        return next((text for v in value if (text := _first(v, *keys))), "")
    if isinstance(value, dict):
        return next((text for k in keys if (text := _first(value.get(k), *keys))), "")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).strip()
    return ""


def _item(node: dict, url: str) -> dict | None:
    title = _first(node.get("name"), "@value", "name")
    if not title:
        return None
    offer = _offer(node)
    specification = offer.get("priceSpecification")
    price = next((p for k in ("price", "lowPrice", "highPrice") if (p := _price(offer.get(k)))), "")
    address = _first(node.get("url"), "@id", "url") or _first(offer.get("url"), "@id", "url")
    return {
        "title": title,
        "product_url": _joined(url, address) if address else "",
        "description": _first(node.get("description"), "@value") or None,
        "price": price or _price(specification) or None,
        "currency": _first(offer.get("priceCurrency")) or _first(specification, "priceCurrency") or None,
        "image_url": _image(node.get("image"), url),
        "merchant": _first(offer.get("seller"), "name") or None,
        "category": _category(node.get("category")) or None,
        "raw_data": {
            key: text
            for key in ("sku", "gtin", "gtin13", "gtin8", "mpn", "brand", "color", "availability")
            if (text := _first(node.get(key) or offer.get(key), "name", "@id"))
        },
    }


def _price(value: Any) -> str:
    """A price as the page writes it; of a number, whose point is one, no more than cents."""
    if isinstance(value, list):
        return next((price for v in value if (price := _price(v))), "")
    if isinstance(value, dict):
        return _price(value.get("@value") or value.get("price"))
    return f"{value:.2f}" if isinstance(value, float) else _first(value)


def _offer(node: dict) -> dict:
    offers = node.get("offers")
    if not offers and (variants := node.get("hasVariant")):
        variant = variants[0] if isinstance(variants, list) and variants else variants
        offers = variant.get("offers") if isinstance(variant, dict) else None
    offers = offers if isinstance(offers, list) else [offers]
    offers = [o for o in offers if isinstance(o, dict)]
    priced = [o for o in offers if _first(o.get("price") or o.get("lowPrice"), "@value")]
    if priced:
        return priced[0]
    inner = [i for o in offers if isinstance(o.get("offers"), dict | list) for i in [_offer(o)] if i]
    return (inner or offers or [{}])[0]


def _image(value: Any, url: str) -> str | None:
    found = _first(value, "contentUrl", "url", "@id")
    return (_joined(url, found) or None) if found else None


def _joined(url: str, address: str) -> str:
    """An address of a page, whole; "" for what is none, which costs no product."""
    try:
        joined = urljoin(url, address)
        urlsplit(joined).port  # noqa: B018  parsed by being asked for
    except ValueError:
        return ""
    return joined


def _category(value: Any) -> str:
    found = _first(value, "name", "@value")
    if found.startswith(("http://", "https://")):
        return ""
    return found.replace("&gt;", ">").rsplit(">", 1)[-1].strip()


def _breadcrumb(nodes: list[dict]) -> str:
    """The last category of the trail of crumbs: the one before the product itself."""
    for node in nodes:
        crumbs = node.get("itemListElement")
        if _is(node, {"BreadcrumbList"}) and isinstance(crumbs, list):
            names = [_first(c, "name", "item") for c in crumbs if isinstance(c, dict)]
            names = [n for n in names if n and not n.startswith(("http://", "https://"))]
            if len(names) > 1:
                return names[-2] if len(names) > 2 else names[-1]
    return ""


def _open_graph(nodes: list, url: str) -> dict | None:
    for node in nodes:
        kind = str(node.get("@type") or node.get("og:type") or "")
        amount = next((_first(v) for k, v in node.items() if str(k).endswith("price:amount")), "")
        title = _first(node.get("og:title"))
        if title and ("product" in kind.lower() or amount):
            currency = next((_first(v) for k, v in node.items() if str(k).endswith("price:currency")), "")
            return {
                "title": title,
                "product_url": _joined(url, _first(node.get("og:url"))) or url,
                "description": _first(node.get("og:description")) or None,
                "price": amount or None,
                "currency": currency or None,
                "image_url": _image(node.get("og:image"), url),
                "merchant": _first(node.get("og:site_name")) or None,
                "category": _first(node.get("product:category")) or None,
                "raw_data": {},
            }
    return None


def _distinct(found: list[dict]) -> list[dict]:
    return list({(i["product_url"], i["title"]): i for i in found}.values())


def _completed(found: list[dict], page: Selector, url: str, crumb: str) -> list[dict]:
    """What single products lack and the page says. In a list, what names no address of its own is left out."""
    site = page.css('meta[property="og:site_name"]::attr(content)').get("").strip() or urlsplit(url).hostname
    if len(found) == 1:
        canonical = page.css('link[rel="canonical"]::attr(href)').get("").strip()
        canonical = _joined(url, canonical) if canonical else ""
        same = urlsplit(canonical).hostname == urlsplit(url).hostname
        found[0]["product_url"] = canonical if same else found[0]["product_url"] or url
    for item in found:
        item["merchant"] = item["merchant"] or site
        item["category"] = item["category"] or crumb or None
    return [item for item in found if item["product_url"]]
