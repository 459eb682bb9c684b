"""A batch as it came over the wire: read item by item, so that a bad one does not spoil the others. No database."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any

import msgspec

from apps.parsing.addresses import normalised
from apps.parsing.items import NAME, SITE_KEY, Item, category, key, line, text

DEPTH = 100  # of nesting, where it is too deep to be read at all
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


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


class Incoming:
    """A batch that was read.

    entries: what was sent of each product, by gift_id: (index, address, category, item), the last one last
    rejected: the reason by index
    names: of all categories that it holds; NULL among them
    categories: as `_categories` gives them
    """

    def __init__(self, body: bytes):
        """Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError where the batch as a whole does not fit."""
        self.batch, indexes, self.rejected = _read(body)
        self.entries: dict[str, list[tuple[int, str, str, Item]]] = {}
        self.categories = _categories(self.batch)
        self.names = {label for _, label, _, _ in self.categories}
        for index, item in zip(indexes, self.batch.items, strict=True):
            try:
                gift_id, url = key(item)
            except ValueError as error:
                self.rejected[index] = str(error)
            else:
                self.names.add(label := category(item))
                self.entries.setdefault(gift_id, []).append((index, url, label, item))
        self.source_ids = {self.batch.source_id, *(item.source_id for item in self.batch.items)} - {None}

    def lines(
        self,
        gift_ids: Iterable[str],
        *,
        sources: Container[int],
        names: dict[str, int | str],
        made: Counter,
        plain: bool,
    ) -> Iterator[str]:
        """A line for COPY of each product that fits: the columns of `items.line`, the category, the source.

        names: ids of the categories. made: how many of each source there were, counted here. plain: see `items.line`.
        """
        for gift_id in gift_ids:
            found = None
            for index, url, label, item in self.entries[gift_id]:
                source_id = self.batch.source_id if item.source_id is None else item.source_id
                try:
                    if source_id not in sources:
                        raise ValueError(f"source_id: There is no source {source_id}.")
                    columns = line(item, gift_id, url, plain=plain)
                except ValueError as error:
                    self.rejected[index] = str(error)
                else:
                    found = f"{columns}\t{names[label]}\t{source_id}\n", source_id
            if found:
                made[found[1]] += 1
                yield found[0]


def _read(body: bytes) -> tuple[Batch, list[int], dict[int, str]]:
    """The batch, the index of each of its items as sent, and why others could not be read."""
    try:
        batch = _strict.decode(body)
        return batch, list(range(len(batch.items))), {}
    except msgspec.DecodeError:
        pass
    except RecursionError:
        body = _shallow(body)
    # Half a surrogate pair makes no character, and the whole body no JSON.
    body = _ESCAPES.sub(lambda m: b"\\ufffd" if m.group(1) else m.group(), body)
    loose = _loose.decode(body)
    items, indexes, rejected, categories = [], [], {}, []
    for index, raw in enumerate(loose.items):
        try:
            items.append(_item.decode(raw))
            indexes.append(index)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            rejected[index] = str(error)[:300]
    for raw in loose.categories or []:
        try:
            categories.append(_category.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return Batch(loose.source_id, loose.run_id, items, categories, loose.stats), indexes, rejected


def _shallow(body: bytes) -> bytes:
    """The same JSON with null for what is nested deeper than DEPTH: one such item does not spoil the others."""
    parts, kept, depth = [], 0, 0
    for found in _NESTING.finditer(body):
        mark = body[found.start() : found.start() + 1]
        if mark in (b"[", b"{"):
            depth += 1
            if depth == DEPTH + 1:
                parts.append(body[kept : found.start()] + b"null")
        elif mark in (b"]", b"}"):
            if depth == DEPTH + 1:
                kept = found.end()
            depth -= 1
    return b"".join([*parts, body[kept:]])


def _categories(batch: Batch) -> list[tuple[str, str, str, str]]:
    """(url, name, site_key, parent url) of each category once; what does not fit is left out."""
    found = {}
    for given in batch.categories or ():
        label = text(given.name, NAME)
        try:
            url = normalised(given.url)
            parent = normalised(given.parent_url) if given.parent_url else ""
        except ValueError:
            continue
        if label and SITE_KEY.fullmatch(given.site_key):
            found[url] = (url, label, given.site_key, parent)
    return sorted(found.values())
