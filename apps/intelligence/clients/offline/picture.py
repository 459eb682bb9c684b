"""A drawn picture instead of a generated one: shapes by the hash of its prompt, and the title on them."""

import random
from colorsys import hls_to_rgb
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from ..base import ProviderRefused
from .keywords import clean

SMALLEST, LARGEST = 64, 2048
NOTE = "offline draft"
LONGEST_WORD = 20


def draw(title: str, size: str, rng: random.Random) -> bytes:
    """A PNG of `size` ("1536x1024"), 64 to 2048 pixels a side. What the font cannot write is left out."""
    width, height = _measures(size)
    hue = rng.random()
    image = _gradient(width, height, _colour(hue, 0.32), _colour(hue + rng.uniform(0.06, 0.16), 0.16))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(rng.randint(5, 9)):
        _shape(pen, width, height, _colour(hue + rng.uniform(-0.12, 0.2), rng.uniform(0.35, 0.65)), rng)
    _write(pen, width, height, _writable(title))
    out = BytesIO()
    # A palette keeps the file small; the colours are few.
    image.quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()


def _measures(size: str) -> tuple[int, int]:
    sides = size.lower().split("x")
    if len(sides) == 2 and all(side.isascii() and side.isdigit() and len(side) <= 4 for side in sides):
        width, height = int(sides[0]), int(sides[1])
        if min(width, height) >= SMALLEST and max(width, height) <= LARGEST:
            return width, height
    raise ProviderRefused(
        f"The image size {size[:40]!r} cannot be drawn. Use width x height in pixels, {SMALLEST} to "
        f"{LARGEST} each."
    )


def _colour(hue: float, lightness: float) -> tuple[int, int, int]:
    return tuple(round(part * 255) for part in hls_to_rgb(hue % 1, lightness, 0.5))


def _gradient(width: int, height: int, top: tuple, bottom: tuple) -> Image.Image:
    mask = Image.linear_gradient("L").resize((width, height))
    return Image.composite(Image.new("RGB", mask.size, bottom), Image.new("RGB", mask.size, top), mask)


def _shape(pen: ImageDraw.ImageDraw, width: int, height: int, colour: tuple, rng: random.Random) -> None:
    x, y = rng.randint(0, width), rng.randint(0, height)
    reach = rng.randint(min(width, height) // 10, min(width, height) // 2)
    fill = (*colour, rng.randint(50, 110))
    kind = rng.choice(("circle", "ring", "polygon"))
    if kind == "circle":
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)
    elif kind == "ring":
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=fill, width=max(3, reach // 8))
    else:
        pen.regular_polygon((x, y, reach), rng.randint(3, 6), rotation=rng.randint(0, 359), fill=fill)


def _write(pen: ImageDraw.ImageDraw, width: int, height: int, title: str) -> None:
    """The title as large as it fits, not at all where it does not, and the note that it is a draft."""
    least = min(width, height)
    margin = least // 12
    for size in range(max(10, least // 9), 9, -max(1, least // 120)):
        font, spacing = _font(size), size // 4
        lines = _lines(title, font, width - 2 * margin)
        if lines and len(lines) * (size + spacing) <= height - 4 * margin:
            text, spot = "\n".join(lines), (width / 2, height / 2)
            form = {"font": font, "anchor": "mm", "align": "center", "spacing": spacing}
            left, top, right, bottom = pen.multiline_textbbox(spot, text, **form)
            pad = margin // 2
            panel = (left - pad, top - pad, right + pad, bottom + pad)
            pen.rounded_rectangle(panel, pad, fill=(0, 0, 0, 140))
            pen.multiline_text(spot, text, fill="white", **form)
            break
    corner = (width - margin // 2, height - margin // 2)
    pen.text(corner, NOTE, fill=(255, 255, 255, 200), font=_font(max(10, least // 36)), anchor="rd")


def _lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The text in lines of at most `width` pixels; empty when a word alone is wider."""
    lines = [""]
    for word in text.split():
        for piece in (word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)):
            longer = f"{lines[-1]} {piece}".strip()
            if font.getlength(longer) <= width:
                lines[-1] = longer
            elif font.getlength(piece) <= width:
                lines.append(piece)
            else:
                return []
    return [line for line in lines if line]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _writable(title: str) -> str:
    """The title as far as the font has its letters, nothing when most of them are missing."""
    title = clean(title)[:160]
    font = _font(20)
    missing = bytes(font.getmask("\U0010fffd"))
    kept = "".join(c for c in title if c == " " or bytes(font.getmask(c)) != missing)
    kept = " ".join(kept.split())
    return kept if len(kept) * 2 >= len(title) else ""
