"""The planner's routes as their users see them."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LimitCounter
from apps.accounts.services.keys import api_key_create
from apps.accounts.services.limits import limit_take
from apps.planner.models import Cluster, ContentIdea, Keyword, SeedKeyword
from tests.factories import IndustrySectorFactory, PlanFactory, SectorFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory, SeedKeywordFactory

pytestmark = pytest.mark.django_db
LIBRARY = "/api/v1/keywords-library/"
KEYWORDS = "/api/v1/planner/keywords/"
CLUSTERS = "/api/v1/planner/clusters/"
IDEAS = "/api/v1/planner/ideas/"


def results(client, url, **params) -> list[dict]:
    answer = client.get(url, params)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def refused(answer, field: str) -> None:
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["details"], answer.content


def queries(client, url, **params) -> int:
    with CaptureQueriesContext(connection) as captured:
        results(client, url, page_size=50, **params)
    return len(captured)


# --- the library


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
        "a": SeedKeywordFactory(industry_sector=one, keyword="Cold Brew", volume=5000, difficulty=30, intent="commercial"),
        "b": SeedKeywordFactory(industry_sector=one, keyword="brew’s best", volume=900, difficulty=31, country="GB"),
        "c": SeedKeywordFactory(industry_sector=two, keyword="espresso", volume=50, difficulty=None),
        "d": SeedKeywordFactory(industry_sector=two, keyword="grinder", volume=10, difficulty=100, credit_cost=3),
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
    assert queries(alice.client, LIBRARY, site_id=alice.site.pk) == few <= 5


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


# --- keywords


def body_of(actor, **fields) -> dict:
    return {"site": actor.site.pk, "sector": actor.sector.pk, "keyword": "cold brew ratio", **fields}


def test_keyword_from_made_to_deleted(alice):
    made = alice.client.post(KEYWORDS, body_of(alice, keyword="  Cold  Brew’s ratio ", country="UK", volume=2400))
    assert made.status_code == 201, made.content
    row = made.json()["data"]
    assert (row["keyword"], row["country"], row["status"], row["cluster"], row["cluster_name"]) == (
        "Cold Brew's ratio", "GB", "new", None, None,
    )  # fmt: skip
    assert row["intent"] and row["difficulty"] is None
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 1
    url = f"{KEYWORDS}{row['id']}/"
    cluster = ClusterFactory(sector=alice.sector)
    changed = alice.client.patch(url, {"cluster": cluster.pk}).json()["data"]
    assert (changed["status"], changed["cluster_name"]) == ("clustered", cluster.name)
    assert alice.client.put(url, changed).json()["data"]["status"] == "clustered"
    assert alice.client.patch(url, {"cluster": None}).json()["data"]["status"] == "new"
    assert alice.client.patch(url, {"keyword": "Cold brew"}).json()["data"]["keyword"] == "Cold brew"
    assert Keyword.objects.get().key == "cold brew"
    assert alice.client.delete(url).json()["data"] is None
    assert alice.client.get(url).status_code == 404
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keyword": ""}, "keyword"), ({"keyword": "x" * 501}, "keyword"), ({"keyword": "a\u0007b"}, "keyword"),
        ({"keyword": None}, "keyword"), ({"volume": -1}, "volume"), ({"volume": 2**31}, "volume"),
        ({"volume": "many"}, "volume"), ({"difficulty": 101}, "difficulty"), ({"country": "Atlantis"}, "country"),
        ({"intent": "curious"}, "intent"), ({"sector": None}, "sector"), ({"sector": 10**15}, "sector"),
        ({"status": "mapped"}, "status"), ({"keyword": "\ufdfa" * 60}, "keyword"),
    ],
)  # fmt: skip
def test_keyword_refuses(alice, change, field):
    refused(alice.client.post(KEYWORDS, body_of(alice, **change)), field)
    assert not Keyword.objects.exists()


def test_keyword_once_in_a_site_and_country(alice):
    for keyword in ("Cold brew", "مرحبا بالعالم", "🚀 launch"):
        assert alice.client.post(KEYWORDS, body_of(alice, keyword=keyword)).status_code == 201
    refused(alice.client.post(KEYWORDS, body_of(alice, keyword="COLD  brew")), "keyword")
    assert alice.client.post(KEYWORDS, body_of(alice, keyword="cold brew", country="FR")).status_code == 201
    row = Keyword.objects.get(keyword="🚀 launch")
    refused(alice.client.patch(f"{KEYWORDS}{row.pk}/", {"keyword": "cold brew"}), "keyword")


def test_plan_limit_of_keywords(alice):
    PlanFactory._meta.model.objects.update(max_keywords=1)
    assert alice.client.post(KEYWORDS, body_of(alice)).status_code == 201
    second = alice.client.post(KEYWORDS, body_of(alice, keyword="two"))
    assert second.status_code == 402 and second.json()["code"] == "PLAN_LIMIT_REACHED"
    alice.client.post(KEYWORDS + "bulk_delete/", {"ids": [Keyword.objects.get().pk]})
    assert alice.client.post(KEYWORDS, body_of(alice, keyword="two")).status_code == 201


def test_keyword_stays_on_its_site(alice):
    row = KeywordFactory(sector=alice.sector)
    other = SectorFactory(site__account=alice.account)
    url = f"{KEYWORDS}{row.pk}/"
    refused(alice.client.patch(url, {"site": other.site.pk}), "site")
    refused(alice.client.patch(url, {"sector": other.pk}), "sector")
    refused(alice.client.patch(url, {"cluster": ClusterFactory(sector=other).pk}), "cluster")
    refused(alice.client.patch(url, {"cluster": ClusterFactory(sector=alice.sector, is_hub=True).pk}), "cluster")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"status": "new,disabled"}, "ac"), ({"status": "clustered"}, "b"), ({"volume_min": 200}, "bc"),
        ({"difficulty_min": 20, "difficulty_max": 30}, "b"), ({"country": "uk"}, "c"), ({"intent": "commercial"}, "a"),
        ({"search": "grind"}, "c"), ({"created_after": "2000-01-01"}, "abc"), ({"created_before": "2000-01-01"}, ""),
        ({"ordering": "-volume"}, "cba"), ({"ordering": "keyword"}, "abc"),
    ],
)  # fmt: skip
def test_keyword_filters(alice, bob, params, found):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, keyword="arabica", volume=100, difficulty=10, intent="commercial")
    KeywordFactory(sector=alice.sector, keyword="brew", volume=200, difficulty=30, status="clustered", cluster=cluster)
    KeywordFactory(sector=alice.sector, keyword="coffee grinder", volume=300, difficulty=50, country="GB", status="disabled")
    KeywordFactory(sector=bob.sector, keyword="bob's")
    rows = results(alice.client, KEYWORDS, **{"ordering": "keyword", **params})
    assert "".join(row["keyword"][0] for row in rows) == found


def test_keyword_filters_by_id(alice, bob):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster)
    KeywordFactory(sector=SectorFactory(site__account=alice.account))
    mine = [{"site_id": alice.site.pk}, {"sector_id": alice.sector.pk}, {"cluster_id": cluster.pk}]
    assert [len(results(alice.client, KEYWORDS, **one)) for one in mine] == [1, 1, 1]
    assert results(alice.client, KEYWORDS, site_id=bob.site.pk) == []
    for bad in ({"status": "gone"}, {"volume_min": "x"}, {"cluster_id": "-1"}, {"created_after": "soon"}):
        refused(alice.client.get(KEYWORDS, bad), next(iter(bad)))
    refused(alice.client.get(KEYWORDS, {"ordering": "key"}), "ordering")


def test_bulk_status_moves_by_rule(alice):
    cluster = ClusterFactory(sector=alice.sector, status="mapped")
    new = KeywordFactory(sector=alice.sector)
    mapped = KeywordFactory(sector=alice.sector, status="mapped", cluster=cluster)
    url = KEYWORDS + "bulk_status/"

    def move(status, *rows):
        return alice.client.post(url, {"ids": [row.pk for row in rows], "status": status})

    assert move("disabled", new, mapped).json()["data"] == {"updated": 2}
    assert move("disabled", new, mapped).json()["data"] == {"updated": 0}
    both = move("new", new, mapped)
    assert both.status_code == 409 and both.json()["code"] == "CONFLICT"
    assert set(Keyword.objects.values_list("status", flat=True)) == {"disabled"}
    assert move("mapped", mapped).json()["data"] == {"updated": 1}
    assert move("new", new).json()["data"] == {"updated": 1}
    assert move("mapped", new).status_code == 409
    assert move("clustered", new).status_code == 200
    assert move("new", new).status_code == 409
    assert alice.client.patch(f"{KEYWORDS}{new.pk}/", {"status": "new"}).status_code == 409
    assert alice.client.patch(f"{KEYWORDS}{new.pk}/", {"status": "disabled"}).json()["data"]["status"] == "disabled"
    refused(alice.client.post(url, {"ids": [new.pk], "status": "gone"}), "status")


@pytest.mark.parametrize("url", [KEYWORDS, CLUSTERS, IDEAS])
def test_bulk_delete(alice, bob, url):
    factory = {KEYWORDS: KeywordFactory, CLUSTERS: ClusterFactory, IDEAS: ContentIdeaFactory}[url]
    mine, foreign = factory.create_batch(3, sector=alice.sector), factory(sector=bob.sector)
    ids = [row.pk for row in mine]
    for bad in ([*ids, foreign.pk], [], ["x"], None, list(range(1, 10_002)), [-1]):
        refused(alice.client.post(url + "bulk_delete/", {"ids": bad}), "ids")
    assert alice.client.post(url + "bulk_delete/", {"ids": ids + ids}).json()["data"] == {"deleted": 3}
    assert list(factory._meta.model.objects.values_list("pk", flat=True)) == [foreign.pk]


def test_export_is_filtered_and_runs_no_formula(alice, bob):
    KeywordFactory(sector=alice.sector, keyword="=HYPERLINK(evil)", volume=5)
    KeywordFactory(sector=alice.sector, keyword="small", volume=1)
    KeywordFactory(sector=bob.sector, keyword="bob's")
    answer = alice.client.get(KEYWORDS + "export/", {"volume_min": 2}, HTTP_ACCEPT="text/csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert answer["Content-Type"].startswith("text/csv")
    assert lines[0] == "Keyword,Country,Volume,Difficulty,Intent,Status,Cluster,Sector,Added" and len(lines) == 2
    assert lines[1].startswith("'=HYPERLINK(evil),US,5,")
    refused(alice.client.get(KEYWORDS + "export/", {"volume_min": "x"}), "volume_min")


# --- from the library into the workflow


def test_add_to_workflow_counts_what_it_skips(alice, bob):
    catalogue = alice.sector.industry_sector
    there, fresh = SeedKeywordFactory.create_batch(2, industry_sector=catalogue)
    elsewhere = SeedKeywordFactory()
    KeywordFactory(sector=alice.sector, keyword=there.keyword)
    body = {"seed_keyword_ids": [there.pk, fresh.pk, elsewhere.pk, 10**12], "site_id": alice.site.pk}
    answer = alice.client.post(KEYWORDS + "add_to_workflow/", body)
    assert answer.json()["data"] == {
        "added": 1,
        "skipped": 3,
        "reasons": {"already_there": 1, "other_sector": 1, "not_found": 1},
        "credits_charged": 0,
    }
    row = Keyword.objects.get(seed_keyword=fresh)
    assert (row.sector, row.industry_sector, row.account, row.status) == (alice.sector, catalogue, alice.account, "new")
    for change in ({"site_id": bob.site.pk}, {"sector_id": bob.sector.pk}, {"seed_keyword_ids": []}):
        refused(alice.client.post(KEYWORDS + "add_to_workflow/", {**body, **change}), next(iter(change)))
    other = SectorFactory(site__account=alice.account)
    refused(alice.client.post(KEYWORDS + "add_to_workflow/", {**body, "sector_id": other.pk}), "sector_id")


# --- files


def upload(client, text="Keyword,Volume\none,10\ntwo,x\n", name="list.csv", **fields):
    file = SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)
    return client.post(KEYWORDS + "upload/", {"file": file, **fields}, format="multipart")


def test_upload_preview_only_looks(alice):
    answer = upload(alice.client, site_id=alice.site.pk, sector_id=alice.sector.pk, country="UK", preview="true")
    look = answer.json()["data"]
    assert look["tool"] == "generic" and look["columns"] == {"keyword": "Keyword", "volume": "Volume"}
    assert look["sample"][0]["keyword"] == "one" and look["sample"][0]["country"] == "GB"
    assert look["problems"][0]["code"] == "bad_volume" and look["total"] == 2
    assert not Keyword.objects.exists()


def test_upload_refuses(alice, bob):
    mine = {"site_id": alice.site.pk, "sector_id": alice.sector.pk}
    refused(upload(alice.client, "a,b\n1,2\n", **mine), "file")
    refused(upload(alice.client, b"PK\x03\x04broken", name="a.xlsx", **mine), "file")
    refused(upload(alice.client, "", **mine), "file")
    refused(upload(alice.client, **{**mine, "site_id": bob.site.pk}), "site_id")
    refused(upload(alice.client, **{**mine, "sector_id": bob.sector.pk}), "sector_id")
    refused(upload(alice.client, **mine, country="Atlantis"), "country")
    refused(alice.client.post(KEYWORDS + "upload/", mine, format="multipart"), "file")
    assert alice.client.post(KEYWORDS + "upload/", mine).status_code == 415


# --- clusters


def test_cluster_crud_and_figures(alice):
    made = alice.client.post(CLUSTERS, {"site": alice.site.pk, "sector": alice.sector.pk, "name": "Cold brew"})
    assert made.status_code == 201, made.content
    row = made.json()["data"]
    assert (row["keyword_count"], row["volume"], row["difficulty"], row["status"]) == (0, 0, None, "new")
    hub = ClusterFactory(sector=alice.sector, is_hub=True)
    url = f"{CLUSTERS}{row['id']}/"
    assert alice.client.patch(url, {"parent": hub.pk, "is_locked": True}).json()["data"]["parent"] == hub.pk
    cluster = Cluster.objects.get(pk=row["id"])
    KeywordFactory(sector=alice.sector, cluster=cluster, volume=10, difficulty=10, status="clustered")
    KeywordFactory(sector=alice.sector, cluster=cluster, volume=5, difficulty=15, status="mapped")
    KeywordFactory(sector=alice.sector, cluster=cluster, volume=0, difficulty=None, status="disabled")
    for one in (url, f"{CLUSTERS}{hub.pk}/"):
        shown = alice.client.get(one).json()["data"]
        assert (shown["keyword_count"], shown["volume"], shown["difficulty"]) == (3, 15, 12.5)
    refused(alice.client.patch(url, {"is_hub": True, "parent": None}), "is_hub")
    refused(alice.client.patch(f"{CLUSTERS}{hub.pk}/", {"parent": hub.pk}), "parent")
    refused(alice.client.post(CLUSTERS, {"site": alice.site.pk, "name": ""}), "name")
    assert alice.client.delete(url).status_code == 200
    statuses = Keyword.objects.order_by("-volume").values_list("status", "cluster")
    assert list(statuses) == [("new", None), ("mapped", None), ("disabled", None)]


def test_cluster_filters(alice, bob):
    big = ClusterFactory(sector=alice.sector, name="big", is_locked=True)
    KeywordFactory(sector=alice.sector, cluster=big, volume=1000, difficulty=60)
    ClusterFactory(sector=alice.sector, name="mapped", status="mapped")
    ClusterFactory(sector=bob.sector, name="bob's")
    for params, found in [
        ({}, ["big", "mapped"]), ({"status": "mapped"}, ["mapped"]), ({"volume_min": 1}, ["big"]),
        ({"difficulty_max": 70}, ["big"]), ({"is_locked": "true"}, ["big"]), ({"is_hub": "true"}, []),
        ({"search": "MAP"}, ["mapped"]), ({"ordering": "-keyword_count"}, ["big", "mapped"]),
        ({"site_id": alice.site.pk, "sector_id": alice.sector.pk}, ["big", "mapped"]),
    ]:  # fmt: skip
        assert [row["name"] for row in results(alice.client, CLUSTERS, **params)] == found, params
    refused(alice.client.get(CLUSTERS, {"status": "gone"}), "status")


@pytest.mark.parametrize(
    ("url", "factory", "change"),
    [(CLUSTERS, ClusterFactory, {"is_locked": True}), (IDEAS, ContentIdeaFactory, {"structure": "guide"})],
)
def test_bulk_update(alice, bob, url, factory, change):
    mine, foreign = factory.create_batch(2, sector=alice.sector), factory(sector=bob.sector)
    ids = [row.pk for row in mine]
    answer = alice.client.post(url + "bulk_update/", {"ids": ids, **change})
    assert answer.json()["data"] == {"updated": 2}, answer.content
    (field, value), = change.items()
    assert set(factory._meta.model.objects.filter(pk__in=ids).values_list(field, flat=True)) == {value}
    refused(alice.client.post(url + "bulk_update/", {"ids": [*ids, foreign.pk], **change}), "ids")
    refused(alice.client.post(url + "bulk_update/", {"ids": ids}), "non_field_errors")
    refused(alice.client.post(url + "bulk_update/", {"ids": ids, field: "nonsense"}), field)


def test_jobs_are_refused_before_they_start(alice, bob):
    foreign = KeywordFactory(sector=bob.sector)
    empty = ClusterFactory(sector=alice.sector)
    start = CLUSTERS + "auto_cluster/"
    refused(alice.client.post(start, {}), "site_id")
    refused(alice.client.post(start, {"site_id": bob.site.pk}), "site_id")
    refused(alice.client.post(start, {"site_id": alice.site.pk, "sector_id": bob.sector.pk}), "sector_id")
    refused(alice.client.post(start, {"site_id": alice.site.pk, "keyword_ids": [foreign.pk]}), "keyword_ids")
    refused(alice.client.post(start, {"site_id": alice.site.pk, "granularity": 1.5}), "granularity")
    start = CLUSTERS + "generate_ideas/"
    refused(alice.client.post(start, {"cluster_ids": [ClusterFactory(sector=bob.sector).pk]}), "cluster_ids")
    refused(alice.client.post(start, {"cluster_ids": [empty.pk]}), "cluster_ids")
    refused(alice.client.post(start, {"cluster_ids": [empty.pk], "ideas_per_cluster": 11}), "ideas_per_cluster")


def test_jobs_need_credits(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=1)
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    answer = alice.client.post(CLUSTERS + "generate_ideas/", {"cluster_ids": [cluster.pk], "ideas_per_cluster": 2})
    assert answer.status_code == 402 and answer.json()["code"] == "INSUFFICIENT_CREDITS"
    KeywordFactory.create_batch(101, sector=alice.sector)
    assert alice.client.post(CLUSTERS + "auto_cluster/", {"site_id": alice.site.pk}).status_code == 402


# --- ideas


def test_idea_crud(alice, bob):
    keyword = KeywordFactory(sector=alice.sector)
    body = {
        "site": alice.site.pk,
        "title": "Cold brew: what you should know",
        "keywords": [keyword.pk],
        "outline": [{"heading": "Water", "points": ["hard", "soft"]}, {"heading": "Time"}],
        "word_count": 900,
    }
    made = alice.client.post(IDEAS, body)
    assert made.status_code == 201, made.content
    row = made.json()["data"]
    assert row["keywords"] == [keyword.pk] and row["status"] == "new" and row["content_type"] == "post"
    assert row["outline"][1] == {"heading": "Time", "points": []}
    url = f"{IDEAS}{row['id']}/"
    assert alice.client.put(url, row).json()["data"]["outline"] == row["outline"]
    assert alice.client.patch(url, {"keywords": [], "status": "queued"}).json()["data"]["keywords"] == []
    assert alice.client.patch(url, {"status": "completed"}).status_code == 200
    assert alice.client.patch(url, {"status": "new"}).status_code == 409
    foreign = KeywordFactory(sector=bob.sector)
    for change in (
        {"keywords": [foreign.pk]}, {"keywords": "x"}, {"outline": "x"}, {"outline": [{"points": []}]}, {"title": ""},
        {"word_count": 1}, {"cluster": ClusterFactory(sector=bob.sector).pk}, {"structure": "poem"}, {"title": "x" * 301},
        {"keywords": [KeywordFactory(sector=SectorFactory(site__account=alice.account)).pk]},
    ):  # fmt: skip
        refused(alice.client.post(IDEAS, {**body, **change}), next(iter(change)))
    assert alice.client.delete(url).json()["data"] is None
    assert not ContentIdea.objects.exists() and Keyword.objects.filter(pk=keyword.pk).exists()


def test_idea_filters(alice, bob):
    cluster = ClusterFactory(sector=alice.sector)
    ContentIdeaFactory(sector=alice.sector, title="A guide", structure="guide", cluster=cluster, intent="commercial")
    ContentIdeaFactory(sector=alice.sector, title="B page", content_type="page", status="queued")
    ContentIdeaFactory(sector=bob.sector)
    for params, found in [
        ({}, "AB"), ({"status": "queued"}, "B"), ({"cluster_id": cluster.pk}, "A"), ({"content_type": "page"}, "B"),
        ({"structure": "guide"}, "A"), ({"intent": "commercial"}, "A"), ({"search": "page"}, "B"),
        ({"site_id": alice.site.pk}, "AB"), ({"sector_id": alice.sector.pk}, "AB"),
    ]:  # fmt: skip
        rows = results(alice.client, IDEAS, ordering="title", **params)
        assert "".join(row["title"][0] for row in rows) == found, params


# --- all of them


def test_lists_cost_the_same_for_few_and_many(alice):
    def fill(n):
        for _ in range(n):
            cluster = ClusterFactory(sector=alice.sector)
            keyword = KeywordFactory(sector=alice.sector, cluster=cluster)
            ContentIdeaFactory(sector=alice.sector, cluster=cluster).keywords.add(keyword)

    fill(2)
    few = [queries(alice.client, url) for url in (KEYWORDS, CLUSTERS, IDEAS)]
    fill(18)
    assert [queries(alice.client, url) for url in (KEYWORDS, CLUSTERS, IDEAS)] == few
    assert max(few) <= 4


@pytest.mark.parametrize(
    ("url", "factory"), [(KEYWORDS, KeywordFactory), (CLUSTERS, ClusterFactory), (IDEAS, ContentIdeaFactory)]
)
def test_what_is_bobs_does_not_exist_for_alice(alice, bob, url, factory):
    foreign = factory(sector=bob.sector)
    one = f"{url}{foreign.pk}/"
    answers = [alice.client.get(one), alice.client.put(one, {}), alice.client.patch(one, {}), alice.client.delete(one)]
    assert [answer.status_code for answer in answers] == [404] * 4
    for field, value in (("site", bob.site.pk), ("sector", bob.sector.pk)):
        body = {"site": alice.site.pk, "sector": alice.sector.pk, "keyword": "x", "name": "x", "title": "x"}
        refused(alice.client.post(url, body | {field: value}), field)
    assert factory._meta.model.objects.count() == 1


def test_viewer_reads_and_writes_nothing(alice):
    viewer = alice.as_role("viewer")
    row = KeywordFactory(sector=alice.sector)
    for url in (KEYWORDS, CLUSTERS, IDEAS, LIBRARY, f"{KEYWORDS}{row.pk}/", KEYWORDS + "export/"):
        assert viewer.get(url).status_code == 200
    writes = [
        KEYWORDS, KEYWORDS + "bulk_delete/", KEYWORDS + "bulk_status/", KEYWORDS + "add_to_workflow/",
        KEYWORDS + "upload/", CLUSTERS, CLUSTERS + "bulk_update/", CLUSTERS + "bulk_delete/",
        CLUSTERS + "auto_cluster/", CLUSTERS + "generate_ideas/", IDEAS, IDEAS + "bulk_update/", IDEAS + "bulk_delete/",
    ]  # fmt: skip
    assert [viewer.post(url, {}).status_code for url in writes] == [403] * len(writes)
    assert viewer.delete(f"{KEYWORDS}{row.pk}/").status_code == 403
    assert alice.as_role("editor").post(KEYWORDS, body_of(alice)).status_code == 201


def test_limited_user_works_on_its_sites_only(alice):
    KeywordFactory(sector=alice.sector)
    client = alice.as_role("editor", all_sites=False)
    assert results(client, KEYWORDS) == []
    refused(client.post(KEYWORDS, body_of(alice)), "site")
    refused(client.post(CLUSTERS + "auto_cluster/", {"site_id": alice.site.pk}), "site_id")
    limit_take(account_id=alice.account.pk, resource="keywords")
    assert client.get(LIBRARY, {"site_id": alice.site.pk}).status_code == 404


def test_upload_reads_a_stream_of_any_kind(alice):
    body = io.BytesIO("\ufeffKeyword\tVolume\none\t1\n".encode("utf-16")).getvalue()
    look = upload(alice.client, body, site_id=alice.site.pk, sector_id=alice.sector.pk, preview="1").json()["data"]
    assert look["keywords"] == 1 and look["sample"][0]["volume"] == 1
