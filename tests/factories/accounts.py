import factory
from factory.django import DjangoModelFactory

from apps.accounts.models import Account, Industry, IndustrySector, Plan, Sector, Site, Subscription, User

PASSWORD = "a long sentence is fine"


class PlanFactory(DjangoModelFactory):
    """A plan without limits."""

    class Meta:
        model = Plan
        django_get_or_create = ("slug",)

    name = "Test"
    slug = "test"
    monthly_credits = 100_000


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = Account
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Account {n}")

    @factory.post_generation
    def plan(self, create, extracted, **kwargs):
        Subscription.objects.create(account=self, plan=extracted or PlanFactory())


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    account = factory.SubFactory(AccountFactory)
    email = factory.Sequence(lambda n: f"user{n}@example.com")
    password = factory.django.Password(PASSWORD)
    role = User.Role.OWNER


class IndustryFactory(DjangoModelFactory):
    class Meta:
        model = Industry

    name = factory.Sequence(lambda n: f"Industry {n}")
    slug = factory.Sequence(lambda n: f"industry-{n}")


class IndustrySectorFactory(DjangoModelFactory):
    class Meta:
        model = IndustrySector

    industry = factory.SubFactory(IndustryFactory)
    name = factory.Sequence(lambda n: f"Catalogue sector {n}")
    slug = factory.Sequence(lambda n: f"catalogue-sector-{n}")


class SiteFactory(DjangoModelFactory):
    class Meta:
        model = Site

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Site {n}")
    slug = factory.Sequence(lambda n: f"site-{n}")
    domain = factory.Sequence(lambda n: f"site{n}.example.com")


class SectorFactory(DjangoModelFactory):
    class Meta:
        model = Sector

    site = factory.SubFactory(SiteFactory)
    account = factory.SelfAttribute("site.account")
    industry_sector = factory.SubFactory(IndustrySectorFactory)
    name = factory.SelfAttribute("industry_sector.name")
