"""A post of WordPress, read: its fields raw, as ours, and as hashes that say whether they changed."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from apps.core.errors import Invalid
from apps.writer.models import Content
from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import MAX_DEPTH, html_check_depth, html_clean

# Of a post: by our field where WordPress's plug-ins for search engines keep it. Of several that one counts which was
# changed there, else the first that holds something.
SEO_KEYS = {
    "meta_title": ("_yoast_wpseo_title", "rank_math_title", "_aioseo_title", "_seopress_titles_title"),
    "meta_description": (
        "_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description", "_seopress_titles_desc",
    ),
    "primary_keyword": (
        "_yoast_wpseo_focuskw", "rank_math_focus_keyword", "_aioseo_keywords", "_seopress_analysis_target_kw",
    ),
}  # fmt: skip
TEXTS = {"title": "title", "html": "content", "excerpt": "excerpt", "slug": "slug"}
FIELDS = (*TEXTS, "categories", "tags", *SEO_KEYS)
LENGTHS = {"title": 300, "slug": 200, "meta_title": 200, "meta_description": 400, "primary_keyword": 500}
STATUSES = "publish,future,draft,pending,private,trash"
# The slug of a draft that publishing has just made, until the article is out.
KEY_SLUG = re.compile(r"igny8-[0-9a-f]{32}(-\d+)?")
_BLOCK = re.compile(r"<(?:p|div|h[1-6]|ul|ol|table|blockquote|figure|pre|section)\b", re.IGNORECASE)
_TAG, _COMMENT = re.compile(r"<[^<>]*>?"), re.compile(r"<!--.*?-->", re.DOTALL)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n+")


@dataclass(frozen=True, slots=True)
class PostType:
    """A post type of a site, as the REST API calls it. `terms`: the post's fields for `categories` and `tags`."""

    name: str
    rest_base: str
    namespace: str = "wp/v2"
    terms: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/{self.namespace}/{self.rest_base}"

    @property
    def asked(self) -> str:
        """The fields of a post that a sync reads; all others cost the site time."""
        terms = ",".join(self.terms.values())
        return (
            "id,status,slug,link,date_gmt,modified_gmt,password,title.raw,content.raw,excerpt.raw,featured_media,meta"
            + (f",{terms}" if terms else "")
        )

    @property
    def content_type(self) -> str:
        return self.name if self.name in ("post", "page", "product") else "post"


@dataclass(frozen=True, slots=True)
class Remote:
    """A post as it stands at WordPress. `fields` by WordPress's names, SEO fields as `meta:<key>`."""

    id: int
    kind: PostType
    status: str
    url: str
    modified_gmt: str
    published_at: datetime | None
    is_protected: bool
    fields: dict[str, Any]

    @property
    def hashes(self) -> dict[str, str]:
        return {name: digest(value) for name, value in self.fields.items()}

    @property
    def base(self) -> dict[str, str]:
        return {name: self.fields.get(name) or "" for name in ("title", "content", "excerpt")}

    def names_of(self, name: str) -> tuple[str, ...]:
        """Which of `fields` are our field of this name."""
        if name in TEXTS:
            return (TEXTS[name],)
        if name in SEO_KEYS:
            return tuple(f"meta:{key}" for key in SEO_KEYS[name])
        if name == "featured_image":
            return ("featured_media",)
        return (self.kind.terms[name],) if name in self.kind.terms else ()


def field_of(row: Mapping, name: str) -> Any:
    """A field of a post by WordPress's name, a meta field by `meta:<key>`: raw, ids in order, and never null, whatever
    a plug-in made of it."""
    if name.startswith("meta:"):
        meta = row.get("meta")
        return _text(meta.get(name[5:])) if isinstance(meta, dict) else ""
    value = row.get(name)
    if name == "slug":
        return unquote(_text(value))
    if name in ("title", "content", "excerpt"):
        return _text(value.get("raw")) if isinstance(value, dict) else _text(value)
    if isinstance(value, list):
        return sorted(i for i in value if isinstance(i, int))
    return value if isinstance(value, int) else _text(value)


def remote_of(row: Mapping, kind: PostType) -> Remote:
    """A row of the REST API."""
    fields = {name: field_of(row, name) for name in TEXTS.values()}
    fields |= {name: field_of(row, name) or [] for name in kind.terms.values()}
    fields["featured_media"] = field_of(row, "featured_media") or 0
    meta = row.get("meta")
    there = meta if isinstance(meta, dict) else {}
    fields |= {
        f"meta:{k}": field_of(row, f"meta:{k}") for keys in SEO_KEYS.values() for k in keys if k in there
    }
    return Remote(
        id=int(row["id"]),
        kind=kind,
        status=_text(row.get("status"))[:20],
        url=_text(row.get("link")) if len(_text(row.get("link"))) <= 600 else "",
        modified_gmt=_text(row.get("modified_gmt"))[:25],
        published_at=_time(row.get("date_gmt")),
        is_protected=bool(row.get("password")),
        fields=fields,
    )


