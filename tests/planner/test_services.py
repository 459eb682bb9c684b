"""Adding from the library, clustering and ideas: what they take, charge and leave alone."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LimitCounter
from apps.billing.models import CreditEntry, CreditHold, CreditUsage
from apps.billing.services.ledger import AlreadySettled, InsufficientCredits, credits_balance, credits_reserve
from apps.core.errors import Conflict, NotFound
from apps.core.jobs import LeaseLost
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.planner.services import ideas as ideas_module
from apps.planner.services.clusters import clusters_build
from apps.planner.services.ideas import ideas_generate
from apps.planner.services.keywords import keywords_delete
from apps.planner.services.library import keywords_add
from tests.factories import PlanFactory, SectorFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory, SeedKeywordFactory

pytestmark = pytest.mark.django_db
COFFEE = ["cold brew ratio", "cold brew coffee ratio", "ratio for cold brew"]
BIKES = ["mountain bike tyres", "best mountain bike tyres", "tyres for mountain bike"]
ODD = "xylophone lessons"


def available(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["available"]


def add(actor, seeds, **fields) -> dict:
    ids = [seed.pk for seed in seeds]
    return keywords_add(account_id=actor.account.pk, site_id=actor.site.pk, seed_keyword_ids=ids, **fields)


def build(actor, reference="r1", **fields) -> dict:
    return clusters_build(account_id=actor.account.pk, site_id=actor.site.pk, reference=reference, **fields)


def keywords(actor, texts, **fields) -> list[Keyword]:
    return [KeywordFactory(sector=actor.sector, keyword=text, **fields) for text in texts]


def grouping() -> set[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for text, cluster in Keyword.objects.values_list("keyword", "cluster_id"):
        groups.setdefault(cluster, set()).add(text)
    return {frozenset(group) for group in groups.values()}


# --- keywords_add


def test_paid_keyword_is_charged_once_per_account(alice):
    seeds = SeedKeywordFactory.create_batch(2, industry_sector=alice.sector.industry_sector, credit_cost=7)
    before = available(alice)
    assert add(alice, seeds)["credits_charged"] == 14 and available(alice) == before - 14
    Keyword.objects.all().delete()
    again = add(alice, seeds)
    assert (again["added"], again["credits_charged"]) == (2, 0) and available(alice) == before - 14
    assert CreditEntry.objects.filter(operation="keyword", reference=f"seed:{seeds[0].pk}").count() == 1
    log = CreditUsage.objects.filter(
        operation="keyword", object_type="seed_keyword", site=alice.site, credits=7
    )
    assert sorted(log.values_list("object_id", flat=True)) == sorted(seed.pk for seed in seeds)


def test_what_cannot_be_paid_is_skipped_and_the_rest_added(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=10)
    catalogue = alice.sector.industry_sector
    dear = SeedKeywordFactory(industry_sector=catalogue, credit_cost=11, volume=900)
    cheap = SeedKeywordFactory(industry_sector=catalogue, credit_cost=9)
    free = SeedKeywordFactory(industry_sector=catalogue)
    assert add(alice, [dear, cheap, free]) == {
        "added": 2,
        "skipped": 1,
        "reasons": {"insufficient_credits": 1},
        "credits_charged": 9,
    }
    assert set(Keyword.objects.values_list("seed_keyword", flat=True)) == {cheap.pk, free.pk}


def test_plan_limit_takes_the_largest_volumes_and_charges_for_no_more(alice):
    PlanFactory._meta.model.objects.update(max_keywords=3)
    catalogue = alice.sector.industry_sector
    small, large = (SeedKeywordFactory(industry_sector=catalogue, volume=volume) for volume in (1, 5))
    paid = SeedKeywordFactory.create_batch(2, industry_sector=catalogue, credit_cost=2)
    assert add(alice, [small, large])["added"] == 2
    result = add(alice, [small, *paid])
    assert result["reasons"] == {"already_there": 1, "plan_limit": 1} and result["credits_charged"] == 2
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 3
    assert add(alice, [*paid])["reasons"] == {"already_there": 1, "plan_limit": 1}


def test_same_keyword_of_two_sectors_is_added_once_and_the_cheaper(alice):
    second = SectorFactory(site=alice.site)
    paid = SeedKeywordFactory(industry_sector=alice.sector.industry_sector, keyword="Brew", credit_cost=5)
    free = SeedKeywordFactory(industry_sector=second.industry_sector, keyword="brew")
    result = add(alice, [paid, free])
    assert (result["added"], result["reasons"], result["credits_charged"]) == (1, {"already_there": 1}, 0)
    assert Keyword.objects.get().seed_keyword == free
    assert add(alice, [paid])["credits_charged"] == 0


def test_sector_of_a_site_that_is_switched_off_takes_nothing(alice):
    seed = SeedKeywordFactory(industry_sector=alice.sector.industry_sector)
    alice.sector.is_active = False
    alice.sector.save()
    assert add(alice, [seed])["reasons"] == {"other_sector": 1}


def test_adding_is_one_statement_however_many(alice):
    def statements(n: int) -> int:
        seeds = SeedKeywordFactory.create_batch(n, industry_sector=alice.sector.industry_sector)
        with CaptureQueriesContext(connection) as queries:
            assert add(alice, seeds)["added"] == n
        return len(queries)

    statements(1)
    assert statements(2) == statements(300)


# --- clusters_build


def test_every_keyword_ends_in_a_cluster(alice):
    keywords(alice, [*COFFEE, *BIKES, ODD])
    disabled = KeywordFactory(sector=alice.sector, keyword="cold brew ratios", status="disabled")
    before = available(alice)
    seen = []
    result = build(alice, progress=lambda *step: seen.append(step))
    assert result == {"clusters": 3, "clustered": 6, "unclustered": 1, "credits": 1}
    assert grouping() - {frozenset({disabled.keyword})} == {
        frozenset(COFFEE),
        frozenset(BIKES),
        frozenset({ODD}),
    }
    assert available(alice) == before - 1 and seen
    assert set(Cluster.objects.values_list("account", "site", "sector")) == {
        (alice.account.pk, alice.site.pk, alice.sector.pk)
    }
    usage = CreditUsage.objects.get()
    assert (usage.operation, usage.credits, usage.site_id) == ("clustering", 1, alice.site.pk)
    assert build(alice, "r2") == {"clusters": 0, "clustered": 0, "unclustered": 0, "credits": 0}
    assert available(alice) == before - 1


def test_order_of_the_keywords_does_not_matter(alice, bob):
    texts = [*COFFEE, *BIKES, ODD]
    keywords(alice, texts)
    build(alice)
    names = set(Cluster.objects.values_list("name", flat=True))
    Cluster.objects.all().delete()
    Keyword.objects.all().delete()
    random.Random(7).shuffle(texts)
    keywords(bob, texts)
    build(bob)
    assert set(Cluster.objects.values_list("name", flat=True)) == names


def test_new_keywords_join_what_is_there(alice):
    keywords(alice, [*COFFEE, ODD])
    build(alice)
    coffee = Keyword.objects.get(keyword=COFFEE[0]).cluster
    Cluster.objects.filter(pk=coffee.pk).update(status="mapped")
    late = KeywordFactory(sector=alice.sector, keyword="cold brew ratio coffee")
    assert build(alice, "r2") == {"clusters": 1, "clustered": 1, "unclustered": 0, "credits": 1}
    late.refresh_from_db()
    assert late.cluster == coffee and late.status == "mapped"


def test_locked_cluster_is_left_alone_and_an_open_one_of_the_name_is_used(alice):
    locked = ClusterFactory(sector=alice.sector, name=ODD, is_locked=True)
    KeywordFactory(sector=alice.sector, keyword="xylophone lesson", cluster=locked, status="clustered")
    empty = ClusterFactory(sector=alice.sector, name="harp lessons")
    keywords(alice, [ODD, "harp lessons"])
    build(alice)
    assert locked.keywords.count() == 1
    assert Keyword.objects.get(keyword="harp lessons").cluster == empty
    assert Cluster.objects.filter(name=ODD).count() == 2


def test_sectors_are_clustered_apart_and_the_others_left(alice):
    second = SectorFactory(site=alice.site)
    keywords(alice, COFFEE[:2])
    KeywordFactory(sector=second, keyword=COFFEE[2])
    assert build(alice, sector_id=second.pk) == {
        "clusters": 1,
        "clustered": 0,
        "unclustered": 1,
        "credits": 1,
    }
    assert build(alice, "r2") == {"clusters": 1, "clustered": 2, "unclustered": 0, "credits": 1}
    assert {c.sector_id for c in Cluster.objects.all()} == {alice.sector.pk, second.pk}


def test_ids_and_limit_choose(alice, bob):
    rows = [KeywordFactory(sector=alice.sector, keyword=text, volume=n) for n, text in enumerate(COFFEE)]
    foreign = KeywordFactory(sector=bob.sector)
    build(alice, keyword_ids=[rows[0].pk, foreign.pk])
    assert set(Keyword.objects.exclude(cluster=None)) == {rows[0]}
    build(alice, "r2", limit=1)
    assert set(Keyword.objects.exclude(cluster=None)) == {rows[0], rows[2]}


def test_clustering_without_credits_changes_nothing(alice):
    PlanFactory._meta.model.objects.update(monthly_credits=0)
    keywords(alice, COFFEE)
    with pytest.raises(InsufficientCredits):
        build(alice)
    assert not Cluster.objects.exists() and Keyword.objects.filter(status="new").count() == 3


def test_clustering_that_does_not_end_stores_nothing_and_gives_back(alice):
    keywords(alice, COFFEE)
    before = available(alice)

    def broken(result):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        build(alice, finish=broken)
    assert not Cluster.objects.exists() and available(alice) == before
    results = []
    assert build(alice, finish=results.append)["clustered"] == 3 and len(results) == 1
    keywords(alice, [ODD])
    with pytest.raises(AlreadySettled):
        build(alice)


@pytest.mark.parametrize("followed", [False, True])
def test_lost_lease_leaves_the_hold_to_the_one_who_took_over(alice, followed):
    keywords(alice, COFFEE)

    def lost(result):
        raise LeaseLost

    def take_over(*progress):
        if followed:
            credits_reserve(account_id=alice.account.pk, amount=1, operation="clustering", reference="r1")

    with pytest.raises(LeaseLost):
        build(alice, "r1", finish=lost, progress=take_over)
    assert CreditHold.objects.get().state == ("held" if followed else "released")
    assert not Cluster.objects.exists()


def test_clustering_costs_the_same_statements_for_few_and_many(alice):
    def statements(texts, reference) -> int:
        keywords(alice, texts)
        with CaptureQueriesContext(connection) as queries:
            build(alice, reference)
        return len(queries)

    build_first = statements(COFFEE, "r1")
    Cluster.objects.all().delete()
    Keyword.objects.all().delete()
    assert (
        statements([f"{a} {b}" for a in BIKES for b in ("red", "blue", "green", "cheap")], "r2")
        <= build_first
    )


# --- ideas_generate


@pytest.fixture
def cluster(alice) -> Cluster:
    row = ClusterFactory(sector=alice.sector, name="cold brew ratio")
    keywords(alice, COFFEE, cluster=row, status="clustered")
    return row


def ideas(actor, cluster, reference="i1", **fields) -> dict:
    return ideas_generate(account_id=actor.account.pk, cluster_id=cluster.pk, reference=reference, **fields)


def test_ideas_are_stored_with_their_keywords_and_paid(alice, cluster):
    before = available(alice)
    result = ideas(alice, cluster, count=2)
    assert len(result["idea_ids"]) == 2 and result["credits"] == 2 and available(alice) == before - 2
    rows = list(ContentIdea.objects.filter(pk__in=result["idea_ids"]))
    assert len({row.title.lower() for row in rows}) == 2
    for row in rows:
        assert (row.account, row.site, row.sector, row.cluster) == (
            alice.account,
            alice.site,
            alice.sector,
            cluster,
        )
        assert row.is_offline_draft and row.outline and row.keywords.exists() and row.status == "new"
        assert set(row.keywords.values_list("cluster", flat=True)) == {cluster.pk}
    cluster.refresh_from_db()
    assert cluster.status == "mapped" and set(cluster.keywords.values_list("status", flat=True)) == {"mapped"}
    usage = CreditUsage.objects.get()
    assert (usage.operation, usage.object_type, usage.object_id) == ("idea", "cluster", cluster.pk)
    with pytest.raises(AlreadySettled):
        ideas(alice, cluster, count=2)


def test_titles_that_are_there_are_not_made_again(alice, cluster):
    first = ideas(alice, cluster, count=3, allow_duplicate=True)["idea_ids"]
    second = ideas(alice, cluster, "i2", count=3, allow_duplicate=True)["idea_ids"]
    titles = [row.title.lower() for row in ContentIdea.objects.filter(pk__in=first + second)]
    assert len(titles) == len(set(titles)) == 6


def test_a_cluster_whose_topics_are_all_taken_is_mapped_and_free(alice, cluster, monkeypatch):
    answers = []
    ask = ideas_module.text_call
    monkeypatch.setattr(
        ideas_module,
        "text_call",
        lambda **k: answers.append(answers[0] if answers else ask(**k)) or answers[0],
    )
    [made] = ideas(alice, cluster)["idea_ids"]
    for reference, allowed, reason in (("i2", False, "same_keyphrase"), ("i3", True, "same_title")):
        again = ClusterFactory(sector=alice.sector, name="cold brew")
        KeywordFactory(sector=alice.sector, cluster=again, status="clustered")
        before = available(alice)
        result = ideas(alice, again, reference, count=1, allow_duplicate=allowed)
        again.refresh_from_db()
        assert again.status == "mapped" and again.keywords.get().status == "mapped"
        if not allowed:
            assert result["idea_ids"] == [] and available(alice) == before
        assert (result["skipped"][0]["reason"], result["skipped"][0]["topic"]["source_id"]) == (reason, made)


def test_ideas_of_a_hub_come_from_its_clusters(alice, cluster):
    hub = ClusterFactory(sector=alice.sector, name="coffee", is_hub=True)
    Cluster.objects.filter(pk=cluster.pk).update(parent=hub)
    assert len(ideas(alice, hub)["idea_ids"]) == 1
    assert set(cluster.keywords.values_list("status", flat=True)) == {"clustered"}


def test_ideas_refuse(alice, bob, cluster):
    with pytest.raises(NotFound):
        ideas(bob, cluster)
    with pytest.raises(Conflict):
        ideas(alice, ClusterFactory(sector=alice.sector))
    PlanFactory._meta.model.objects.update(monthly_credits=1)
    with pytest.raises(InsufficientCredits):
        ideas(alice, cluster, count=2)
    assert not ContentIdea.objects.exists()


def test_ideas_that_do_not_end_are_not_stored(alice, cluster):
    before = available(alice)

    def broken(result):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ideas(alice, cluster, finish=broken)
    cluster.refresh_from_db()
    assert not ContentIdea.objects.exists() and cluster.status == "new" and available(alice) == before


def test_prompt_holds_the_nearest_titles_of_the_site_only(alice, bob, cluster):
    from apps.planner.services.ideas import TITLES_SHOWN, _titles_like

    ContentIdeaFactory.create_batch(TITLES_SHOWN, sector=alice.sector)
    near = ContentIdeaFactory(sector=alice.sector, title="The cold brew ratio")
    ContentIdeaFactory(sector=bob.sector, title="cold brew ratio of Bob")
    titles = _titles_like(cluster)
    assert titles[0] == near.title and len(titles) == TITLES_SHOWN and "cold brew ratio of Bob" not in titles


def test_nothing_but_links_hangs_on_a_keyword(alice, bob, cluster):
    """keywords_delete relies on it: it deletes these and the rows, without asking Django what else there is."""
    assert all(relation.many_to_many for relation in Keyword._meta.related_objects)
    ideas(alice, cluster)
    idea = ContentIdea.objects.get()
    foreign = KeywordFactory(sector=bob.sector)
    mine = list(cluster.keywords.values_list("pk", flat=True))
    assert keywords_delete(account_id=alice.account.pk, ids=[*mine, foreign.pk]) == 3
    assert list(Keyword.objects.all()) == [foreign] and not idea.keywords.exists()
