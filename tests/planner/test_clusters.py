"""Clusters as editors work on them: previewed, cut again, merged, split, locked, and keywords moved."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.models import Count

from apps.billing.services.ledger import credits_balance
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.planner.services import clusters as clusters_module
from apps.planner.services.cluster_edits import cluster_lock, clusters_delete, clusters_merge, keywords_move
from apps.planner.services.clusters import clusters_build, clusters_preview
from tests.factories import SectorFactory, SiteFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory
from tests.factories.writer import TaskFactory
from tests.planner.asking import CLUSTERS, IDEAS, KEYWORDS, refused, results
from tests.planner.test_clustering import labelled

pytestmark = pytest.mark.django_db
COFFEE = ["cold brew ratio", "cold brew coffee ratio", "ratio for cold brew"]
BIKES = ["mountain bike tyres", "best mountain bike tyres", "tyres for mountain bike"]


def keywords(actor, texts, **fields) -> list[Keyword]:
    return [KeywordFactory(**{"sector": actor.sector, "keyword": text} | fields) for text in texts]


def cluster_of(actor, texts, status="clustered", **fields) -> Cluster:
    row = ClusterFactory(**{"sector": actor.sector, "name": texts[0]} | fields)
    keywords(actor, texts, cluster=row, status=status)
    return row


def build(actor, reference="r", **fields) -> dict:
    return clusters_build(account_id=actor.account.pk, site_id=actor.site.pk, reference=reference, **fields)


def texts_of(cluster) -> set[str]:
    return set(Keyword.objects.filter(cluster=cluster).values_list("keyword", flat=True))


def available(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["available"]


def post(actor, path: str, body: dict | None = None):
    return actor.client.post(CLUSTERS + path, body or {})


def done(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


# --- preview, recut


def test_a_preview_shows_what_would_be_made_and_stores_nothing(alice):
    keywords(alice, [*COFFEE, *BIKES, "xylophone lessons"])
    there = cluster_of(alice, ["bread flour types", "types of bread flour"], name="Bread")
    keywords(alice, ["bread flour type"])
    before, stamps = available(alice), set(Keyword.objects.values_list("pk", "updated_at", "cluster"))
    shown = clusters_preview(account_id=alice.account.pk, site_id=alice.site.pk)
    assert (shown["clusters"], shown["clustered"], shown["unclustered"], shown["credits"]) == (4, 7, 1, 0)
    found = {frozenset(group["keyword_ids"]): group for group in shown["groups"]}
    assert set(Keyword.objects.values_list("pk", "updated_at", "cluster")) == stamps
    assert Cluster.objects.count() == 1 and available(alice) == before
    assert {group["cluster_id"] for group in shown["groups"]} == {None, there.pk}
    assert [group["name"] for group in shown["groups"] if group["cluster_id"]] == ["Bread"]
    # What was shown is what is made.
    build(alice)
    for ids in found:
        assert Keyword.objects.filter(pk__in=ids).values("cluster").distinct().count() == 1


def test_cut_again_is_what_nobody_has_touched(alice):
    free = cluster_of(alice, [COFFEE[0], BIKES[0]])
    edited = cluster_of(alice, ["tea pot", "harp strings"], is_edited=True)
    locked = cluster_of(alice, ["green tea cup", "harp lessons"], is_locked=True)
    planned = cluster_of(
        alice,
        ["oat milk", "violin bow"],
        status="mapped",
    )
    Cluster.objects.filter(pk=planned.pk).update(status="mapped")
    keywords(alice, [*COFFEE[1:], *BIKES[1:], "tea pots"])
    before = available(alice)
    result = build(alice, recut=True)
    assert (result["clustered"], result["unclustered"]) == (7, 0) and available(alice) == before - 1
    assert texts_of(edited) == {"tea pot", "harp strings", "tea pots"}
    assert texts_of(locked) == {"green tea cup", "harp lessons"}
    assert texts_of(planned) == {"oat milk", "violin bow"}
    assert {frozenset(texts_of(c)) for c in Cluster.objects.filter(is_edited=False, is_locked=False, status="new")} == {
        frozenset(COFFEE), frozenset(BIKES)
    }  # fmt: skip
    # The cluster that kept its name is the same row; nothing is left of those that fell apart.
    assert free.keywords.count() == 3 and Cluster.objects.count() == 5
    ids = set(Cluster.objects.values_list("pk", "name"))
    assert build(alice, "r2", recut=True)["clustered"] == 6
    assert set(Cluster.objects.values_list("pk", "name")) == ids


def test_cutting_again_gives_what_stays_nothing_of_the_rest(alice):
    """The facets of one subject are near each other: two that an editor has merged, and one with ideas, would else
    take in the others, which are then no articles of their own any more."""
    keywords(alice, labelled("clusters_facets", 38)[0])
    build(alice)
    of_one = Cluster.objects.filter(is_hub=False, parent__name__contains="air fryer")
    made = list(of_one.annotate(size=Count("keywords")).order_by("-size", "name"))
    assert len(made) >= 5
    merged = clusters_merge(account_id=alice.account.pk, ids=[made[0].pk, made[1].pk])
    Cluster.objects.filter(pk=made[2].pk).update(status="mapped")
    Keyword.objects.filter(cluster=made[2]).update(status="mapped")
    kept = {pk: texts_of(Cluster.objects.get(pk=pk)) for pk in (merged, made[2].pk)}
    keywords(alice, [f"cheap {made[-1].name}"])
    found = []
    for reference in ("r2", "r3"):
        build(alice, reference, recut=True, granularity=0.7)
        found.append({frozenset(texts_of(cluster)) for cluster in Cluster.objects.filter(is_hub=False)})
    assert {pk: texts_of(Cluster.objects.get(pk=pk)) for pk in kept} == kept
    assert found[0] == found[1] and len(found[0]) >= 4


def test_cutting_again_leaves_no_empty_hub_and_loses_no_task(alice):
    hub = ClusterFactory(sector=alice.sector, is_hub=True, name="old hub")
    leaf = cluster_of(alice, [COFFEE[0], BIKES[0]], parent=hub, name="mixed")
    used = cluster_of(alice, [COFFEE[1], BIKES[1]], name="has a task")
    task = TaskFactory(sector=alice.sector, cluster=used)
    build(alice, recut=True)
    assert not Cluster.objects.filter(pk__in=[hub.pk, leaf.pk]).exists()
    task.refresh_from_db()
    assert task.cluster_id == used.pk


def test_a_second_run_joins_what_is_there_in_its_sector_and_site_only(alice):
    other = SectorFactory(site=alice.site)
    elsewhere = SectorFactory(site=SiteFactory(account=alice.account))
    home = cluster_of(alice, COFFEE)
    foreign = ClusterFactory(sector=other, name="of another sector")
    # An editor has put a keyword of this sector into a cluster of another: nothing follows it there.
    keywords(alice, ["mountain bike tyre"], cluster=foreign, status="clustered")
    KeywordFactory(sector=elsewhere, keyword=BIKES[0], status="clustered",
                   cluster=ClusterFactory(sector=elsewhere))  # fmt: skip
    late = keywords(alice, ["cold brew ratio coffee", BIKES[1]])
    there = keywords(alice, ["ratio of cold brew"], sector=other)
    build(alice)
    for row in (*late, *there):
        row.refresh_from_db()
    assert late[0].cluster == home
    assert late[1].cluster != foreign and late[1].cluster.sector == alice.sector
    assert there[0].cluster not in (home, None) and there[0].cluster.sector == other


def test_names_are_polished_only_when_asked(alice, monkeypatch):
    asked = []

    def named(*, groups: list, **asked_with) -> dict:
        asked.append(len(groups))
        for group in groups:
            group.name = f"The {group.name}"
        return {"provider": "local"}

    monkeypatch.setattr(clusters_module, "names_of", named)
    keywords(alice, COFFEE)
    build(alice)
    assert asked == [] and Cluster.objects.get().name in COFFEE
    keywords(alice, BIKES)
    build(alice, "r2", polish_names=True)
    assert asked == [1] and {
        texts_of(c) == set(BIKES) for c in Cluster.objects.filter(name__startswith="The ")
    } == {True}


@pytest.mark.parametrize("edit", ["moved", "locked", "deleted", "other_sector", "renamed"])
def test_what_editors_do_meanwhile_stays(alice, monkeypatch, edit):
    """The edit comes between reading the keywords and storing their clusters."""
    old = cluster_of(alice, [COFFEE[0], BIKES[0]])
    target = ClusterFactory(sector=alice.sector, name="by hand", is_locked=True)
    fresh = keywords(alice, COFFEE[1:])
    moved = Keyword.objects.get(keyword=COFFEE[0])
    account = {"account_id": alice.account.pk}
    other = SectorFactory(site=alice.site)
    edits = {
        "moved": lambda: keywords_move(keyword_ids=[moved.pk, fresh[0].pk], cluster_id=target.pk, **account),
        "locked": lambda: cluster_lock(cluster_id=old.pk, locked=True, **account),
        "deleted": lambda: clusters_delete(ids=[old.pk], **account),
        "other_sector": lambda: alice.client.patch(f"{KEYWORDS}{fresh[0].pk}/", {"sector": other.pk}),
        "renamed": lambda: alice.client.patch(f"{CLUSTERS}{old.pk}/", {"name": "Mine"}),
    }
    groups = clusters_module._groups

    def interrupted(*args):
        found = groups(*args)
        edits[edit]()
        return found

    monkeypatch.setattr(clusters_module, "_groups", interrupted)
    result = build(alice, recut=True)
    assert sum(result[name] for name in ("clustered", "unclustered")) == {
        "moved": 2, "locked": 2, "deleted": 2, "other_sector": 3, "renamed": 2}[edit]  # fmt: skip
    if edit == "moved":
        assert texts_of(target) == {COFFEE[0], COFFEE[1]}
    elif edit in ("locked", "renamed"):
        assert texts_of(old) == {COFFEE[0], BIKES[0]}
    elif edit == "other_sector":
        fresh[0].refresh_from_db()
        assert (fresh[0].cluster, fresh[0].status) == (None, "new")
    else:
        assert set(Keyword.objects.filter(status="new").values_list("keyword", flat=True)) == {
            COFFEE[0],
            BIKES[0],
        }


def test_a_tier_that_is_not_there_is_told_and_costs_nothing(alice, settings):
    settings.CLUSTERING_TIER = "huge"
    keywords(alice, COFFEE)
    before = available(alice)
    with pytest.raises(clusters_module.ClusteringUnavailable, match="choose one of static, minilm"):
        build(alice)
    assert available(alice) == before and not Cluster.objects.exists()
    assert [error.id for error in run_checks()] == ["planner.E001"]


# --- by hand


def test_a_name_by_hand_is_kept(alice):
    made = alice.client.post(CLUSTERS, {"site": alice.site.pk, "sector": alice.sector.pk, "name": "Mine"})
    assert made.json()["data"]["is_edited"] is True
    row = cluster_of(alice, COFFEE)
    url = f"{CLUSTERS}{row.pk}/"
    assert (
        alice.client.patch(url, {"description": "x", "name": row.name}).json()["data"]["is_edited"] is False
    )
    assert alice.client.patch(url, {"name": "Cold\u202f🧊 قهوة"}).json()["data"]["is_edited"] is True
    assert [c["id"] for c in results(alice.client, CLUSTERS, is_edited="false")] == []
    build(alice, recut=True)
    row.refresh_from_db()
    assert row.name == "Cold\u202f🧊 قهوة" and row.keywords.count() == 3


def test_merge(alice, bob):
    hub = ClusterFactory(sector=alice.sector, is_hub=True)
    one, two, three = (cluster_of(alice, [text], parent=hub) for text in COFFEE)
    idea = ContentIdeaFactory(sector=alice.sector, cluster=two)
    task = TaskFactory(sector=alice.sector, cluster=three)
    Cluster.objects.filter(pk=two.pk).update(status="mapped")
    Keyword.objects.filter(cluster=three).update(status="disabled")
    ids = [one.pk, two.pk, three.pk]
    shown = done(post(alice, "merge/", {"cluster_ids": ids, "into": two.pk, "name": "Cold brew"}))
    assert (shown["id"], shown["name"], shown["keyword_count"], shown["status"]) == (
        two.pk,
        "Cold brew",
        3,
        "mapped",
    )
    assert shown["is_edited"] is True and shown["parent"] == hub.pk
    for row in (idea, task):
        row.refresh_from_db()
        assert row.cluster_id == two.pk
    assert sorted(Keyword.objects.values_list("status", flat=True)) == ["disabled", "mapped", "mapped"]
    assert set(Cluster.objects.all()) == {hub, two}

    foreign = ClusterFactory(sector=bob.sector)
    other_site = ClusterFactory(sector=SectorFactory(site=SiteFactory(account=alice.account)))
    other_sector = ClusterFactory(sector=SectorFactory(site=alice.site))
    for others in ([foreign.pk], [other_site.pk], [other_sector.pk], [hub.pk], [2**62], []):
        refused(post(alice, "merge/", {"cluster_ids": [two.pk, *others]}), "cluster_ids")
    refused(post(alice, "merge/", {"cluster_ids": [two.pk, hub.pk], "into": other_site.pk}), "into")
    assert foreign.keywords.count() == 0 and Cluster.objects.count() == 5


def test_hubs_merge_with_what_is_under_them(alice):
    hubs = ClusterFactory.create_batch(2, sector=alice.sector, is_hub=True)
    leaf = cluster_of(alice, COFFEE, parent=hubs[1])
    done(post(alice, "merge/", {"cluster_ids": [hub.pk for hub in hubs]}))
    leaf.refresh_from_db()
    assert leaf.parent == hubs[0]


def test_split_by_ids_and_by_the_words(alice, bob):
    row = cluster_of(alice, [*COFFEE, *BIKES], name="mixed")
    bikes = list(Keyword.objects.filter(keyword__in=BIKES).values_list("pk", flat=True))
    path = f"{row.pk}/split/"
    kept, made = done(post(alice, path, {"keyword_ids": bikes, "name": "Tyres"}))
    assert (kept["id"], kept["keyword_count"], made["name"], made["keyword_count"]) == (row.pk, 3, "Tyres", 3)
    assert texts_of(made["id"]) == set(BIKES) and kept["is_edited"] and made["is_edited"]
    refused(post(alice, path, {"keyword_ids": bikes[:1]}), "keyword_ids")  # of another cluster
    refused(post(alice, path, {"keyword_ids": [KeywordFactory(sector=bob.sector).pk]}), "keyword_ids")
    rest = list(row.keywords.values_list("pk", flat=True))
    for body in ({"keyword_ids": rest}, {}):  # all of them; nothing tells them apart
        answer = post(alice, path, body)
        assert answer.status_code == 409 and "keyword" in answer.json()["error"]

    facets = [f"standing desk {x}" for x in ("price", "prices", "cost", "review", "reviews", "mat", "mats")]
    subject = cluster_of(alice, facets, name="desks")
    parts = done(post(alice, f"{subject.pk}/split/"))
    assert {frozenset(texts_of(part["id"])) for part in parts} == {
        frozenset(facets[:3]), frozenset(facets[3:5]), frozenset(facets[5:])
    }  # fmt: skip
    assert post(bob, f"{subject.pk}/split/").status_code == 404


def test_keywords_are_moved(alice, bob):
    one, two = cluster_of(alice, COFFEE), cluster_of(alice, BIKES)
    Cluster.objects.filter(pk=two.pk).update(status="mapped")
    ids = list(one.keywords.values_list("pk", flat=True))
    Keyword.objects.filter(pk=ids[0]).update(status="disabled")
    assert done(post(alice, "move_keywords/", {"keyword_ids": ids, "cluster_id": two.pk})) == {"moved": 3}
    assert done(post(alice, "move_keywords/", {"keyword_ids": ids, "cluster_id": two.pk})) == {"moved": 0}
    assert not Cluster.objects.filter(pk=one.pk).exists(), "nothing is left in it, and nobody named it"
    assert Cluster.objects.get(pk=two.pk).is_edited
    assert set(Keyword.objects.filter(pk__in=ids).values_list("status", "cluster")) == {
        ("disabled", two.pk), ("mapped", two.pk)
    }  # fmt: skip
    assert done(post(alice, "move_keywords/", {"keyword_ids": ids, "cluster_id": None})) == {"moved": 3}
    assert set(Keyword.objects.filter(pk__in=ids).values_list("status", "cluster")) == {
        ("disabled", None),
        ("new", None),
    }
    hub = ClusterFactory(sector=alice.sector, is_hub=True)
    elsewhere = ClusterFactory(sector=SectorFactory(site=SiteFactory(account=alice.account)))
    foreign = ClusterFactory(sector=bob.sector)
    for cluster, field in ((hub, "cluster_id"), (elsewhere, "keyword_ids"), (foreign, "cluster_id")):
        refused(post(alice, "move_keywords/", {"keyword_ids": ids, "cluster_id": cluster.pk}), field)
    theirs = [KeywordFactory(sector=bob.sector).pk]
    refused(post(alice, "move_keywords/", {"keyword_ids": theirs, "cluster_id": two.pk}), "keyword_ids")
    refused(post(alice, "move_keywords/", {"keyword_ids": ids}), "cluster_id")


def test_lock_and_unlock(alice, bob):
    row = cluster_of(alice, COFFEE)
    for action, locked in (("lock", True), ("lock", True), ("unlock", False)):
        assert done(post(alice, f"{row.pk}/{action}/"))["is_locked"] is locked
    assert post(bob, f"{row.pk}/lock/").status_code == 404
    assert alice.as_role("viewer").post(f"{CLUSTERS}{row.pk}/lock/").status_code == 403


def test_a_keyword_put_into_a_cluster_by_hand_stays_there(alice):
    row = cluster_of(alice, BIKES)
    keyword = KeywordFactory(sector=alice.sector, keyword=COFFEE[0])
    assert alice.client.patch(f"{KEYWORDS}{keyword.pk}/", {"cluster": row.pk}).status_code == 200
    keywords(alice, COFFEE[1:])
    build(alice, recut=True)
    keyword.refresh_from_db()
    assert keyword.cluster == row


# --- the jobs


@pytest.mark.django_db(transaction=True)
def test_preview_recut_and_refusals_through_the_route(alice, run_jobs):
    keywords(alice, [*COFFEE, *BIKES])
    wanted = {"site_id": alice.site.pk, "granularity": 0.5}
    for body, field in (
        ({"granularity": 2}, "granularity"),
        ({"preview": "x"}, "preview"),
        ({"recut": 7}, "recut"),
    ):
        refused(post(alice, "auto_cluster/", wanted | body), field)
    before = available(alice)
    done(post(alice, "auto_cluster/", wanted | {"preview": True}))
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    assert job.result["preview"] and len(job.result["groups"]) == 2 and available(alice) == before
    assert not Cluster.objects.exists()
    for recut in (False, True):
        done(post(alice, "auto_cluster/", wanted | {"recut": recut}))
        (job,) = run_jobs()
        assert job.state == "succeeded", job.error
        assert (job.result["clusters"], job.result["clustered"], job.current, job.total) == (2, 6, 100, 100)
    assert available(alice) == before - 2
    # Nothing is new: a run that is no recut costs nothing.
    done(post(alice, "auto_cluster/", wanted))
    (job,) = run_jobs()
    assert job.result["credits"] == 0


def test_idea_filters_and_bulk(alice, bob):
    cluster = cluster_of(alice, COFFEE)
    keyword = cluster.keywords.first()
    long = ContentIdeaFactory(sector=alice.sector, title="Long", word_count=3000, description="needle 🧊")
    short = ContentIdeaFactory(sector=alice.sector, title="Short", word_count=300, cluster=cluster)
    short.keywords.add(keyword)
    for params, found in [
        ({"word_count_min": 1000}, [long]),
        ({"word_count_max": 1000}, [short]),
        ({"keyword_id": keyword.pk}, [short]),
        ({"search": "needle"}, [long]),
        ({"created_after": "2020-01-01T00:00:00Z", "ordering": "word_count"}, [short, long]),
        ({"created_before": "2020-01-01T00:00:00Z"}, []),
    ]:
        assert [row["id"] for row in results(alice.client, IDEAS, **params)] == [row.pk for row in found], (
            params
        )
    refused(alice.client.get(IDEAS, {"word_count_min": "x"}), "word_count_min")
    made = alice.client.post(IDEAS + "create_tasks/", {"idea_ids": [long.pk, short.pk]})
    assert len(made.json()["data"]) == 2 and set(ContentIdea.objects.values_list("status", flat=True)) == {
        "queued"
    }
    foreign = ContentIdeaFactory(sector=bob.sector)
    refused(alice.client.post(IDEAS + "create_tasks/", {"idea_ids": [foreign.pk]}), "idea_ids")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("recut", [False, True])
def test_two_clusterings_at_once_place_and_charge_once(alice, monkeypatch, recut):
    keywords(alice, [*COFFEE, *BIKES])
    if recut:
        build(alice, "r0")
    before, both_read = available(alice), threading.Barrier(2, timeout=20)
    groups = clusters_module._groups

    def together(*args):
        found = groups(*args)
        both_read.wait()
        return found

    def run(reference: str) -> dict:
        try:
            return build(alice, reference, recut=recut)
        finally:
            connection.close()

    monkeypatch.setattr(clusters_module, "_groups", together)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, ["r1", "r2"]))
    assert sorted(result["clustered"] for result in done) == [0, 6]
    assert sorted(result["credits"] for result in done) == [0, 1] and available(alice) == before - 1
    assert {frozenset(texts_of(c)) for c in Cluster.objects.all()} == {frozenset(COFFEE), frozenset(BIKES)}
