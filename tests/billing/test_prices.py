import pytest

from apps.billing.services.prices import price_of
from tests.factories.billing import CreditPriceFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("asked", "price"),
    [
        ({"operation": "clustering", "items": 1}, 1),
        ({"operation": "clustering", "items": 100}, 1),
        ({"operation": "clustering", "items": 101}, 2),
        ({"operation": "clustering", "items": 0}, 0),
        ({"operation": "idea", "items": 7}, 7),
        ({"operation": "content", "words": 1500}, 15),
        ({"operation": "content", "words": 1501}, 16),
        ({"operation": "content", "words": 1}, 1),
        ({"operation": "image", "images": 4}, 20),
        ({"operation": "image_prompt", "items": 4}, 0),
        ({"operation": "linking"}, 1),
        ({"operation": "optimization"}, 5),
    ],
)
def test_defaults(asked, price):
    assert price_of(**asked) == price


def test_staffs_price_wins_and_that_of_the_model_most():
    CreditPriceFactory(operation="content", unit="per_100_words", credits="2.5")
    CreditPriceFactory(operation="content", unit="per_1000_tokens", credits="0.4", model="large")
    assert price_of(operation="content", words=1000) == 25
    assert price_of(operation="content", words=1000, tokens=10_001, model="large") == 5
    assert price_of(operation="content", words=1000, model="large") == 1
    assert price_of(operation="content", words=5000, model="large") == 4
    assert price_of(operation="content", words=1000, model="small") == 25


def test_a_price_of_nothing_is_free_and_one_of_little_is_one_credit():
    row = CreditPriceFactory(operation="idea", unit="per_item", credits=0)
    assert price_of(operation="idea", items=9) == 0
    row.credits = "0.0001"
    row.save()
    assert price_of(operation="idea", items=9) == 1


def test_what_has_no_price_and_what_makes_no_sense():
    with pytest.raises(LookupError, match="keyword"):
        price_of(operation="keyword", items=1)
    with pytest.raises(ValueError, match="0 or more"):
        price_of(operation="idea", items=-1)
