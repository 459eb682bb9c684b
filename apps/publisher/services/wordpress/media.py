"""Pictures in WordPress's library, each once by what its bytes are.

A medium gets a slug made of the hash of its bytes, by which it is found again when the answer to its upload was
lost, or when another site of ours knows it already.
"""

import hashlib
import logging

from apps.core.locks import named_lock
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration
from apps.publisher.models import WordPressMedium
from apps.publisher.services.wordpress.fields import as_text
from apps.writer.models import Content, Image

log = logging.getLogger(__name__)
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_FIELDS = "id,slug,source_url,alt_text"


def media_put(
    site: WordPress, integration: SiteIntegration, content: Content, images: list[Image]
) -> tuple[dict[int, WordPressMedium], set[int]]:
    """The media of these images by image id, uploaded when missing, and the ids of those whose alt text was kept.

    An image whose file can not be read is left out.
    """
    files = {image.pk: data for image in images if (data := _read(image)) is not None}
    hashes = {pk: hashlib.sha256(data).hexdigest() for pk, data in files.items()}
    known = {medium.sha256: medium for medium in _rows(integration).filter(sha256__in=hashes.values())}
    alive = _alive(site, [medium.external_id for medium in known.values()])
    put: dict[int, WordPressMedium] = {}
    for image in images:
        if image.pk not in files:
            continue
        medium = known.get(hashes[image.pk])
        if medium is None or medium.external_id not in alive:
            with _lock(integration, hashes[image.pk]):
                found = _upload(site, content, image, files[image.pk], hashes[image.pk])
            medium, _ = WordPressMedium.objects.update_or_create(
                site_id=integration.site_id,
                place=integration.place,
                sha256=hashes[image.pk],
                defaults={
                    "account_id": integration.account_id,
                    "external_id": found["id"],
                    "url": found["source_url"],
                    "alt": "",
                },
            )
            known[medium.sha256], alive[medium.external_id] = medium, found
        put[image.pk] = medium
    return put, _told_alt(site, images, put, alive)


def media_tidy(site: WordPress, integration: SiteIntegration, content: Content) -> int:
    """Deletes what stands in the library beside the media of an article's images. Returns how many."""
    images = Image.objects.filter(content=content, status=Image.Status.GENERATED)
    hashes = {hashlib.sha256(data).hexdigest() for image in images if (data := _read(image)) is not None}
    deleted = 0
    for digest in hashes:
        with _lock(integration, digest):
            medium = _rows(integration).filter(sha256=digest).first()
            found = _by_slug(site, _slug(digest)) if medium else []
            if medium and any(f["id"] == medium.external_id for f in found):
                for double in (f for f in found if f["id"] != medium.external_id):
                    site.delete(f"/wp/v2/media/{double['id']}")
                    deleted += 1
    return deleted


def _rows(integration: SiteIntegration):
    return WordPressMedium.objects.filter(site_id=integration.site_id, place=integration.place)


def _lock(integration: SiteIntegration, digest: str):
    return named_lock(f"wordpress.medium.{integration.place}.{digest}")


def _read(image: Image) -> bytes | None:
    if image.mime not in EXTENSIONS or not image.file:
        return None
    try:
        with image.file.open("rb") as file:
            return file.read()
    except OSError:
        log.warning("the file of image %s can not be read", image.pk, exc_info=True)
        return None


def _alive(site: WordPress, ids: list[int]) -> dict[int, dict]:
    """Those that are still in the library: people delete pictures."""
    if not ids:
        return {}
    listed = ",".join(map(str, ids))
    found = site.get("/wp/v2/media", include=listed, per_page=100, _fields=_FIELDS, context="edit")
    return {medium["id"]: medium for medium in found}


def _upload(site: WordPress, content: Content, image: Image, data: bytes, digest: str) -> dict:
    """The medium of these bytes: found by its slug, else uploaded. Of several the oldest stays."""
    slug = _slug(digest)
    found = _by_slug(site, slug)
    if not found:
        name = f"{content.slug[:80].encode('ascii', 'ignore').decode().strip('-') or 'image'}-{digest[:8]}"
        fields = {"slug": slug, "title": as_text(image.alt or content.title), "alt_text": image.alt}
        if image.caption:
            fields["caption"] = as_text(image.caption)
        lost = None
        try:
            site.upload(name=f"{name}.{EXTENSIONS[image.mime]}", mime=image.mime, content=data, fields=fields)
        except WordPressError as error:
            if not error.maybe_done:
                raise
            lost = error
        found = _by_slug(site, slug)
        if not found:
            raise lost or WordPressError(
                "upload", "WordPress took the image, and does not have it.", permanent=False
            )
    for double in found[1:]:
        site.delete(f"/wp/v2/media/{double['id']}")
    return found[0]


def _slug(digest: str) -> str:
    return f"igny8-{digest[:40]}"


def _by_slug(site: WordPress, slug: str) -> list[dict]:
    # A second one of the same slug is given a number by WordPress.
    slugs = ",".join([slug, *(f"{slug}-{n}" for n in range(2, 6))])
    found = site.get("/wp/v2/media", slug=slugs, per_page=100, _fields=_FIELDS, context="edit")
    return sorted(found, key=lambda medium: medium["id"])


def _told_alt(
    site: WordPress, images: list[Image], put: dict[int, WordPressMedium], alive: dict[int, dict]
) -> set[int]:
    """Brings alt texts to what they are here, but for those that people changed in the library."""
    for image in (i for i in images if i.pk in put):
        row = put[image.pk]
        there = alive[row.external_id]["alt_text"]
        if there != image.alt and there == row.alt:
            alive[row.external_id] = site.post(f"/wp/v2/media/{row.external_id}", {"alt_text": image.alt})
            there = alive[row.external_id]["alt_text"]
        elif there != image.alt:
            continue
        if row.alt != there:
            row.alt = there
            row.save(update_fields=["alt"])
    # Two images of the same bytes are one medium, which has one alt text.
    return {
        image.pk
        for image in images
        if image.pk in put and alive[put[image.pk].external_id]["alt_text"].strip() == image.alt.strip()
    }
