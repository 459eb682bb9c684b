"""The page of a hosted site: a clean copy of an article and its pictures, under an address of its own."""

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from slugify import slugify

from apps.core.errors import Conflict
from apps.publisher.models import HostedPage
from apps.publisher.services.illustrated import html_illustrated, without_controls
from apps.writer.models import Content, Image
from apps.writer.services.html import html_clean, html_removed

log = logging.getLogger(__name__)
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
# An address holds 600 characters, and a letter that is not ASCII takes up to twelve of them.
SLUG_ENCODED = 400
SLUG_ATTEMPTS = 20
# As seen from an article's page, so that a site keeps its pictures when its own address changes.
PUBLIC_IMAGES = "../images/"
TEXTS = ("title", "excerpt", "meta_title", "meta_description")
LISTS = ("categories", "tags")


@dataclass
class Snapshot:
    """What a page will show. `fields` says of each field of the article: kept, changed or dropped."""

    values: dict
    content_hash: str
    fields: dict[str, str] = field(default_factory=dict)


def slug_clean(text: str) -> str:
    """A slug for an address: lower case, hyphens, in its own script; "" for a text without a letter or digit."""
    slug = slugify(text, allow_unicode=True)
    while len(iri_to_uri(slug)) > SLUG_ENCODED:
        slug = slug[: len(slug) * SLUG_ENCODED // len(iri_to_uri(slug))]
    return slug[:180].strip("-")


def category_slug(name: str) -> str:
    """The part of an address that stands for a category; of a name without a letter, a mark made of its hash."""
    return slug_clean(name) or "c-" + hashlib.sha256(name.encode()).hexdigest()[:10]


def page_write(content: Content) -> tuple[HostedPage, dict[str, str]]:
    """Makes or updates the page of an article in the caller's transaction, which holds the article's lock.

    Returns the page as it is stored and, by field, kept, changed or dropped. A page that would not change is
    not touched. Raises Conflict when no address is free.
    """
    images = list(
        Image.objects.filter(site_id=content.site_id, status=Image.Status.GENERATED, content=content)
    )
    snapshot = _snapshot(content, images)
    page = HostedPage.objects.select_for_update(of=("self",)).filter(content=content).first()
    before = set(page.images) if page else set()
    now = timezone.now()
    page = page or HostedPage(
        account_id=content.account_id,
        site_id=content.site_id,
        content=content,
        published_at=content.published_at or now,
    )
    page.site = content.site
    wanted = slug_clean(content.slug) or slug_clean(content.title) or f"article-{content.pk}"
    if page.content_hash != snapshot.content_hash or not _answers_to(page.slug, wanted, page):
        for name, value in snapshot.values.items():
            setattr(page, name, value)
        page.content_hash, page.updated_at = snapshot.content_hash, now
        _save_under_free_slug(page, wanted)
    page.refresh_from_db(fields=[*snapshot.values, "slug", "published_at", "updated_at"])
    gone = [page.file_path(name) for name in before - set(page.images)]
    transaction.on_commit(lambda: _forget(gone))
    return page, _told(content, page, snapshot)


def _snapshot(content: Content, images: list[Image]) -> Snapshot:
    body = html_clean(content.html)
    stored = {image.pk: name for image in images if (name := _copy(content, image))}
    by_id = {image.pk: image for image in images}
    html = html_illustrated(body, by_id, {pk: PUBLIC_IMAGES + name for pk, name in stored.items()})
    featured = next((stored[i.pk] for i in images if i.kind == Image.Kind.FEATURED and i.pk in stored), "")
    shown = {
        name: {
            "alt": without_controls(by_id[pk].alt),
            "caption": without_controls(by_id[pk].caption),
            "width": by_id[pk].width,
            "height": by_id[pk].height,
        }
        for pk, name in stored.items()
    }
    values = {
        **{name: without_controls(getattr(content, name)) for name in TEXTS},
        **{name: _names(getattr(content, name)) for name in LISTS},
        "html": html,
        "images": shown,
        "featured": featured,
    }
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    fields = {
        "html": "changed" if html_removed(content.html, body) or (content.html and not body) else "kept"
    }
    fields["images"] = _kept_of(len(images), len(stored))
    return Snapshot(values, digest, fields)


def _copy(content: Content, image: Image) -> str:
    """Copies a picture to its public name, which its bytes decide. "" when it can not be read or is no picture."""
    extension = EXTENSIONS.get(image.mime)
    if not extension or not image.file:
        return ""
    try:
        with image.file.open("rb") as file:
            data = file.read()
    except OSError:
        log.warning("the file of image %s can not be read", image.pk, exc_info=True)
        return ""
    name = f"{image.pk}-{hashlib.sha256(data).hexdigest()[:16]}.{extension}"
    path = HostedPage(content_id=content.pk).file_path(name)
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(data))
    return name


def _forget(paths: list[str]) -> None:
    for path in paths:
        try:
            default_storage.delete(path)
        except OSError:
            log.warning("could not delete %s", path, exc_info=True)


def _save_under_free_slug(page: HostedPage, wanted: str) -> None:
    others = HostedPage.objects.filter(site_id=page.site_id).exclude(pk=page.pk)
    for _ in range(SLUG_ATTEMPTS):
        taken = set(others.filter(slug__startswith=wanted).values_list("slug", flat=True))
        if not _answers_to(page.slug, wanted, page) or page.slug in taken:
            page.slug = wanted
            number = 2
            while page.slug in taken:
                page.slug, number = f"{wanted}-{number}", number + 1
        try:
            with transaction.atomic():
                page.save()
            return
        except IntegrityError as error:
            # Somebody else was faster with this slug; all else is not ours to hide.
            if getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") != "hosted_page_slug":
                raise
    raise Conflict(f"Too many pages are being published at the address {wanted}. Try again.")


def _answers_to(slug: str, wanted: str, page: HostedPage) -> bool:
    """Whether the page may stay where it is: an address that is out is not given up for a nicer one."""
    return bool(page.pk) and (slug == wanted or re.fullmatch(re.escape(wanted) + r"-\d+", slug) is not None)


def _told(content: Content, page: HostedPage, snapshot: Snapshot) -> dict[str, str]:
    """By field, from what the database gives back."""
    told = {}
    for name in (*TEXTS, *LISTS, "slug"):
        wanted, stored = getattr(content, name), getattr(page, name)
        told[name] = "kept" if stored == wanted else "changed" if stored else "dropped"
    told["html"] = "dropped" if content.html and not page.html else snapshot.fields["html"]
    if page.html != snapshot.values["html"]:
        told["html"] = "changed"
    told["images"] = snapshot.fields["images"]
    return told


def _kept_of(wanted: int, stored: int) -> str:
    return "kept" if stored == wanted else "changed" if stored else "dropped"


def _names(names: list) -> list[str]:
    """Names in one line each, each once."""
    cleaned = (" ".join(without_controls(name).split()) for name in names if isinstance(name, str))
    return list(dict.fromkeys(name for name in cleaned if name))
