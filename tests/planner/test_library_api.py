"""The keywords library as its users see it."""

import pytest

from apps.accounts.services.keys import api_key_create
from apps.planner.models import SeedKeyword
from tests.factories import IndustrySectorFactory, SectorFactory
from tests.factories.planner import KeywordFactory, SeedKeywordFactory
from tests.planner.asking import CLUSTERS, IDEAS, KEYWORDS, LIBRARY, queries, refused, results

pytestmark = pytest.mark.django_db


def test_library_row_has_the_documented_shape(alice):
    seed = SeedKeywordFactory(keyword="cloud computing services", volume=12000, difficulty=45)
    (row,) = results(alice.client, LIBRARY)
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "id": seed.pk,
        "keyword": "cloud computing services",
        "volume": 12000,
        "difficulty": "medium",
        "difficulty_score": 45,
        "country": "US",
        "intent": "",
        "industry_sector": seed.industry_sector_id,
        "industry_sector_name": seed.industry_sector.name,
        "is_high_opportunity": True,
        "is_paid": False,
        "credit_cost": 0,
    }


@pytest.fixture
def shelf(db) -> dict[str, SeedKeyword]:
    one, two = IndustrySectorFactory(), IndustrySectorFactory()
    return {
        "a": SeedKeywordFactory(
            industry_sector=one, keyword="Cold Brew", volume=5000, difficulty=30, intent="commercial"
        ),
        "b": SeedKeywordFactory(
            industry_sector=one, keyword="brew’s best", volume=900, difficulty=31, country="GB"
        ),
        "c": SeedKeywordFactory(industry_sector=two, keyword="espresso", volume=50, difficulty=None),
        "d": SeedKeywordFactory(
            industry_sector=two, keyword="grinder", volume=10, difficulty=100, credit_cost=3
        ),
    }


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, "abcd"),
        ({"search": "BREW"}, "ab"),
        ({"search": "brew's"}, "b"),
        ({"search": "best brew's"}, "b"),
        ({"search": "100%"}, ""),
        ({"country": "UK"}, "b"),
        ({"volume_min": 50, "volume_max": 900}, "bc"),
        ({"difficulty": "easy"}, "a"),
        ({"difficulty": "medium,very_hard"}, "bd"),
        ({"is_high_opportunity": "true"}, "a"),
        ({"is_paid": "true"}, "d"),
        ({"is_paid": "false"}, "abc"),
        ({"intent": "commercial"}, "a"),
        ({"ordering": "volume"}, "dcba"),
        ({"ordering": "difficulty"}, "abdc"),
        ({"ordering": "-difficulty"}, "dbac"),
        ({"ordering": "keyword", "is_paid": "false"}, "bac"),
        ({"ordering": "country"}, "bacd"),
        ({"ordering": "-country"}, "acdb"),
        ({"page_size": 2, "page": 2}, "cd"),
    ],
)
def test_library_filters_and_orders(alice, shelf, params, found):
    names = {row.pk: name for name, row in shelf.items()}
    rows = results(alice.client, LIBRARY, **params)
    if params.get("ordering") == "keyword":  # the database's collation decides about case
        assert {names[row["id"]] for row in rows} == set(found)
    else:
        assert "".join(names[row["id"]] for row in rows) == found


def test_library_by_sector_ids(alice, shelf):
    one, two = shelf["a"].industry_sector_id, shelf["c"].industry_sector_id
    assert len(results(alice.client, LIBRARY, sector_ids=f"{one}")) == 2
    assert len(results(alice.client, LIBRARY, sector_ids=f"{one},{two}")) == 4
    assert results(alice.client, LIBRARY, sector_ids="999999") == []
    assert len(results(alice.client, LIBRARY, sector_ids=f"{one},")) == 2  # as joined by a careless client
    assert alice.client.get(LIBRARY + "sector_stats/", {"sector_ids": f"{one},"}).status_code == 200


@pytest.mark.parametrize(
    "params",
    [
        {"search": "ab"}, {"search": "a b c"}, {"difficulty": "simple"}, {"volume_min": "many"}, {"volume_max": -1},
        {"ordering": "cpc"}, {"ordering": "volume,keyword"}, {"country": "Atlantis"}, {"sector_ids": "1,x"},
        {"intent": "curious"}, {"site_id": "x"},
    ],
)  # fmt: skip
def test_library_refuses(alice, params):
    refused(alice.client.get(LIBRARY, params), next(iter(params)))


