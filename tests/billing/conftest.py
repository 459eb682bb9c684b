import pytest
from django.utils import timezone

from tests.billing.local_stripe import KEY, SECRET, LocalStripe


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
