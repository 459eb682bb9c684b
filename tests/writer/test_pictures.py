"""Bytes that are meant to be pictures."""

import hashlib
from io import BytesIO

import pytest
from PIL import Image as Picture

from apps.writer.services.pictures import UnusablePicture, picture_read


def encoded(form: str = "PNG", size: tuple[int, int] = (30, 20), mode: str = "RGB", **options) -> bytes:
    out = BytesIO()
    Picture.new(mode, size, 100).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "L"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
    ],
)
def test_pictures_become_png(form, mode):
    picture = picture_read(encoded(form, mode=mode))
    assert (picture.mime, picture.width, picture.height) == ("image/png", 30, 20)
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert Picture.open(BytesIO(picture.data)).format == "PNG"


def test_what_hides_in_a_picture_is_lost():
    exif = Picture.Exif()
    exif[0x010E] = "<script>"
    picture = picture_read(encoded("JPEG", exif=exif) + b"<?php evil ?>")
    assert b"<?php" not in picture.data and b"<script" not in picture.data


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", encoded("GIF"), encoded("BMP"),
     encoded("PNG")[:60], encoded("TIFF")],
)  # fmt: skip
def test_other_bytes_are_refused(data):
    with pytest.raises(UnusablePicture):
        picture_read(data)


def test_a_bomb_is_refused_before_it_is_decoded():
    with pytest.raises(UnusablePicture, match="pixels"):
        picture_read(encoded("PNG", size=(9000, 9000), mode="1"))