def test_library_page_past_the_end_and_strangers(alice, anonymous):
    assert alice.client.get(LIBRARY, {"page": 2}).status_code == 404
    assert anonymous.get(LIBRARY).status_code == 401
    assert anonymous.get(LIBRARY + "sector_stats/").status_code == 401
    assert alice.client.post(LIBRARY, {}).status_code == 405


def test_library_says_what_the_site_has(alice, bob, shelf):
    KeywordFactory(sector=alice.sector, seed_keyword=shelf["a"])
    KeywordFactory(sector=bob.sector, seed_keyword=shelf["b"])
    rows = results(alice.client, LIBRARY, site_id=alice.site.pk)
    assert [row["is_added"] for row in rows] == [True, False, False, False]
    for url in (LIBRARY, LIBRARY + "sector_stats/"):
        assert alice.client.get(url, {"site_id": bob.site.pk}).status_code == 404


def test_library_costs_the_same_for_few_and_many(alice):
    sector = IndustrySectorFactory()
    SeedKeywordFactory.create_batch(2, industry_sector=sector)
    few = queries(alice.client, LIBRARY, site_id=alice.site.pk)
    SeedKeywordFactory.create_batch(18, industry_sector=sector)
    assert queries(alice.client, LIBRARY, site_id=alice.site.pk) == few <= 6


def test_sector_stats(alice, bob, shelf):
    sector = shelf["a"].industry_sector
    other = SectorFactory(site=alice.site, industry_sector=sector)
    for site_sector in (other, SectorFactory(site=bob.site, industry_sector=sector)):
        KeywordFactory(sector=site_sector, seed_keyword=shelf["a"], industry_sector=sector)
    url = LIBRARY + "sector_stats/"
    answer = alice.client.get(url, {"sector_ids": f"{sector.pk},{shelf['c'].industry_sector_id}"}).json()
    assert answer["success"] is True
    by_id = {row["sector_id"]: row for row in answer["data"]}
    assert by_id[sector.pk] == {
        "sector_id": sector.pk,
        "sector_name": sector.name,
        "sector_description": sector.description,
        "stats": {"total": 2, "added": 1, "available": 1, "high_opportunity": 1, "paid": 0, "free": 2},
    }
    assert by_id[shelf["c"].industry_sector_id]["stats"]["paid"] == 1
    with_site = alice.client.get(url, {"sector_ids": sector.pk, "site_id": alice.site.pk}).json()["data"]
    assert with_site == [by_id[sector.pk]]
    assert len(alice.client.get(url).json()["data"]) >= 2
    refused(alice.client.get(url, {"sector_ids": "1;2"}), "sector_ids")


def test_api_key_reads_the_library_and_nothing_else(alice, anonymous, shelf):
    made = api_key_create(site=alice.site, name="plugin", user_id=alice.user.pk)
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    assert len(results(anonymous, LIBRARY)) == 4
    assert anonymous.get(LIBRARY + "sector_stats/").status_code == 200
    for url in (KEYWORDS, CLUSTERS, IDEAS, KEYWORDS + "export/"):
        assert anonymous.get(url).status_code == 403


@pytest.mark.parametrize("site_id", ["9" * 5000, "9" * 30, "-1", "1.5", "١"])
def test_a_site_id_that_is_none(alice, site_id):
    for url in (LIBRARY, LIBRARY + "sector_stats/"):
        refused(alice.client.get(url, {"site_id": site_id}), "site_id")


def test_booleans_are_strict(alice, shelf):
    for word, paid in (("1", True), ("true", True), ("True", True), ("0", False), ("false", False)):
        rows = results(alice.client, LIBRARY, is_paid=word)
        assert rows and {row["is_paid"] for row in rows} == {paid}
    for url, name in ((LIBRARY, "is_paid"), (LIBRARY, "is_high_opportunity"), (CLUSTERS, "is_locked")):
        refused(alice.client.get(url, {name: "banana"}), name)
