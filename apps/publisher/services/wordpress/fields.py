"""What was sent, held against what WordPress has: kept, changed or dropped, field by field."""

from dataclasses import dataclass
from datetime import datetime
from html import unescape

from selectolax.lexbor import LexborHTMLParser

from apps.publisher.services.wordpress.meta import KEYS
from apps.writer.models import Content


@dataclass(frozen=True, slots=True)
class Wanted:
    """`fields` as they are sent. `terms`: by taxonomy the ids by name. `images`: the address by image id, "" for one
    that could not be sent; `featured` and `alt_kept` are image ids."""

    fields: dict
    terms: dict[str, dict[str, int]]
    images: dict[int, str]
    featured: int | None
    alt_kept: set[int]

    def stands(self, stored: dict) -> bool:
        """Whether a post, as read, is this already."""
        meta = self.fields.get("meta", {})
        return all(stored.get("meta", {}).get(key) == value for key, value in meta.items()) and all(
            _as_text(value) == _as_text(_raw(stored, name))
            for name, value in self.fields.items()
            if name != "meta"
        )


def told(content: Content, wanted: Wanted, stored: dict) -> dict[str, str]:
    """By field of the article; those that it leaves empty are kept when WordPress leaves them empty too."""
    fields = {
        name: _of(wanted.fields[sent], _raw(stored, sent))
        for name, sent in {
            "title": "title",
            "excerpt": "excerpt",
            "slug": "slug",
            "status": "status",
        }.items()
    }
    fields["html"] = _of_html(wanted.fields["content"], _raw(stored, "content"))
    for taxonomy, terms in wanted.terms.items():
        missing = len(set(getattr(content, taxonomy)) - set(terms))
        same = not missing and set(terms.values()) <= set(stored.get(taxonomy, []))
        fields[taxonomy] = "kept" if same else "changed" if terms else "dropped"
    same_date = content.published_at is None or content.published_at.replace(tzinfo=None, microsecond=0) == (
        datetime.fromisoformat(stored["date_gmt"])
    )
    fields["date"] = "kept" if same_date else "changed"
    if wanted.featured is not None:
        fields["featured_image"] = _of(wanted.fields["featured_media"], stored.get("featured_media"))
    if wanted.images:
        raw = unescape(_raw(stored, "content"))
        shown = [
            pk for pk, url in wanted.images.items() if url and (pk == wanted.featured or unescape(url) in raw)
        ]
        fields["images"] = _of_count(len(wanted.images), len(shown))
        fields["alt_texts"] = _of_count(len(wanted.images), len(wanted.alt_kept))
    meta, sent = stored.get("meta", {}), wanted.fields.get("meta", {})
    for name, keys in KEYS.items():
        value = getattr(content, name)
        if value:
            found = [meta.get(key) for key in keys if key in sent]
            fields[name] = (
                _of(value, next((f for f in found if f != value), found[0])) if found else "dropped"
            )
    return fields


def _raw(stored: dict, name: str):
    value = stored.get(name)
    return value.get("raw", "") if isinstance(value, dict) and "raw" in value else value


def _as_text(value) -> object:
    if isinstance(value, str):
        return _html(value) if "<" in value else unescape(value).strip()
    if isinstance(value, list):
        return sorted(value)
    return value


def _of(sent, stored) -> str:
    if stored in (None, "") and sent not in (None, ""):
        return "dropped"
    return "kept" if _as_text(sent) == _as_text(stored) else "changed"


def _of_html(sent: str, stored: str) -> str:
    if sent and not stored:
        return "dropped"
    return "kept" if _html(sent) == _html(stored) else "changed"


def _html(html: str) -> str:
    """HTML as a parser sees it, so that only what differs differs."""
    return LexborHTMLParser(f"<body>{html}</body>").body.html.strip()


def _of_count(wanted: int, found: int) -> str:
    return "kept" if found == wanted else "changed" if found else "dropped"
