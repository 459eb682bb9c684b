import io

import factory
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory
from PIL import Image as Picture

from apps.writer.models import Content, Image


class ApprovedContentFactory(DjangoModelFactory):
    """An article that may be published."""

    class Meta:
        model = Content

    account = factory.SelfAttribute("site.account")
    title = factory.Sequence(lambda n: f"Cold brew, part {n}")
    slug = factory.Sequence(lambda n: f"cold-brew-{n}")
    html = "<p>Start with one part of coffee.</p><h2>Water</h2><p>Eight parts.</p><h2>Time</h2><p>Twelve hours.</p>"
    excerpt = "How much coffee for how much water."
    meta_title = "Cold brew ratio"
    meta_description = "The ratio of coffee to water for cold brew."
    categories = ["Coffee"]
    tags = ["cold brew"]
    status = Content.Status.APPROVED
    approved_by = "alice@example.com"


class GeneratedImageFactory(DjangoModelFactory):
    """A picture with real bytes; `color` makes it another one."""

    class Meta:
        model = Image

    class Params:
        color = "teal"

    account = factory.SelfAttribute("content.account")
    site = factory.SelfAttribute("content.site")
    kind = Image.Kind.FEATURED
    alt = "A jar of cold brew"
    status = Image.Status.GENERATED
    mime = "image/png"
    width, height = 30, 20
    file = factory.LazyAttribute(lambda image: ContentFile(png(image.color), name="picture.png"))


def png(color: str) -> bytes:
    data = io.BytesIO()
    Picture.new("RGB", (30, 20), color).save(data, "PNG")
    return data.getvalue()
