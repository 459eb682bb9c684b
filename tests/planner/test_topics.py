"""Topics that a site has taken: claimed, renamed, freed."""

import pytest

from apps.planner.models import ClaimedTopic
from apps.planner.services.topics import Topic, topic_claim, topics_claim, topics_release

pytestmark = pytest.mark.django_db


def topic(actor, source_id: int = 1, phrase: str = "Cold  Brew", **fields) -> Topic:
    known = {"source": "post", "title": "All about cold brew", "url": "https://example.com/brew/"} | fields
    return Topic(
        account_id=actor.account.pk, site_id=actor.site.pk, source_id=source_id, phrase=phrase, **known
    )


def claimed(*names: str) -> list[tuple]:
    return list(ClaimedTopic.objects.order_by("site_id", "source", "source_id").values_list(*names))


def test_a_topic_is_claimed_once_and_follows_what_it_is_called(alice):
    same = {"account_id": alice.account.pk, "site_id": alice.site.pk, "source": "idea", "source_id": 2**62}
    topic_claim(**same, phrase="Cold  Brew’s Ratio\x00", title="T\x00 itle")
    assert claimed("phrase", "key", "title", "url") == [
        ("Cold Brew’s Ratio", "cold brew's ratio", "T itle", "")
    ]
    topic_claim(**same, phrase="", title="ﬃ" * 300, url="https://example.com/" + "a" * 700)
    [(phrase, key, title, url)] = claimed("phrase", "key", "title", "url")
    assert (phrase, title, len(url)) == ("ﬃ" * 300, "ﬃ" * 300, 600) and key == ("ffi" * 300)[:500]
    topic_claim(**same, phrase=" \x00 ", title="  ")
    assert not claimed("pk")


def test_many_are_claimed_in_one_statement(alice, bob, django_assert_num_queries):
    rows = [topic(alice, n) for n in range(300)] + [topic(alice, 7, "شاي بالنعناع 🍵"), topic(bob, 7)]
    with django_assert_num_queries(1):
        topics_claim(rows)
    assert ClaimedTopic.objects.count() == 301
    assert ClaimedTopic.objects.get(account=alice.account, source_id=7).phrase == "شاي بالنعناع 🍵"
    topics_claim([])


def test_released_are_those_of_the_account_and_site_alone(alice, bob):
    topics_claim([topic(alice), topic(alice, source="task"), topic(bob)])
    ids = {"source": "post", "source_ids": [1, 99]}
    assert topics_release(account_id=alice.account.pk, site_id=bob.site.pk, **ids) == 0
    assert topics_release(account_id=alice.account.pk, **ids) == 1
    assert claimed("account_id", "source") == [(alice.account.pk, "task"), (bob.account.pk, "post")]
