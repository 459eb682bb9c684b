"""What was sent, held against what WordPress has: kept, changed or dropped, field by field."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from apps.integration.services.sync.texts import SEO_KEYS
from apps.writer.models import Content


@dataclass(frozen=True, slots=True)
class Wanted:
    """`fields` as they are sent. `terms`: by the article's field, of those that the post type has, the ids by name;
    `terms_at` the post's field for them. `author`: the user who was asked for, if we may write as him; `has_author`:
    one was asked for. `images`: the address by image id, "" for one that could not be sent; `featured` and `alt_kept`
    are image ids."""

    fields: dict
    terms: dict[str, dict[str, int]]
    images: dict[int, str]
    featured: int | None
    alt_kept: set[int]
    terms_at: dict[str, str]
    author: int | None = None
    has_author: bool = False

    def stands(self, stored: dict, *, meta: bool = True) -> bool:
        """Whether a post, as read, is this already; `meta`: its SEO fields too."""
        wanted_meta = self.fields.get("meta", {}) if meta else {}
        return all(stored.get("meta", {}).get(key) == value for key, value in wanted_meta.items()) and all(
            same_value(name, value, _raw(stored, name))
            for name, value in self.fields.items()
            if name != "meta"
        )


@dataclass(frozen=True, slots=True)
class Written:
    """What stands at the target. `fields` by name: kept, changed or dropped."""

    external_id: str
    url: str
    published_at: datetime
    fields: dict[str, str] = field(default_factory=dict)
    # False: a draft, as the account wants it, which people publish there.
    is_out: bool = True
    # Says, in the transaction that makes the article published, that both sides agree on it.
    agreed: Callable[[], None] = lambda: None


def as_text(text: str) -> str:
    """Text for a field of WordPress that is shown as HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;")


def told(content: Content, wanted: Wanted, stored: dict) -> dict[str, str]:
    """By field of the article; those that it leaves empty are kept when WordPress leaves them empty too."""
    fields = {
        name: _of(name, wanted.fields.get(name, getattr(content, name, "")), _raw(stored, name))
        for name in ("title", "excerpt", "slug", "status")
    }
    fields["html"] = _of("content", wanted.fields["content"], _raw(stored, "content"))
    for taxonomy in ("categories", "tags"):
        names = set(getattr(content, taxonomy))
        if taxonomy not in wanted.terms:
            if names:
                fields[taxonomy] = "dropped"
            continue
        terms, there = wanted.terms[taxonomy], set(stored.get(wanted.terms_at[taxonomy], []))
        # Without a category WordPress gives its default one.
        same = there == set(terms.values()) or (taxonomy == "categories" and not names and len(there) <= 1)
        fields[taxonomy] = "kept" if same and names == set(terms) else "changed" if there else "dropped"
    if wanted.has_author:
        is_theirs = stored.get("author") == wanted.author
        fields["author"] = "dropped" if wanted.author is None else "kept" if is_theirs else "changed"
    same_date = content.published_at is None or content.published_at.replace(tzinfo=None, microsecond=0) == (
        datetime.fromisoformat(stored["date_gmt"])
    )
    fields["date"] = "kept" if same_date else "changed"
    is_featured = stored.get("featured_media") == wanted.fields.get("featured_media", 0)
    if wanted.featured is not None:
        fields["featured_image"] = (
            "kept" if is_featured else "changed" if stored.get("featured_media") else "dropped"
        )
    if wanted.images:
        raw = unescape(_raw(stored, "content"))
        shown = [
            pk
            for pk, url in wanted.images.items()
            if url and (is_featured if pk == wanted.featured else unescape(url) in raw)
        ]
        fields["images"] = _of_count(len(wanted.images), len(shown))
        fields["alt_texts"] = _of_count(len(wanted.images), len(wanted.alt_kept))
    meta, sent = stored.get("meta", {}), wanted.fields.get("meta", {})
    for name, keys in SEO_KEYS.items():
        value = getattr(content, name)
        if value:
            found = [meta.get(key) for key in keys if key in sent]
            kept = found and all(f == value for f in found)
            fields[name] = "kept" if kept else "changed" if any(found) else "dropped"
    return fields


def _raw(stored: dict, name: str):
    value = stored.get(name)
    return value.get("raw", "") if isinstance(value, dict) and "raw" in value else value


def same_value(name: str, sent, stored) -> bool:
    """Whether what WordPress has of a field, raw, is what was sent."""
    if name == "slug":  # other scripts come back percent-encoded
        return unquote(sent) == unquote(stored or "")
    if isinstance(sent, str) and isinstance(stored, str):
        return _html(sent) == _html(stored)
    if isinstance(sent, list):
        return sorted(sent) == sorted(stored or [])
    return sent == stored


def _of(name: str, sent: str, stored: str | None) -> str:
    if sent and not stored:
        return "dropped"
    return "kept" if same_value(name, sent, stored or "") else "changed"


def _html(html: str) -> str:
    """HTML as a parser sees it, so that only what differs differs."""
    return LexborHTMLParser(f"<body>{html}</body>").body.html.strip()


def _of_count(wanted: int, found: int) -> str:
    return "kept" if found == wanted else "changed" if found else "dropped"
