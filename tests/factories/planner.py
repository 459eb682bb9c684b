import factory
from factory.django import DjangoModelFactory

from apps.planner.keyword_files import keyword_key
from apps.planner.models import Cluster, ContentIdea, Keyword, SeedKeyword
from apps.planner.services.ideas import idea_changed
from tests.factories.accounts import IndustrySectorFactory, SectorFactory


class SeedKeywordFactory(DjangoModelFactory):
    class Meta:
        model = SeedKeyword

    industry_sector = factory.SubFactory(IndustrySectorFactory)
    keyword = factory.Sequence(lambda n: f"seed keyword {n}")
    key = factory.LazyAttribute(lambda row: keyword_key(row.keyword))
    volume = 100
    difficulty = 20


class _OfSectorFactory(DjangoModelFactory):
    """A row of a sector, and so of its site and account."""

    class Meta:
        abstract = True

    sector = factory.SubFactory(SectorFactory)
    site = factory.SelfAttribute("sector.site")
    account = factory.SelfAttribute("site.account")


class ClusterFactory(_OfSectorFactory):
    class Meta:
        model = Cluster

    name = factory.Sequence(lambda n: f"Cluster {n}")


class KeywordFactory(_OfSectorFactory):
    class Meta:
        model = Keyword

    industry_sector = factory.SelfAttribute("sector.industry_sector")
    keyword = factory.Sequence(lambda n: f"keyword {n}")
    key = factory.LazyAttribute(lambda row: keyword_key(row.keyword))
    volume = 100
    difficulty = 20


class ContentIdeaFactory(_OfSectorFactory):
    class Meta:
        model = ContentIdea
        skip_postgeneration_save = True

    title = factory.Sequence(lambda n: f"Idea {n}")

    @factory.post_generation
    def topic(idea, create, extracted, **kwargs):
        idea_changed(idea)
