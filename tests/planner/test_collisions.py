"""A topic that the site has taken is not taken twice: what is asked before an idea is made, and what is told."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.planner.clustering import Phrases
from apps.planner.models import ClaimedTopic, ContentIdea
from apps.planner.services import ideas as ideas_service
from apps.planner.services.collisions import Proposal, collisions_find
from apps.planner.services.ideas import ideas_generate
from apps.planner.services.topics import Topic, topics_claim
from tests.factories import SiteFactory
from tests.factories.planner import ClusterFactory, ContentIdeaFactory, KeywordFactory
from tests.planner.asking import CLUSTERS, IDEAS, refused
from tests.planner.test_clustering import labelled

# One article answers both.
ALIKE = """puppy food|food for puppies
attorney fees|lawyer fees
fix a flat tire|repair flat tyre
couch cleaning|sofa cleaning
lose weight fast|fast weight loss
start a business|Starting Your Own Business
kids toys|toys for children
pictures of dogs|dog photos
remove stains|stain removal
film reviews|movie reviews
doctor salary|physician salary
how to clean an air fryer|Air Fryer Cleaning: The Complete Guide
cold brew ratio|The Complete Guide to the Cold Brew Ratio 2026
winterreifen test|Test: Winterreifen 2026
кофе рецепт|рецепты кофе"""
# The same words or nearly, another need.
DIFFERENT = """dog food|cat food
standing desk price|standing desk review
standing desk|standing desk mat
iphone 14 case|iphone 15 case
running shoes for men|running shoes for women
vitamin c|vitamin d
rent apartment|buy apartment
short hair styles|long hair styles
hotel in rome|hotel in milan
gold price|silver price
cheap flights|cheap hotels
game of thrones map|game of thrones map with towns
תמחיר הזהב|מתכון לעוגה
ราคาทองวันนี้|ร้านอาหารใกล้ฉัน
شراء سيارة مستعملة|تعلم اللغة الانجليزية
🍵|🎉"""


def pairs(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.split("\n")]


def test_the_words_decide_whether_one_article_answers_both():
    phrases = Phrases(phrase for pair in pairs(ALIKE) + pairs(DIFFERENT) for phrase in pair)
    assert [pair for pair in pairs(ALIKE) if phrases.alike(*pair) is None] == []
    assert [pair for pair in pairs(DIFFERENT) if phrases.alike(*pair) is not None] == []
    assert phrases.alike("puppy food", "food for puppies") == phrases.alike("food for puppies", "puppy food")


def test_facets_of_one_subject_do_not_collide():
    """Of 3,500 pairs that ask different things of one subject none; of those that ask the same the plain ones."""
    texts, topics = labelled("clusters_facets", 38)
    phrases = Phrases(texts)
    found = [
        topics[a] == topics[b]
        for a in range(len(texts))
        for b in range(a)
        if phrases.alike(texts[a], texts[b]) is not None
    ]
    assert all(found) and len(found) >= 70


# --- with a site


pytestmark = pytest.mark.django_db


def topic(actor, phrase: str, title: str = "", source: str = "post", source_id: int = 1, **fields) -> Topic:
    known = {"account_id": actor.account.pk, "site_id": actor.site.pk, "url": "https://example.com/a/"}
    return Topic(source=source, source_id=source_id, phrase=phrase, title=title, **known | fields)


def claim(*args, **fields) -> None:
    topics_claim([topic(*args, **fields)])


def body(actor, title: str, **fields) -> dict:
    return {"site": actor.site.pk, "sector": actor.sector.pk, "title": title, **fields}


def found(actor, phrase: str, title: str = "") -> list[tuple]:
    [some] = collisions_find(site_id=actor.site.pk, proposals=[Proposal(phrase, title)])
    return [(c.reason, c.topic.source, c.topic.source_id) for c in some]


def test_an_idea_by_hand_on_a_taken_topic_is_refused_with_the_topic(alice):
    claim(alice, "Couch  Cleaning", "How we clean a couch", source_id=77)
    claim(alice, "bean bags", "Bean bags", source="task", source_id=78)
    answer = alice.client.post(
        IDEAS, body(alice, "Sofa cleaning at its best", primary_keyword="sofa cleaning")
    )
    assert answer.status_code == 409 and answer.json()["code"] == "CONFLICT"
    assert "The post at WordPress “How we clean a couch” answers nearly the same" in answer.json()["error"]
    assert answer.json()["details"]["topics"] == [
        {
            "reason": "near",
            "sentence": "The post at WordPress “How we clean a couch” answers nearly the same, “Couch Cleaning”.",
            "similarity": 0.72,
            "topic": {
                "source": "post",
                "source_id": 77,
                "phrase": "Couch Cleaning",
                "title": "How we clean a couch",
                "url": "https://example.com/a/",
            },
        }
    ]
    assert not ContentIdea.objects.exists()
    # Asked for, it is made, claims the topic itself and is in the way of the next one.
    wanted = body(alice, "Sofa cleaning", primary_keyword="sofa cleaning", allow_duplicate=True)
    made = alice.client.post(IDEAS, wanted)
    assert made.status_code == 201 and "allow_duplicate" not in made.json()["data"]
    again = alice.client.post(IDEAS, body(alice, "SOFA cleaning"))
    assert [item["reason"] for item in again.json()["details"]["topics"]] == ["same_keyphrase", "near"]
    refused(alice.client.post(IDEAS, body(alice, "New", allow_duplicate="maybe")), "allow_duplicate")


def test_what_is_taken_is_told_from_what_is_free(alice, bob):
    claim(alice, "standing desk price", "What a standing desk costs", source="content", source_id=5)
    claim(bob, "standing desk mat", "Mats")
    claim(alice, "standing desk height", site_id=SiteFactory(account=alice.account).pk)
    assert found(alice, "Standing Desk  PRICE") == [("same_keyphrase", "content", 5)]
    assert found(alice, "", "what a standing desk COSTS") == [("same_title", "content", 5)]
    assert found(alice, "standing desk prices") == [("near", "content", 5)]
    for free in (
        "standing desk review",
        "standing desk mat",
        "standing desk height",
        "\u0000",
        "🍵",
        "a" * 500,
    ):
        assert found(alice, free) == []
    claim(alice, "🍵", source_id=6)
    claim(alice, "北京旅游攻略", source_id=7)
    assert found(alice, "🍵") == [("same_keyphrase", "post", 6)]
    assert found(alice, "北京旅游攻略") == [("same_keyphrase", "post", 7)]


def test_proposals_that_compete_with_each_other(alice):
    asked = [Proposal("puppy food", "A"), Proposal("food for puppies", "B"), Proposal("puppy toys", "a")]
    first, second, third = collisions_find(site_id=alice.site.pk, proposals=asked)
    assert first == [] and second[0].topic.title == "A" and second[0].topic.source_id is None
    assert [c.reason for c in third] == ["same_title"]
    assert collisions_find(site_id=alice.site.pk, proposals=[]) == []


def test_the_topic_of_an_idea_follows_it_and_ends_with_it(alice):
    url = f"{IDEAS}{alice.client.post(IDEAS, body(alice, 'Puppy food')).json()['data']['id']}/"
    answer = alice.client.patch(url, {"primary_keyword": "kitten food", "allow_duplicate": True})
    assert answer.status_code == 200, answer.content
    assert ClaimedTopic.objects.get().phrase == "kitten food"
    assert found(alice, "puppy food") and found(alice, "kitten food")  # its title, and its phrase
    other = ContentIdeaFactory(sector=alice.sector)
    assert alice.client.delete(url).status_code == 200
    assert alice.client.post(IDEAS + "bulk_delete/", {"ids": [other.pk]}).json()["data"] == {"deleted": 1}
    assert not ClaimedTopic.objects.exists()


def test_an_idea_by_hand_maps_its_cluster_and_leads_its_task(alice):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    body = {"site": alice.site.pk, "title": "Tea", "primary_keyword": "green tea", "cluster": cluster.pk}
    idea = alice.client.post(IDEAS, body).json()["data"]["id"]
    cluster.refresh_from_db()
    assert (cluster.status, cluster.keywords.get().status) == ("mapped", "mapped")
    alice.client.post(f"{IDEAS}create_tasks/", {"idea_ids": [idea]})
    alice.client.patch(f"{IDEAS}{idea}/", {"title": "Matcha", "primary_keyword": "matcha"})
    topics = ClaimedTopic.objects.order_by("source").values_list("source", "phrase", "title")
    assert list(topics) == [("idea", "matcha", "Matcha"), ("task", "matcha", "Tea")]


def test_the_number_of_topics_and_proposals_costs_no_statements(alice):
    words = [f"{a}{b}" for a in ("ban", "mir", "sol", "tek", "dov") for b in ("ak", "ul", "ent", "ori", "ix")]
    rng = random.Random(5)
    topics_claim(topic(alice, " ".join(rng.sample(words, 3)), source_id=n) for n in range(400))
    asked = [Proposal(" ".join(rng.sample(words, 3)), "") for _ in range(20)]

    def statements(proposals: list[Proposal]) -> int:
        with CaptureQueriesContext(connection) as captured:
            collisions_find(site_id=alice.site.pk, proposals=proposals)
        return len(captured)

    assert statements(asked) == statements(asked[:1]) <= 4  # with those of a savepoint


def test_generated_ideas_on_taken_topics_are_left_out_and_told(alice, monkeypatch):
    cluster = ClusterFactory(sector=alice.sector, name="standing desk")
    for text in ("standing desk price", "standing desk review", "standing desk mat"):
        KeywordFactory(sector=alice.sector, keyword=text, cluster=cluster, status="clustered")
    claim(alice, "standing desk prices", "Costs", source="content", source_id=9)
    ask = ideas_service.text_call

    def answered(**asked):
        answer = ask(**asked)
        [idea] = answer.data["ideas"][:1]
        named = [("Desk A\x00", "standing desk price"), ("Desk B", "standing desk review"), ("<b>Desk</b> C", ""),
                 ("Desk D", "standing desk reviews"), ("Desk E", "standing desk mat"), (" \x00", "")]  # fmt: skip
        answer.data["ideas"] = [idea | {"title": t, "primary_keyword": p} for t, p in named]
        return answer

    monkeypatch.setattr(ideas_service, "text_call", answered)
    result = ideas_generate(account_id=alice.account.pk, cluster_id=cluster.pk, reference="r", count=3)
    made = ContentIdea.objects.filter(pk__in=result["idea_ids"])
    assert set(made.values_list("title", flat=True)) == {"Desk B", "<b>Desk</b> C", "Desk E"}
    assert result["credits"] == 3
    assert [(item["title"], item["reason"], item["topic"]["title"]) for item in result["skipped"]] == [
        ("Desk A", "near", "Costs"),
        ("Desk D", "near", "Desk B"),
    ]
    topics = ClaimedTopic.objects.filter(source="idea")
    assert set(topics.values_list("source_id", "phrase")) == set(
        zip(result["idea_ids"], ["standing desk review", "<b>Desk</b> C", "standing desk mat"], strict=True)
    )
    titles = ideas_service._titles_like(cluster)
    assert "Costs" in titles, "the model hears of articles and posts too"


@pytest.mark.django_db(transaction=True)
def test_the_job_tells_what_was_left_out(alice, run_jobs):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, keyword="puppy food", cluster=cluster, status="clustered")
    claim(alice, "food for puppies", "Puppies", source_id=3)
    alice.client.post(CLUSTERS + "generate_ideas/", {"cluster_ids": [cluster.pk]})
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    assert (job.result["ideas"], job.result["credits"], job.result["skipped_count"]) == (0, 0, 1)
    assert job.result["skipped"][0]["topic"]["source_id"] == 3
    assert not ContentIdea.objects.exists()
