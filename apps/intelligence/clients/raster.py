"""Whether bytes are an image that a website can show."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from .base import BadAnswer

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
MAX_PIXELS = 50_000_000


def raster_mime(data: bytes) -> str:
    """The MIME type of the image that `data` decodes to. Raises BadAnswer when it is none, as an SVG is."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadAnswer(
                    f"The AI provider sent an image of {image.width}x{image.height} pixels: too large."
                )
            image.load()
            return Image.MIME[image.format]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        if b"<svg" in data[:1000].lower():
            raise BadAnswer(
                "The AI provider sent an SVG drawing. Choose a model that makes PNG or JPEG."
            ) from None
        raise BadAnswer("The AI provider sent an image that cannot be read.") from None
