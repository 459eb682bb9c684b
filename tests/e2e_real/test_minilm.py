"""The clustering tier of a language model, whose packages are installed here and not where the other tests run."""

import random

import pytest

from apps.planner.clustering import cluster_keywords
from apps.planner.models import Cluster, Keyword
from tests.factories.planner import KeywordFactory
from tests.planner.asking import CLUSTERS
from tests.planner.test_clustering import labelled, pairwise_f1, placed


def test_the_tier_of_a_language_model():
    keywords, topics = labelled("clusters_intents", 5)
    keywords = [*keywords, "", "🎉", "\x00"]
    result = cluster_keywords(keywords, tier="minilm")
    where = placed(result, len(keywords))
    assert pairwise_f1(topics, where[: len(topics)]) > 0.8
    mixed = random.Random(1).sample(keywords, len(keywords))
    names = {(c.name, len(c.members)) for c in cluster_keywords(mixed, tier="minilm").clusters}
    assert names == {(c.name, len(c.members)) for c in result.clusters}


@pytest.mark.django_db
def test_a_site_is_clustered_by_it_and_new_keywords_join(alice, settings, run_jobs):
    settings.CLUSTERING_TIER = "minilm"
    texts, topics = labelled("clusters_intents", 4)
    for text in texts[:-1]:
        KeywordFactory(site=alice.site, sector=alice.sector, keyword=text, key=text)
    body = {"site_id": alice.site.pk}
    assert alice.client.post(f"{CLUSTERS}auto_cluster/", body).status_code == 200
    run_jobs()
    assert not Keyword.objects.filter(status="new").exists()
    late = KeywordFactory(site=alice.site, sector=alice.sector, keyword=texts[-1], key=texts[-1])
    clusters = Cluster.objects.count()
    assert alice.client.post(f"{CLUSTERS}auto_cluster/", body).status_code == 200
    run_jobs()
    late.refresh_from_db()
    alike = [text for text, topic in zip(texts[:-1], topics[:-1], strict=True) if topic == topics[-1]]
    assert Keyword.objects.filter(keyword__in=alike, cluster_id=late.cluster_id).count() > len(alike) / 2
    assert Cluster.objects.count() == clusters
