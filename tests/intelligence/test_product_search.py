"""The search over products, over /internal/."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.models import ProductSearch, SearchState
from apps.intelligence.services.following import search_follow
from apps.intelligence.services.scoring import scores_submit
from apps.intelligence.services.search import MEANINGS
from apps.intelligence.tasks import follow_products
from apps.parsing.models import Product
from tests.billing.threads import at_once
from tests.factories.parsing import ExternalCategoryFactory, ProductFactory

AT = "/internal/products"


def titles(machine, query: str = "") -> list[str]:
    answer = machine.get(f"{AT}?{query}")
    assert answer.status_code == 200, answer.content
    return [product["title"] for product in answer.json()]


def score(product: Product, gift_score: float, **axes) -> None:
    vector = {**dict.fromkeys(AXIS_NAMES, 0.1), **axes}
    done = scores_submit(
        results=[{"gift_id": product.gift_id, "llm_gift_score": gift_score, "llm_gift_vector": vector}]
    )
    assert done.updated == 1


@pytest.fixture
def shop(db) -> dict[str, Product]:
    tea = ExternalCategoryFactory(name="Tea")
    rows = {
        "mug": ProductFactory(title="Blue Stoneware Mug", price="12.50", merchant="Potter"),
        "pot": ProductFactory(title="Teapot", price="40.00", category=tea, site_key="teahouse"),
        "bath": ProductFactory(
            title="Bath salt, 500-g", price=None, description="Lavender for the tub", category=None
        ),
        "book": ProductFactory(
            title="Кружка: повесть", price="7.00", currency="USD", description="", category=None
        ),
    }
    score(rows["mug"], 6, ritual=0.8)
    score(rows["pot"], 9, ritual=0.9, rest=0.5)
    score(rows["bath"], 7, rest=1)
    return rows


def test_what_was_just_ingested_is_found_with_all_that_is_known(machine, shop, django_assert_max_num_queries):
    titles(machine)
    with django_assert_max_num_queries(8):
        found = machine.get(f"{AT}?search=teapot").json()
    assert len(found) == 1
    assert found[0] == found[0] | {
        "id": shop["pot"].pk,
        "gift_id": shop["pot"].gift_id,
        "price": "40.00",
        "currency": "EUR",
        "category": "Tea",
        "internal_category": None,
        "llm_gift_score": 9,
    }
    assert found[0]["llm_gift_vector"]["ritual"] == 0.9
    assert machine.get(f"/api/v1{AT}?q=teapot").json() == found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["book", "bath", "pot", "mug"]),
        ("ordering=id", ["mug", "pot", "bath", "book"]),
        ("search=blue mug", ["mug"]),
        ("search=MUG blu", ["mug"]),
        ("search=potter", ["mug"]),
        ("search=lavender", ["bath"]),
        ("search=500-g bath", ["bath"]),
        ("search=кружка", ["book"]),
        ("search=tea", ["pot"]),
        ("search=mug teapot", []),
        ("search=' | mug) %26 !(", ["mug"]),
        ("search=%26%7C!", []),
        ("min_ritual=0.8", ["pot", "mug"]),
        ("min_ritual=0.8&max_rest=0.2", ["mug"]),
        ("ordering=-rest", ["bath", "pot", "mug"]),
        ("ordering=-score&limit=2", ["pot", "bath"]),
        ("ordering=score&offset=1", ["bath", "pot"]),
        ("min_score=7&max_score=8", ["bath"]),
        ("scored=false", ["book"]),
        ("scored=true&ordering=id", ["mug", "pot", "bath"]),
        ("ordering=price", ["book", "mug", "pot"]),
        ("min_price=10&max_price=12.50", ["mug"]),
        ("currency=usd", ["book"]),
        ("site_key=teahouse", ["pot"]),
        ("external_category=Tea", ["pot"]),
        ("external_category=Coffee", []),
        ("category=999999", []),
    ],
)
def test_filters_and_orders(machine, shop, query, expected):
    assert titles(machine, query) == [shop[name].title for name in expected]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "min_ritual=2", "min_ritual=x", "max_rest=NaN", "ordering=title", "min_price=-1", "min_price=NaN",
     "currency=EURO", "category=0", "category=99999999999999999999", "offset=-1", "offset=1000000", "scored=maybe",
     "min_score=11", "search=" + "x" * 501],
)  # fmt: skip
def test_parameters_that_do_not_fit(machine, shop, query):
    answer = machine.get(f"{AT}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


def test_changes_are_followed(machine, shop):
    assert titles(machine, "search=teapot") == ["Teapot"]
    Product.objects.filter(pk=shop["pot"].pk).update(
        title="Samovar", text_version=F("text_version") + 1, updated_at=timezone.now()
    )
    assert titles(machine, "search=teapot") == []
    found = machine.get(f"{AT}?search=samovar").json()
    assert found[0]["llm_gift_score"] == 9  # the score stands until the next one
    shop["pot"].delete()
    assert titles(machine, "search=samovar") == []


def test_what_became_visible_late_is_found_by_the_sweep(machine, shop):
    assert len(titles(machine)) == 4
    ProductFactory(title="Late", updated_at=timezone.now() - timedelta(seconds=30))
    SearchState.objects.update(followed_to=timezone.now())
    assert "Late" not in titles(machine)
    follow_products()
    assert "Late" in titles(machine)
    assert search_follow() == 0


def test_a_beginning_of_more_words_than_are_spelled_out(machine, db):
    ProductFactory(title="Many", description=" ".join(f"zz{n}" for n in range(MEANINGS + 20)))
    ProductFactory(title="One", description="zz_7 zz's")
    assert titles(machine, "search=zz&ordering=id") == ["Many", "One"]
    assert titles(machine, "search=zz5 zz11") == ["Many"]
    assert titles(machine, "search=zz zzz") == []


def test_a_backlog_is_taken_over_in_batches(machine, db):
    start = timezone.now() - timedelta(days=3)
    for n in range(12):
        ProductFactory(updated_at=start + timedelta(hours=n))
    taken = []
    while n := search_follow(limit=5):
        taken.append(n)
    assert taken == [5, 5, 2]
    assert ProductSearch.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_following_and_scoring_at_once_lose_no_score():
    products = ProductFactory.create_batch(20)
    results = [{"gift_id": p.gift_id, "llm_gift_score": 5} for p in products]

    def work(n: int):
        return scores_submit(results=results[n::4]) if n < 4 else search_follow()

    outcomes = at_once(8, work)
    assert not [o for o in outcomes if isinstance(o, Exception)]
    assert set(ProductSearch.objects.values_list("gift_score", flat=True)) == {5}
