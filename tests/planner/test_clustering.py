import csv
import gzip
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.planner.clustering import (
    TierMissing,
    cluster_keywords,
    join_keywords,
    search_intent,
    split_keywords,
    tier_of,
)
from apps.planner.clustering.engine import scale_of
from apps.planner.clustering.features import build_features, laid_aside
from apps.planner.clustering.text import normalise

DATA = Path(__file__).parents[2] / "bench" / "data"
ODD = [
    "",
    "   ",
    "\x00",
    "\x00\x07\u200b",
    "🎉",
    "🎉🎉 party 🎉",
    "مطعم قريب مني",
    "مطاعم قريبة مني",
    "北京旅游攻略",
    "北京旅游景点",
    "東京の天気",
    "ラーメン レシピ",
    "a" * 500,
    "red shoes " * 50,
    "!!! ???",
    "\ud800",
    "ﬁne coffee",
    "x\x00y",
    "ひ",
    "#",
]


def labelled(name: str, topics: int) -> tuple[list[str], list[str]]:
    with gzip.open(DATA / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = set(random.Random(3).sample(sorted({row["topic"] for row in rows}), topics))
    rows = [row for row in rows if row["topic"] in chosen]
    return [row["query"] for row in rows], [row["topic"] for row in rows]


def placed(result, count: int) -> list:
    """The cluster of every position; fails unless each position has exactly one place."""
    where: list = [None] * count
    for number, cluster in enumerate(result.clusters):
        for position in cluster.members:
            assert where[position] is None
            where[position] = number
    for position in result.alone:
        assert where[position] is None
        where[position] = ("alone", position)
    assert None not in where
    return where


def pairwise_f1(truth, found) -> float:
    def pairs(counts):
        return sum(n * (n - 1) // 2 for n in counts.values())

    return (
        2 * pairs(Counter(zip(truth, found, strict=True))) / (pairs(Counter(truth)) + pairs(Counter(found)))
    )


def as_sets(keywords, result):
    """What the result says, without positions."""

    def texts(positions):
        return frozenset(normalise(keywords[i]) for i in positions)

    hubs = {i: cluster.name for i, cluster in enumerate(result.clusters) if not cluster.members}
    return (
        {(c.name, texts(c.members), hubs.get(c.parent)) for c in result.clusters},
        [c.name for c in result.clusters],
        texts(result.alone),
    )


@pytest.mark.parametrize(("name", "floor"), [("clusters_user_queries", 0.88), ("clusters_intents", 0.6)])
def test_groups_what_people_group(name, floor):
    keywords, topics = labelled(name, 40)
    assert pairwise_f1(topics, placed(cluster_keywords(keywords), len(keywords))) >= floor


def test_result_depends_on_the_set_not_on_the_order():
    keywords, _ = labelled("clusters_user_queries", 30)
    volumes = [len(keyword) * 7 for keyword in keywords]
    expected = as_sets(keywords, cluster_keywords(keywords, volumes))
    for seed in range(3):
        order = list(range(len(keywords)))
        random.Random(seed).shuffle(order)
        mixed = [keywords[i] for i in order]
        assert as_sets(mixed, cluster_keywords(mixed, [volumes[i] for i in order])) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(max_size=30) | st.sampled_from([*ODD, "buy shoes", "Buy  Shoes", "shoe sale"]), max_size=40
    )
)
def test_every_keyword_has_exactly_one_place(keywords):
    where = placed(cluster_keywords(keywords), len(keywords))
    for i, keyword in enumerate(keywords):
        first = keywords.index(keyword)
        if normalise(keyword):
            assert where[first] == where[i]


def test_odd_input_is_kept():
    result = cluster_keywords(ODD)
    where = placed(result, len(ODD))
    assert where[6] == where[7]  # the two Arabic searches for a restaurant nearby
    assert where[8] == where[9]  # the two Chinese ones for a trip to Beijing
    assert set(result.alone) >= {0, 1, 2, 3, 15}


def test_needs_count_not_scripts():
    needs = [
        ["купить зимние шины", "зимние шины купить недорого"],
        ["рецепт борща", "борщ рецепт"],
        ["北京旅游攻略", "北京旅游景点", "北京三日游攻略"],
        ["上海酒店推荐", "上海便宜酒店"],
        ["ラーメン レシピ", "簡単ラーメンレシピ"],
        ["東京 天気", "東京の天気予報"],
        ["receta de paella", "paella valenciana receta"],
        ["zapatos rojos mujer", "zapatos de mujer rojos"],
    ]
    keywords = [keyword for need in needs for keyword in need]
    found = {frozenset(keywords[i] for i in c.members) for c in cluster_keywords(keywords).clusters}
    assert found == {frozenset(need) for need in needs}


