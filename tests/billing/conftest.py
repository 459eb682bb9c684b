from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.accounts.models import Plan, Subscription
from tests.billing.local_stripe import KEY, SECRET, LocalStripe
from tests.billing.plans import START
from tests.factories import PlanFactory


@pytest.fixture(scope="session")
def _local_stripe() -> LocalStripe:
    return LocalStripe()


@pytest.fixture
def stripe(_local_stripe, settings) -> LocalStripe:
    """A Stripe without objects, which the product is set up to use."""
    _local_stripe.flush()
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_of_the_tests"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_the_next_one", SECRET]
    settings.STRIPE_API_BASE = _local_stripe.base
    return _local_stripe


@pytest.fixture
def payer(alice):
    """Alice, whose address is verified."""
    alice.user.email_verified_at = timezone.now()
    alice.user.save()
    return alice


@pytest.fixture
def staff(bob):
    bob.user.is_staff = True
    bob.user.save()
    return bob


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def plans(db) -> dict[str, Plan]:
    def plan(slug, price, credits, **fields):
        return PlanFactory(
            slug=slug, name=slug.title(), price=price, monthly_credits=credits, currency="EUR", **fields
        )

    return {
        "free": plan("free", 0, 1000, is_default=True, max_sites=2),
        "small": plan("small", "30.00", 10_000, max_sites=5),
        "large": plan("large", "90.00", 40_000, max_sites=50),
    }


@pytest.fixture
def owner(clock, plans, payer):
    """Alice, on the free plan since three days before START."""
    Subscription.objects.filter(account=payer.account).update(
        plan=plans["free"], anchor=START - timedelta(days=3)
    )
    return payer
