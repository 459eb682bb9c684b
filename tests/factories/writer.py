import factory
from factory.django import DjangoModelFactory

from apps.writer.models import Content, Image, Task, Taxonomy
from apps.writer.models.taxonomies import name_key
from apps.writer.services.content import slug_of
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


class TaxonomyFactory(DjangoModelFactory):
    class Meta:
        model = Taxonomy

    site = factory.SubFactory(SiteFactory)
    account = factory.SelfAttribute("site.account")
    name = factory.Sequence(lambda n: f"Category {n}")
    key = factory.LazyAttribute(lambda row: name_key(row.name))
    slug = factory.LazyAttribute(lambda row: slug_of(row.name))