def ours_of(
    remote: Remote,
    term_names: Mapping[int, str],
    images: Mapping[str, list[int]],
    agreed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The fields of an article that a post is. `images`: by address the image here and the medium there. `agreed`: the
    hashes of what both sides agreed on, by WordPress's names."""
    fields, agreed, hashes = remote.fields, agreed or {}, remote.hashes
    found: dict[str, Any] = {
        "title": " ".join(unescape(fields["title"]).split())[:300],
        "html": html_of(fields["content"], images),
        "excerpt": unescape(fields["excerpt"]).strip(),
        "slug": fields["slug"][:200],
    }
    for name in ("categories", "tags"):
        if name in remote.kind.terms:
            found[name] = [term_names[i] for i in fields[remote.kind.terms[name]] if i in term_names]
    for name in SEO_KEYS:
        keys = [key for key in remote.names_of(name) if key in fields]
        if keys:
            # Where several plug-ins have a field, all hold what was sent: what somebody changed since is the one.
            changed = [key for key in keys if hashes[key] != agreed.get(key, digest(""))]
            found[name] = next((fields[key] for key in changed or keys if fields[key]), "")[: LENGTHS[name]]
    return found


def html_of(raw: str, images: Mapping[str, list[int]]) -> str:
    """Clean HTML of the raw text of a post: of blocks, or of the old editor's lines. Its pictures are those of ours."""
    text = raw.replace("\r\n", "\n")
    if _is_too_deep(text):  # broken markup, of which the words are left
        text = _TAG.sub(" ", _COMMENT.sub("\n\n", text))
    if "<!-- wp:" not in text and not _BLOCK.search(text):
        chunks = (chunk.strip().replace("\n", "<br>") for chunk in _PARAGRAPH_END.split(text))
        text = "".join(f"<p>{chunk}</p>" for chunk in chunks if chunk)
    if "<img" in text.lower():
        text = _with_our_pictures(text, images)
    return html_clean(text)


def is_lossy(raw: str, html: str, images: Mapping[str, list[int]], before: str = "") -> bool:
    """Whether the text would come back to WordPress as something else than it is there; `before`: what it was then.

    A picture of ours that was taken out there would come back too.
    """
    media = {}
    for url, (image_id, medium_id) in images.items():
        html = html.replace(f'"/api/v1/writer/images/file/?id={image_id}"', f'"{url}"')
        media[url] = medium_id
    if any(url in before and url not in raw for url in images):
        return True
    return normal(html_blocks(html, media)) != normal(raw)


def normal(html: str) -> str:
    """HTML as a parser sees it, so that only what differs differs."""
    text = html.replace("\r\n", "\n").strip()
    if ("<" not in text and "&" not in text) or _is_too_deep(text):
        return text
    return (LexborHTMLParser(f"<body>{text}</body>").body.inner_html or "").strip()


def digest(value: Any) -> str:
    """A hash of a field's value, the same for what means the same."""
    if isinstance(value, str):
        data = normal(value)
    else:
        data = json.dumps(sorted(value, key=str) if isinstance(value, list) else value, ensure_ascii=False)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def digests_of(content: Content) -> dict[str, str]:
    """Of the fields of an article that WordPress gets."""
    return {name: digest(getattr(content, name)) for name in FIELDS}


def _with_our_pictures(html: str, images: Mapping[str, list[int]]) -> str:
    tree = LexborHTMLParser(f"<body>{html}</body>")
    for node in tree.css("img"):
        known = images.get(node.attributes.get("src") or "")
        if known:
            node.attrs["src"] = f"/api/v1/writer/images/file/?id={known[0]}"
        else:
            frame = node.parent if node.parent is not None and node.parent.tag == "figure" else node
            frame.decompose()
    return tree.body.inner_html or ""


def _is_too_deep(html: str) -> bool:
    """Whether no parser should be asked for it."""
    if html.count("<") <= MAX_DEPTH:
        return False
    try:
        html_check_depth(html)
    except Invalid:
        return True
    return False


def _text(value: Any) -> str:
    """What PostgreSQL stores of a text: no null characters, no half of a pair."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
