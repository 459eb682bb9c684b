import factory
from factory.django import DjangoModelFactory

from apps.accounts.models import Account
from apps.billing.models import CreditPackage, CreditPrice, CreditUsage
from apps.billing.services.ledger import credits_grant
from tests.factories.accounts import AccountFactory, PlanFactory


def account_with(credits: int, *, monthly: int = 0) -> Account:
    """An account with so many credits that do not expire, on a plan that gives `monthly` more."""
    plan = PlanFactory(slug=f"monthly-{monthly}", monthly_credits=monthly)
    account = AccountFactory(plan=plan)
    if credits:
        credits_grant(account_id=account.pk, amount=credits, kind="purchase", reference="start")
    return account


class CreditPriceFactory(DjangoModelFactory):
    class Meta:
        model = CreditPrice

    operation = "content"
    unit = CreditPrice.Unit.FIXED
    credits = 1


class CreditUsageFactory(DjangoModelFactory):
    class Meta:
        model = CreditUsage

    account = factory.SubFactory(AccountFactory)
    operation = "content"
    model = "gpt-test"
    tokens_in = 100
    tokens_out = 50
    cost = "0.010000"
    credits = 3
    reference = factory.Sequence(lambda n: f"usage:{n}")


class CreditPackageFactory(DjangoModelFactory):
    class Meta:
        model = CreditPackage

    name = factory.Sequence(lambda n: f"Package {n}")
    slug = factory.Sequence(lambda n: f"package-{n}")
    credits = 5000
    price = "49.00"
    currency = "EUR"
