import factory
from factory.django import DjangoModelFactory

from apps.writer.models import Content, Image, Task
from tests.factories.accounts import SiteFactory

HTML = (
    "<p>Cold brew needs time.</p><h2>Ratio</h2><p>One to eight.</p>"
    "<h2>Grind</h2><p>Coarse.</p><h2>Time</h2><p>A night.</p>"
)


class TaskFactory(DjangoModelFactory):
    class Meta:
        model = Task

    site = factory.SubFactory(SiteFactory)
    account = factory.SelfAttribute("site.account")
    title = factory.Sequence(lambda n: f"Cold brew, part {n}")
    word_count = 400


class ContentFactory(DjangoModelFactory):
    class Meta:
        model = Content

    site = factory.SubFactory(SiteFactory)
    account = factory.SelfAttribute("site.account")
    title = factory.Sequence(lambda n: f"Cold brew, article {n}")
    slug = factory.Sequence(lambda n: f"cold-brew-{n}")
    html = HTML


class ImageFactory(DjangoModelFactory):
    class Meta:
        model = Image

    content = factory.SubFactory(ContentFactory)
    site = factory.SelfAttribute("content.site")
    account = factory.SelfAttribute("content.account")
    kind = Image.Kind.FEATURED
    prompt = "A jar of cold brew on a table"
    alt = "A jar of cold brew"
