"""Bytes that are meant to be a picture: checked, made anew, kept in the storage."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from apps.core.errors import AppError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 30 * 1024 * 1024
MAX_PIXELS = 40_000_000


class UnusablePicture(AppError):
    status = 502
    code = "UPSTREAM_ERROR"


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG of ours: no bytes of the original, nothing but pixels in it."""

    data: bytes
    mime: str
    width: int
    height: int
    sha256: str


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
    out = BytesIO()
    picture.save(out, "PNG")
    stored = out.getvalue()
    return Picture(stored, "image/png", picture.width, picture.height, hashlib.sha256(stored).hexdigest())


def picture_store(*, account_id: int, content_id: int, picture: Picture) -> str:
    """Writes the file and returns its name in the storage. The same picture twice is two files."""
    name = f"images/{account_id}/{content_id}/{picture.sha256}.png"
    return default_storage.save(name, ContentFile(picture.data))
