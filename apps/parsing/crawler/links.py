"""Where a page leads: on in a list, to categories, to products, or nowhere of interest."""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from parsel import Selector

from apps.parsing.addresses import normalised

_DULL = re.compile(
    r"/(?:cart|basket|checkout|account|login|log-in|signin|sign-in|register|wishlist|compare|customer|my-account"
    r"|privacy|terms|contact|about|blog|news|help|faq|cdn-cgi|wp-admin|wp-json|search|feed)(?:[/.?]|$)"
    r"|\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|pdf|zip|xml|gz|mp4|webm|mp3|woff2?|ttf)(?:\?|$)"
    r"|[?&](?:add-to-cart|add_to_cart|sort|order|orderby|dir|view|filter\w*|sid|session\w*|replytocom|limit)=",
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"/(?:products?|p|item|items|dp|goods|tovar|produkt|artikel|detail)/[^/?]+", re.IGNORECASE
)
_CATEGORY = re.compile(
    r"/(?:c|cat|category|categories|catalog|catalogue|collections?|product-category|shop|department|kategorie|katalog)"
    r"/[^?]+",
    re.IGNORECASE,
)
_NEXT = re.compile(
    r"^(?:next|weiter|suivant|siguiente|далее|вперед|следующая|›|»|→|>|>>)(?:\s*(?:page|›|»|→|>))?$", re.I
)
_PAGE = re.compile(r"[?&](?:page|p|paged|pg|PAGEN_\d+)=\d+|/page/?\d+/?(?:$|\?)", re.IGNORECASE)
_MENU = (
    "ancestor-or-self::*[self::nav or self::header or contains(@class,'menu') or contains(@class,'nav')"
    " or contains(@class,'categor') or contains(@id,'menu') or contains(@role,'navigation')]"
)
_CARD = (
    "ancestor-or-self::*[contains(@class,'product') or contains(@class,'card') or contains(@itemtype,'Product')"
    " or contains(@class,'item')]"
)


@dataclass
class Links:
    """Addresses, each once, in the order of the page. `categories` holds (address, name)."""

    pages: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    categories: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def links(html: str, url: str) -> Links:
    page = Selector(html)
    try:
        base = urljoin(url, page.css("base::attr(href)").get("") or "")
    except ValueError:
        base = url
    own = site_of(url)
    found = Links()
    seen = {normalised(url)}

    def address(href: str) -> str | None:
        try:
            target = normalised(urljoin(base, href.strip()))
        except ValueError:
            return None
        if target in seen or site_of(target) != own or _DULL.search(target):
            return None
        seen.add(target)
        return target

    for href in page.xpath("//link[@rel='next']/@href | //a[contains(@rel,'next')]/@href").getall():
        if target := address(href):
            found.pages.append(target)
    for anchor in page.xpath("//a[@href]"):
        href, text = anchor.attrib["href"], " ".join(anchor.xpath(".//text()").getall()).strip()
        if (target := address(href)) is None:
            continue
        if _PAGE.search(target) or _NEXT.match(text) or "next" in anchor.attrib.get("class", "").split():
            found.pages.append(target)
        elif _PRODUCT.search(target) or (anchor.xpath(_CARD) and not anchor.xpath(_MENU)):
            found.products.append(target)
        elif text and len(text) <= 80 and (_CATEGORY.search(target) or anchor.xpath(_MENU)):
            found.categories.append((target, " ".join(text.split())))
        else:
            found.others.append(target)
    return found


def site_of(url: str) -> str:
    """The shop that an address belongs to: its host and port. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').removeprefix('www.')}:{parts.port}"