def test_small_sets():
    assert cluster_keywords([]).clusters == []
    assert cluster_keywords(["garden hose"]).alone == [0]
    (only,) = cluster_keywords(["Garden hose", "garden  hose", "GARDEN HOSE"]).clusters
    assert (only.name, only.members, only.parent) == ("garden hose", [0, 1, 2], None)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        cluster_keywords(["a"], granularity=1.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        cluster_keywords(["a"], granularity=float("nan"))
    with pytest.raises(ValueError, match="2 volumes"):
        cluster_keywords(["a"], [1, 2])
    with pytest.raises(TypeError, match="not one string"):
        cluster_keywords("red shoes")
    with pytest.raises(TypeError, match="Keyword 1 is int"):
        cluster_keywords(["a", 5])


def test_granularity_makes_more_and_smaller_clusters():
    keywords, _ = labelled("clusters_intents", 20)
    counts = []
    for granularity in (0, 0.5, 1):
        result = cluster_keywords(keywords, granularity=granularity)
        counts.append(len([c for c in result.clusters if c.members]) + len(result.alone))
    assert counts == sorted(set(counts))
    assert scale_of(0.5) == 1


def test_one_entity_among_others_becomes_a_hub_of_facets():
    facets = ["price", "review", "battery life", "camera settings", "charger cable", "screen repair"]
    ways = [
        "{f} {x}",
        "{x} {f}",
        "best {f} {x}",
        "{f} of {x}",
        "{x} {f} 2025",
        "{x} {f} reddit",
        "the {x} {f}",
    ]
    entity = "nokia zephyr 12 pro max"
    about = [entity, f"the {entity}"] + [way.format(f=facet, x=entity) for facet in facets for way in ways]
    keywords = about + labelled("clusters_user_queries", 60)[0]
    result = cluster_keywords(keywords)
    where = placed(result, len(keywords))
    hubs = [i for i, cluster in enumerate(result.clusters) if not cluster.members]
    assert [result.clusters[i].name for i in hubs if "nokia" in result.clusters[i].name]
    for number, cluster in enumerate(result.clusters):
        if cluster.parent is not None:
            assert cluster.parent < number and result.clusters[cluster.parent].members == []
        assert bool(cluster.members) != any(other.parent == number for other in result.clusters)
    assert pairwise_f1([0, 0] + [facet for facet in facets for _ in ways], where[: len(about)]) > 0.75


def test_volume_decides_between_equally_typical_names():
    keywords = ["cheap garden hose", "garden hose cheap"]
    assert cluster_keywords(keywords, [10, 5000]).clusters[0].name == "garden hose cheap"
    assert cluster_keywords(keywords, [5000, None]).clusters[0].name == "cheap garden hose"


def test_progress_rises_to_the_end():
    heard = []
    cluster_keywords(labelled("clusters_user_queries", 5)[0], progress=lambda *news: heard.append(news))
    assert heard[-1] == (100, 100, "done")
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)


