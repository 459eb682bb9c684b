"""What an item of a batch holds: held against its limits, made alike, as it is copied. No database."""

import re
from functools import lru_cache
from typing import Any

import msgspec
from price_parser import Price

from apps.parsing.addresses import MAX_LENGTH, normalised

TITLE, NAME, DESCRIPTION = 1000, 300, 20_000  # characters kept
RAW_BYTES = 32 * 1024
MAX_PRICE = 10**12 - 1
SITE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AMOUNT = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,2})?")
# Three digits at the end that are no thousands: after a nought, after four digits or more, after the other separator.
_DECIMALS = {
    mark: re.compile(
        rf"(?<![\d.,])(?:0|\d{{4,}}|\d{{1,3}}(?:{re.escape(other)}\d{{3}})+){re.escape(mark)}\d{{3}}(?![\d.,])"
    )
    for mark, other in ((".", ","), (",", "."))
}
# Of a number that PostgreSQL might not hold, or Python not read again.
_EXPONENT = re.compile(rb"[0-9][eE][+-]?[0-9]{3}")
_DIGITS = re.compile(rb"[0-9]{1000}")
NULL = "\0"  # no text has one in it
_COPY = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_known_sites: set[str] = set()
_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_CURRENCIES = {
    "€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₽": "RUB", "₴": "UAH", "₹": "INR", "₺": "TRY", "₩": "KRW",
    "₪": "ILS", "₫": "VND", "₸": "KZT", "฿": "THB", "zł": "PLN", "Kč": "CZK", "kr": "SEK", "kr.": "DKK",
    "лв": "BGN", "lei": "RON", "Ft": "HUF", "руб": "RUB", "руб.": "RUB", "р.": "RUB", "грн": "UAH", "CHF": "CHF",
    "R$": "BRL", "US$": "USD", "C$": "CAD", "A$": "AUD", "CA$": "CAD", "AU$": "AUD", "Rs.": "INR", "Rp": "IDR",
}  # fmt: skip


class Item(msgspec.Struct, gc=False):
    title: str
    product_url: str
    site_key: str
    description: str | None = None
    price: float | int | str | None = None
    currency: str | None = None
    image_url: str | None = None
    merchant: str | None = None
    category: str | None = None
    raw_data: msgspec.Raw = msgspec.Raw()
    source_id: int | None = None


def text(value: str | None, limit: int) -> str:
    """One line of text: white space made one blank, null characters dropped, cut to `limit`."""
    if not value:
        return ""
    if not value.isprintable():
        value = _SPACE.sub(" ", value.replace("\0", ""))
    return value.strip()[:limit]


def key(item: Item) -> tuple[str, str]:
    """(gift_id, address): what tells this product from all others. Raises ValueError with a sentence."""
    site_key = item.site_key
    if site_key not in _known_sites:
        if not SITE_KEY.fullmatch(site_key):
            raise ValueError("site_key: 1 to 100 letters, digits, dots, dashes and underscores are needed.")
        if len(_known_sites) < 10_000:
            _known_sites.add(site_key)
    try:
        url = normalised(item.product_url)
    except ValueError as error:
        raise ValueError(f"product_url: {error}") from None
    return f"{site_key}:{url}", url


def category(item: Item) -> str:
    """The category's name; NULL without one."""
    return (name(item.category) or NULL) if item.category else NULL


def line(item: Item, gift_id: str, url: str, *, plain: bool = False) -> str:
    """The columns of a product as PostgreSQL's COPY takes them, with NULL for what there is none of: gift_id,
    site_key, product_url, title, description, price, currency, image_url, merchant, raw_data.

    plain: raw_data is written anew, or left out where it cannot be. Raises ValueError with a sentence.
    """
    title = text(item.title, TITLE)
    if not title:
        raise ValueError("title: It is empty.")
    amount, currency = price_of(item.price, item.currency)
    description = item.description or ""
    if "\0" in description:
        description = description.replace("\0", "")
    raw = raw_of(item.raw_data)
    if plain:
        raw = plain_json(raw, strict=False)
    values = (
        gift_id,
        item.site_key,
        url,
        title,
        description.strip()[:DESCRIPTION],
        amount or NULL,
        currency,
        image_of(item.image_url) if item.image_url else "",
        name(item.merchant) if item.merchant else "",
        raw or NULL,
    )
    joined = "\t".join(values)
    if "\\" in joined or "\n" in joined or "\r" in joined or joined.count("\t") != 9:
        return "\t".join([value.translate(_COPY) for value in values])
    return joined


@lru_cache(maxsize=4096)
def name(value: str) -> str:
    """A name that comes with one product after another."""
    return text(value, NAME)


def price_of(price: float | int | str | None, currency: str | None) -> tuple[str | None, str]:
    """Amount as a decimal string and ISO 4217 code. A text without a price in it ("on request") is none."""
    code = _code(currency) if currency else ""
    if price is None:
        return None, code
    if isinstance(price, str):
        if _AMOUNT.fullmatch(price):
            return price, code
        if price.lstrip().startswith(("-", "−")):
            raise ValueError("price: It is below zero.")
        price = price[:200]
        parsed = Price.fromstring(
            price,
            currency_hint=currency[:20] if currency else None,
            decimal_separator=next((mark for mark, form in _DECIMALS.items() if form.search(price)), None),
        )
        amount, code = parsed.amount, code or _code(parsed.currency)
        if amount is None:
            return None, code
    else:
        amount = price
    if not 0 <= amount < MAX_PRICE:
        raise ValueError("price: It is below zero, or more than anything costs.")
    return f"{amount:.2f}", code


@lru_cache(maxsize=512)
def _code(currency: str | None) -> str:
    if not currency:
        return ""
    currency = currency.strip()
    if len(currency) == 3 and currency.isascii() and currency.isalpha():
        return currency.upper()
    return _CURRENCIES.get(currency, "")


def image_of(url: str) -> str:
    url = url.strip()
    if len(url) > MAX_LENGTH or "\0" in url or not url.startswith(("https://", "http://")):
        return ""
    return url


def raw_of(raw: msgspec.Raw) -> str | None:
    """The JSON text that is stored; of what is too large only its size."""
    data = bytes(raw)
    if not data or data == b"null":
        return None
    if len(data) > RAW_BYTES:
        return f'{{"dropped_bytes": {len(data)}}}'
    if b"\\u" in data or _EXPONENT.search(data) or (len(data) > 1000 and _DIGITS.search(data)):
        return plain_json(data)
    return data.decode()


def plain_json(data: bytes | str | None, *, strict: bool = True) -> str | None:
    """The same JSON written anew, without null characters; what has none such is a ValueError, or None."""
    if data is None:
        return None
    try:
        return msgspec.json.encode(_storable(msgspec.json.decode(data))).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        if not strict:
            return None
        raise ValueError(f"raw_data: {error}") from None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_storable(k): _storable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_storable(v) for v in value]
    return value
