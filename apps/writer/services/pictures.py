"""Bytes that are meant to be a picture: checked, made anew in the sizes and formats of pages, kept in the storage."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from apps.core.errors import AppError

log = logging.getLogger(__name__)
FORMATS = ("PNG", "JPEG", "WEBP")
WIDTHS = (400, 800, 1600)
FULL = "full"
EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
SAVED_WITH = {"png": {}, "jpeg": {"quality": 85, "progressive": True}, "webp": {"quality": 82, "method": 3}}
MAX_BYTES = 30 * 1024 * 1024
MAX_PIXELS = 40_000_000


class UnusablePicture(AppError):
    status = 502
    code = "UPSTREAM_ERROR"


@dataclass(frozen=True, slots=True)
class Variant:
    """`size` is the width it was made for, `full` the picture's own; `format` webp, jpeg or png."""

    size: str
    format: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG of ours: no bytes of the original, nothing but pixels in it. `variants` are the same, smaller."""

    data: bytes
    mime: str
    width: int
    height: int
    sha256: str
    variants: tuple[Variant, ...] = ()


def picture_read(data: bytes) -> Picture:
    """Decodes a PNG, JPEG or WebP and encodes it anew. Raises UnusablePicture for what is neither."""
    if len(data) > MAX_BYTES:
        raise UnusablePicture(f"The picture has {len(data):,} bytes; at most {MAX_BYTES:,} are taken.")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise UnusablePicture(
                    f"The picture is {opened.width}x{opened.height}; at most {MAX_PIXELS:,} pixels are taken."
                )
            opened.load()
            picture = ImageOps.exif_transpose(opened)
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UnusablePicture("What came back is no picture that can be read. Generate it again.") from None
    picture.info.clear()
    stored = _encoded(picture, "png")
    return Picture(
        data=stored,
        mime="image/png",
        width=picture.width,
        height=picture.height,
        sha256=hashlib.sha256(stored).hexdigest(),
        variants=tuple(_variants(picture)),
    )


def picture_store(*, account_id: int, content_id: int, picture: Picture) -> tuple[str, list[dict]]:
    """Writes the files. Returns the name of the PNG and the row's `variants`. The same picture twice is two files.

    A storage that fails in the middle keeps nothing.
    """
    folder = f"images/{account_id}/{content_id}"
    names: list[str] = []
    try:
        names.append(default_storage.save(f"{folder}/{picture.sha256}.png", ContentFile(picture.data)))
        stem = names[0].removesuffix(".png")
        variants = []
        for made in picture.variants:
            wanted = f"{stem}-{made.size}.{EXTENSIONS[made.format]}"
            names.append(default_storage.save(wanted, ContentFile(made.data)))
            variants.append(
                {
                    "size": made.size,
                    "format": made.format,
                    "file": names[-1],
                    "width": made.width,
                    "height": made.height,
                    "bytes": len(made.data),
                }
            )
    except BaseException:
        files_forget(names)
        raise
    return names[0], variants


def files_forget(names: list[str]) -> None:
    """Deletes stored files that no row names any more. A storage that fails costs space, no work."""
    for name in names:
        try:
            default_storage.delete(name)
        except Exception:  # of a disk or of a server far away
            log.warning("could not delete the file %s", name, exc_info=True)


def _variants(picture: Image.Image) -> Iterator[Variant]:
    plain = "png" if picture.mode == "RGBA" else "jpeg"
    for width in WIDTHS:
        if width < picture.width:
            smaller = picture.resize(
                (width, max(1, round(picture.height * width / picture.width))), Image.Resampling.LANCZOS
            )
            for form in dict.fromkeys(("webp", plain, "png")):
                yield Variant(str(width), form, *smaller.size, _encoded(smaller, form))
    for form in {"webp", plain} - {"png"}:
        yield Variant(FULL, form, *picture.size, _encoded(picture, form))


def _encoded(picture: Image.Image, form: str) -> bytes:
    out = BytesIO()
    picture.save(out, form.upper(), **SAVED_WITH[form])
    return out.getvalue()