def test_new_keywords_join_what_they_would_have_been_in():
    keywords, topics = labelled("clusters_user_queries", 40)
    whole = pairwise_f1(topics, placed(cluster_keywords(keywords), len(keywords)))
    rng = random.Random(2)
    late = set(rng.sample(range(len(keywords)), len(keywords) // 5))
    early = [i for i in range(len(keywords)) if i not in late]
    where = placed(cluster_keywords([keywords[i] for i in early]), len(early))
    existing = [(keywords[i], w) for i, w in zip(early, where, strict=True) if isinstance(w, int)]
    new = sorted(late)
    joined = join_keywords(existing, [keywords[i] for i in new])
    found = dict(zip(early, where, strict=True)) | {
        i: ("new", i) if cluster is None else cluster for i, cluster in zip(new, joined, strict=True)
    }
    assert pairwise_f1(topics, [found[i] for i in range(len(keywords))]) >= whole - 0.03


def test_joining_edges():
    assert join_keywords([], ["a"]) == [None]
    assert join_keywords([("a", 1)], []) == []
    assert join_keywords([("Red Shoes", 7)], ["red  shoes", "\x00", ""]) == [7, None, None]
    existing = [
        ("garden hose", 3),
        ("cheap garden hose", 3),
        ("tax return form", 9),
        ("income tax return", 9),
    ]
    assert join_keywords(existing, ["buy garden hose", "quantum chromodynamics"]) == [3, None]


def test_import_is_cheap():
    code = "import sys, apps.planner.clustering; print({'numpy', 'scipy', 'tokenizers'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_large_sets_search_in_cells(monkeypatch):
    """The approximate search must find nearly what the exact one finds."""
    from apps.planner.clustering import neighbours

    keywords, topics = labelled("clusters_user_queries", 100)
    exact = pairwise_f1(topics, placed(cluster_keywords(keywords), len(keywords)))
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 500)
    assert len(keywords) > 500
    assert pairwise_f1(topics, placed(cluster_keywords(keywords), len(keywords))) >= exact - 0.05


def test_graph_is_symmetric_and_unlooped():
    from apps.planner.clustering.features import build_features
    from apps.planner.clustering.neighbours import neighbour_graph

    graph = neighbour_graph(build_features(sorted(labelled("clusters_intents", 10)[0])))
    assert abs(graph - graph.T).max() == 0
    assert not graph.diagonal().any()
    assert np.isfinite(graph.data).all() and (graph.data > 0).all()


@pytest.mark.parametrize(
    ("keyword", "intent"),
    [
        ("how to clean a coffee machine", "informational"),
        ("coffee", "informational"),
        ("was ist ein avatar", "informational"),
        ("facebook login", "navigational"),
        ("amazon.de", "navigational"),
        ("best running shoes", "commercial"),
        ("iphone vs pixel", "commercial"),
        ("waschmaschine test", "commercial"),
        ("mejores auriculares", "commercial"),
        ("buy running shoes online", "transactional"),
        ("winterreifen günstig", "transactional"),
        ("chaussures pas cher", "transactional"),
        ("plumber near me", "transactional"),
        ("\x00", "informational"),
    ],
)
def test_search_intent(keyword, intent):
    assert search_intent(keyword) == intent


def test_a_tier_that_is_not_installed_says_what_to_do(monkeypatch):
    monkeypatch.setattr("apps.planner.clustering.tiers.find_spec", lambda package: None)
    assert tier_of("static").gamma == 0.18
    with pytest.raises(TierMissing, match=r"onnxruntime.*requirements/minilm\.txt"):
        cluster_keywords(["a", "b"], tier="minilm")
    with pytest.raises(TierMissing, match="choose one of static, minilm"):
        join_keywords([("a", 1)], ["b"], tier="large")


def test_features_laid_aside_come_back_as_they_were(monkeypatch):
    features = build_features(sorted(labelled("clusters_intents", 3)[0]))
    assert laid_aside(features)() is features  # of few keywords: not worth it
    monkeypatch.setattr("apps.planner.clustering.features.LARGE", 10)
    back = laid_aside(features)()
    assert back is not features and back.weight == features.weight
    assert np.array_equal(back.meaning, features.meaning)
    assert back.wording.shape == features.wording.shape and not (back.wording != features.wording).nnz
    monkeypatch.setattr("numpy.save", lambda file, array: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert laid_aside(features)() is features


def test_facets_of_one_subject_come_apart_under_a_hub():
    """Four subjects, 38 things that people ask of them: one article each, and the subject above."""
    keywords, topics = labelled("clusters_facets", 38)
    result = cluster_keywords(keywords)
    assert pairwise_f1(topics, placed(result, len(keywords))) > 0.6
    hubs = [i for i, cluster in enumerate(result.clusters) if not cluster.members]
    under = {
        i: {topics[p].split(":")[0] for c in result.clusters if c.parent == i for p in c.members}
        for i in hubs
    }
    assert len(hubs) == 4 and all(len(subjects) == 1 for subjects in under.values())


def test_one_cluster_is_split_by_what_its_keywords_ask():
    keywords = ["x1 lamp price", "x1 lamp review", "X1 lamp  price", "x1 lamp cost", "x1 lamp reviews"]
    assert split_keywords(keywords) == [[0, 2, 3], [1, 4]]
    assert (
        split_keywords(["one"]) == [[0]]
        and split_keywords([]) == [[]]
        and split_keywords(["", "a"]) == [[0, 1]]
    )
    with pytest.raises(ValueError, match="granularity"):
        split_keywords(keywords, granularity=7)
