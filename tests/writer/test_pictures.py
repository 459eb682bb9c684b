"""Bytes that are meant to be pictures."""

import hashlib
from io import BytesIO
from types import SimpleNamespace

import pytest
from PIL import Image as Picture

from apps.writer.services import pictures
from apps.writer.services.pictures import UnusablePicture, picture_read, picture_store


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


def test_sizes_and_formats():
    made = picture_read(encoded("PNG", size=(1000, 10), mode="RGB")).variants
    assert [(v.size, v.format, v.width, v.height) for v in made if v.size != "full"] == [
        ("400", "webp", 400, 4), ("400", "jpeg", 400, 4), ("400", "png", 400, 4),
        ("800", "webp", 800, 8), ("800", "jpeg", 800, 8), ("800", "png", 800, 8),
    ]  # fmt: skip
    for variant in made:
        picture = Picture.open(BytesIO(variant.data))
        assert (picture.format.lower(), picture.size) == (variant.format, (variant.width, variant.height))
        assert not picture.getexif()
    clear = picture_read(encoded("PNG", size=(500, 5000), mode="RGBA")).variants
    assert {(v.size, v.format) for v in clear} == {("400", "webp"), ("400", "png"), ("full", "webp")}
    assert {Picture.open(BytesIO(v.data)).mode for v in clear} == {"RGBA"}


def test_a_storage_that_fails_keeps_nothing(monkeypatch):
    saved, deleted = [], []

    def save(name, content):
        if len(saved) == 2:
            raise OSError("the disk is full")
        saved.append(name)
        return name

    monkeypatch.setattr(pictures, "default_storage", SimpleNamespace(save=save, delete=deleted.append))
    with pytest.raises(OSError, match="full"):
        picture_store(account_id=1, content_id=2, picture=picture_read(encoded("PNG", size=(900, 90))))
    assert deleted == saved and len(saved) == 2
