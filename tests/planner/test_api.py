"""Clusters and ideas as their users see them, and what holds for all the planner's routes."""

import pytest

from apps.planner.models import Cluster, ContentIdea, Keyword
from tests.factories import PlanFactory, SectorFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory
from tests.planner.asking import CLUSTERS, IDEAS, KEYWORDS, LIBRARY, body_of, queries, refused, results

pytestmark = pytest.mark.django_db


def test_cluster_crud_and_figures(alice):
    made = alice.client.post(
        CLUSTERS, {"site": alice.site.pk, "sector": alice.sector.pk, "name": "Cold brew"}
    )
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
    ((field, value),) = change.items()
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
    refused(
        alice.client.post(start, {"cluster_ids": [empty.pk], "ideas_per_cluster": 11}), "ideas_per_cluster"
    )


def test_jobs_need_credits(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=1)
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    answer = alice.client.post(
        CLUSTERS + "generate_ideas/", {"cluster_ids": [cluster.pk], "ideas_per_cluster": 2}
    )
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
    # Its article completes it, nobody by hand; and what is complete stays it.
    assert alice.client.patch(url, {"status": "completed"}).status_code == 409
    bulk = {"ids": [row["id"]], "status": "completed"}
    assert alice.client.post(IDEAS + "bulk_update/", bulk).status_code == 409
    ContentIdea.objects.update(status="completed")
    assert alice.client.patch(url, {"status": "new"}).status_code == 409
    foreign = KeywordFactory(sector=bob.sector)
    for change in (
        {"keywords": [foreign.pk]}, {"keywords": "x"}, {"outline": "x"}, {"outline": [{"points": []}]}, {"title": ""},
        {"word_count": 1}, {"cluster": ClusterFactory(sector=bob.sector).pk}, {"structure": "poem"},
        {"keywords": [KeywordFactory(sector=SectorFactory(site__account=alice.account)).pk]}, {"title": "x" * 301},
    ):  # fmt: skip
        refused(alice.client.post(IDEAS, {**body, **change}), next(iter(change)))
    assert alice.client.delete(url).json()["data"] is None
    assert not ContentIdea.objects.exists() and Keyword.objects.filter(pk=keyword.pk).exists()


def test_idea_filters(alice, bob):
    cluster = ClusterFactory(sector=alice.sector)
    ContentIdeaFactory(
        sector=alice.sector, title="A guide", structure="guide", cluster=cluster, intent="commercial"
    )
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
    answers = [
        alice.client.get(one),
        alice.client.put(one, {}),
        alice.client.patch(one, {}),
        alice.client.delete(one),
    ]
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
    assert client.get(LIBRARY, {"site_id": alice.site.pk}).status_code == 404


@pytest.mark.parametrize(("url", "factory"), [(KEYWORDS, KeywordFactory), (IDEAS, ContentIdeaFactory)])
def test_a_change_answers_with_all_fields(alice, url, factory):
    row = factory(sector=alice.sector, cluster=ClusterFactory(sector=alice.sector, name="Cold"))
    for cluster, name in ((row.cluster_id, "Cold"), (None, None)):
        data = alice.client.patch(f"{url}{row.pk}/", {"cluster": cluster}).json()["data"]
        assert (data["cluster"], data["cluster_name"]) == (cluster, name)


@pytest.mark.parametrize("value", ["1.5", "-1"])
def test_an_id_to_filter_by_is_a_whole_number(alice, value):
    for url, names in (
        (KEYWORDS, ["site_id", "sector_id", "cluster_id"]),
        (CLUSTERS, ["site_id", "sector_id", "parent_id"]),
        (IDEAS, ["site_id", "sector_id", "cluster_id"]),
    ):
        for name in names:
            refused(alice.client.get(url, {name: value}), name)
