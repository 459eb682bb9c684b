"""What a batch holds, item by item: read, held against its limits, made alike. No database."""

import re
from collections.abc import Iterable
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
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
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


class Category(msgspec.Struct):
    name: str
    url: str
    site_key: str
    parent_url: str | None = None


class Batch(msgspec.Struct):
    source_id: int
    run_id: int | None = None
    items: list[Item] = []
    categories: list[Category] | None = None
    stats: dict[str, Any] | None = None


class LooseBatch(msgspec.Struct):
    """The same, of which single items may not fit."""

    source_id: int
    run_id: int | None = None
    items: list[msgspec.Raw] = []
    categories: list[msgspec.Raw] | None = None
    stats: dict[str, Any] | None = None


_strict = msgspec.json.Decoder(Batch)
_loose = msgspec.json.Decoder(LooseBatch)
_item = msgspec.json.Decoder(Item)
_category = msgspec.json.Decoder(Category)


def read(body: bytes) -> tuple[Batch, list[int], list[dict]]:
    """The batch, the index of each of its items as sent, and what could not be read.

    Raises msgspec.DecodeError or msgspec.ValidationError where the batch as a whole does not fit.
    """
    try:
        batch = _strict.decode(body)
        return batch, list(range(len(batch.items))), []
    except msgspec.DecodeError:
        pass
    # Half a surrogate pair makes no character, and the whole body no JSON.
    body = _ESCAPES.sub(lambda m: b"\\ufffd" if m.group(1) else m.group(), body)
    loose = _loose.decode(body)
    items, indexes, rejected, categories = [], [], [], []
    for index, raw in enumerate(loose.items):
        try:
            items.append(_item.decode(raw))
            indexes.append(index)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            rejected.append({"index": index, "reason": str(error)[:300]})
    for raw in loose.categories or []:
        try:
            categories.append(_category.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return Batch(loose.source_id, loose.run_id, items, categories, loose.stats), indexes, rejected


def copy_text(rows: Iterable[tuple], categories: dict[str, int | str]) -> bytes:
    """What `row` made, in PostgreSQL's COPY format, several times faster than by field. `categories`: ids by name."""
    lines = []
    for row in rows:
        line = "\t".join(row[:10])
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != 9:
            line = "\t".join([value.translate(_COPY) for value in row[:10]])
        lines.append(f"{line}\t{categories[row[10]]}\t{row[11]}\n")
    return "".join(lines).replace(NULL, "\\N").encode()


def categories(batch: Batch) -> list[tuple[str, str, str, str]]:
    """(url, name, site_key, parent url) of each category once; what does not fit is left out."""
    found = {}
    for category in batch.categories or ():
        label = text(category.name, NAME)
        try:
            url = normalised(category.url)
            parent = normalised(category.parent_url) if category.parent_url else ""
        except ValueError:
            continue
        if label and SITE_KEY.fullmatch(category.site_key):
            found[url] = (url, label, category.site_key, parent)
    return sorted(found.values())


def text(value: str | None, limit: int) -> str:
    """One line of text: white space made one blank, null characters dropped, cut to `limit`."""
    if not value:
        return ""
    if not value.isprintable():
        value = _SPACE.sub(" ", value.replace("\0", ""))
    return value.strip()[:limit]


def row(item: Item, source_id: int) -> tuple:
    """The columns of a product: gift_id, site_key, product_url, title, description, price, currency, image_url,
    merchant, raw_data (as JSON text), the category's name, the source's id; NULL for what there is none of. Raises
    ValueError with a sentence.
    """
    site_key = item.site_key
    if site_key not in _known_sites:
        if not SITE_KEY.fullmatch(site_key):
            raise ValueError("site_key: 1 to 100 letters, digits, dots, dashes and underscores are needed.")
        if len(_known_sites) < 10_000:
            _known_sites.add(site_key)
    title = text(item.title, TITLE)
    if not title:
        raise ValueError("title: It is empty.")
    try:
        url = normalised(item.product_url)
    except ValueError as error:
        raise ValueError(f"product_url: {error}") from None
    amount, currency = price_of(item.price, item.currency)
    description = item.description or ""
    if "\0" in description:
        description = description.replace("\0", "")
    return (
        f"{site_key}:{url}",
        site_key,
        url,
        title,
        description.strip()[:DESCRIPTION],
        amount or NULL,
        currency,
        image_of(item.image_url) if item.image_url else "",
        name(item.merchant) if item.merchant else "",
        raw_of(item.raw_data) or NULL,
        (name(item.category) or NULL) if item.category else NULL,
        source_id,
    )


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
