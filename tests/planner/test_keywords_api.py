"""Keywords of a site's workflow as its users see them."""

import io
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import LimitCounter
from apps.planner.models import Keyword
from apps.planner.services.clusters import clusters_build
from tests.factories import PlanFactory, SectorFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory, SeedKeywordFactory
from tests.planner.asking import CLUSTERS, IDEAS, KEYWORDS, body_of, refused, results

pytestmark = pytest.mark.django_db


def test_keyword_from_made_to_deleted(alice):
    made = alice.client.post(
        KEYWORDS, body_of(alice, keyword="  Cold  Brew’s ratio ", country="UK", volume=2400)
    )
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


def test_a_keyword_is_as_far_as_its_cluster(alice):
    """One that is put into a locked cluster as it is made stays there: clustering takes new ones only."""
    locked = ClusterFactory(sector=alice.sector, is_locked=True)
    made = alice.client.post(KEYWORDS, body_of(alice, cluster=locked.pk)).json()["data"]
    assert (made["cluster"], made["cluster_name"], made["status"]) == (locked.pk, locked.name, "clustered")
    assert clusters_build(account_id=alice.account.pk, site_id=alice.site.pk, reference="r")["clusters"] == 0
    assert Keyword.objects.get().cluster_id == locked.pk
    mapped = ClusterFactory(sector=alice.sector, status="mapped")
    answer = alice.client.patch(f"{KEYWORDS}{made['id']}/", {"cluster": mapped.pk, "volume": 7})
    assert [answer.json()["data"][name] for name in ("cluster", "status", "volume")] == [
        mapped.pk,
        "mapped",
        7,
    ]
    mapped.refresh_from_db()
    assert mapped.is_edited


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
    refused(
        alice.client.patch(url, {"cluster": ClusterFactory(sector=alice.sector, is_hub=True).pk}), "cluster"
    )


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
    KeywordFactory(
        sector=alice.sector, keyword="brew", volume=200, difficulty=30, status="clustered", cluster=cluster
    )
    KeywordFactory(
        sector=alice.sector,
        keyword="coffee grinder",
        volume=300,
        difficulty=50,
        country="GB",
        status="disabled",
    )
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
    assert (
        alice.client.patch(f"{KEYWORDS}{new.pk}/", {"status": "disabled"}).json()["data"]["status"]
        == "disabled"
    )
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
    assert (
        lines[0] == "Keyword,Country,Volume,Difficulty,Intent,Status,Cluster,Sector,Added" and len(lines) == 2
    )
    assert lines[1].startswith("'=HYPERLINK(evil),US,5,")
    added = lines[1].rpartition(",")[2]
    assert added.endswith("Z") and datetime.fromisoformat(added)
    refused(alice.client.get(KEYWORDS + "export/", {"volume_min": "x"}), "volume_min")


def test_an_export_that_is_imported_again_changes_nothing(alice, run_jobs):
    for keyword in ("=1+1", "+ size dresses", "'quoted' latte", 'מים, "קרים"'):
        assert alice.client.post(KEYWORDS, body_of(alice, keyword=keyword, volume=5)).status_code == 201
    content = b"".join(alice.client.get(KEYWORDS + "export/").streaming_content)
    body = {
        "file": SimpleUploadedFile("keywords.csv", content),
        "site_id": alice.site.pk,
        "sector_id": alice.sector.pk,
    }
    assert alice.client.post(KEYWORDS + "upload/", body, format="multipart").status_code == 200
    [job] = run_jobs()
    assert job.result["reasons"] == {"already_there": 4} and Keyword.objects.count() == 4


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
    assert (row.sector, row.industry_sector, row.account, row.status) == (
        alice.sector,
        catalogue,
        alice.account,
        "new",
    )
    for change in ({"site_id": bob.site.pk}, {"sector_id": bob.sector.pk}, {"seed_keyword_ids": []}):
        refused(alice.client.post(KEYWORDS + "add_to_workflow/", {**body, **change}), next(iter(change)))
    other = SectorFactory(site__account=alice.account)
    refused(alice.client.post(KEYWORDS + "add_to_workflow/", {**body, "sector_id": other.pk}), "sector_id")


# --- files


def upload(client, text="Keyword,Volume\none,10\ntwo,x\n", name="list.csv", **fields):
    file = SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)
    return client.post(KEYWORDS + "upload/", {"file": file, **fields}, format="multipart")


def test_upload_preview_only_looks(alice):
    answer = upload(
        alice.client, site_id=alice.site.pk, sector_id=alice.sector.pk, country="UK", preview="true"
    )
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


def test_upload_reads_a_stream_of_any_kind(alice):
    body = io.BytesIO("\ufeffKeyword\tVolume\none\t1\n".encode("utf-16")).getvalue()
    look = upload(alice.client, body, site_id=alice.site.pk, sector_id=alice.sector.pk, preview="1").json()[
        "data"
    ]
    assert look["keywords"] == 1 and look["sample"][0]["volume"] == 1
