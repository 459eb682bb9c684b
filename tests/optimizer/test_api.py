"""The routes of the optimizer: judging, and what came of improving."""

import pytest

from apps.accounts.models import Plan
from apps.billing.services.ledger import credits_balance
from apps.core.models import Job
from apps.optimizer.models import Optimization
from apps.optimizer.scoring import CHECKS, VERSION
from apps.writer.models import Content
from tests.factories.writer import ContentFactory, ImageFactory
from tests.optimizer.articles import GOOD, KEYPHRASE, PICTURE, good_html, poor_html

pytestmark = pytest.mark.django_db
URL = "/api/v1/optimizer/"


def analyze(client, **body):
    return client.post(f"{URL}analyze/", body)


def checks(answer) -> dict:
    assert answer.status_code == 200, answer.content
    return {check["id"]: check for check in answer.json()["data"]["checks"]}


def test_an_article_is_judged_with_its_site_and_its_pictures(alice, django_assert_num_queries):
    alice.site.domain = "mine.example"
    alice.site.save()
    html = good_html().replace("/water/", "https://mine.example/water/").replace(PICTURE, "")
    content = ContentFactory(
        site=alice.site, title=GOOD["title"], slug=GOOD["slug"], html=html, primary_keyword=KEYPHRASE,
        meta_description=GOOD["meta_description"],
    )  # fmt: skip
    ImageFactory(content=content, alt="The cold brew ratio in a jar", status="generated")
    ImageFactory(content=content, kind="in_article", alt="", status="pending")
    analyze(alice.client, content_id=content.pk)
    with django_assert_num_queries(4):
        answer = analyze(alice.client, content_id=content.pk)
    data = answer.json()["data"]
    assert (data["score"], data["version"]) == (100, VERSION)
    assert set(checks(answer)) <= {check.id for check in CHECKS}
    assert checks(answer)["images"]["reason"] == "There is 1 picture."
    assert set(data["checks"][0]) == {"id", "score", "max", "status", "reason", "advice"}
    ContentFactory(site=alice.site, primary_keyword="Cold Brew Ratio")
    assert checks(analyze(alice.client, content_id=content.pk))["keyphrase_unique"]["status"] == "ok"
    # Changes that are not saved are judged, and not saved.
    unsaved = analyze(alice.client, content_id=content.pk, title="Another", keyphrase="another")
    assert (
        checks(unsaved)["keyphrase_unique"]["status"]
        == checks(unsaved)["keyphrase_in_title"]["status"]
        == "good"
    )
    assert Content.objects.get(pk=content.pk).title == GOOD["title"]
    assert not Job.objects.exists() and not Optimization.objects.exists()


def test_a_text_is_judged_without_a_site_or_with_one(alice):
    assert "keyphrase_unique" not in checks(analyze(alice.client, **GOOD))
    ContentFactory(site=alice.site, primary_keyword=KEYPHRASE)
    viewer = alice.as_role("viewer")
    assert checks(analyze(viewer, **GOOD, site_id=alice.site.pk))["keyphrase_unique"]["status"] == "ok"
    hostile = {
        "title": "مرحبا 🎉",
        "html": "<script>x</script><p onclick=1>قهوة",
        "keyphrase": "قهوة",
        "language": "ar",
    }
    assert checks(analyze(viewer, **hostile))["keyphrase_in_introduction"]["status"] == "good"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": "A", "html": "<p>x</p>"}, "keyphrase"),
        ({**GOOD, "language": "English!"}, "language"),
        ({**GOOD, "html": "<p>\0</p>"}, "html"),
        ({**GOOD, "html": "<div>" * 600}, "html"),
        ({**GOOD, "html": "x" * 1_000_001}, "html"),
        ({**GOOD, "title": ["A"]}, "title"),
        ({"content_id": 2**63 - 1}, "content_id"),
        ({"content_id": "1; drop"}, "content_id"),
        ({**GOOD, "site_id": 0}, "site_id"),
    ],
)
def test_what_can_not_be_judged_is_a_400_that_names_it(alice, body, field):
    answer = analyze(alice.client, **body)
    assert answer.status_code == 400 and field in answer.json()["details"], answer.content


def test_others_articles_do_not_exist(alice, bob):
    theirs = ContentFactory(site=bob.site, html=poor_html(), primary_keyword=KEYPHRASE)
    assert analyze(alice.client, content_id=theirs.pk).status_code == 400
    assert analyze(alice.client, **GOOD, site_id=bob.site.pk).status_code == 400
    assert (
        checks(analyze(alice.client, **GOOD, site_id=alice.site.pk))["keyphrase_unique"]["status"] == "good"
    )
    for path, body in (
        ("optimize", {"content_id": theirs.pk}),
        ("batch_optimize", {"content_ids": [theirs.pk]}),
    ):
        answer = alice.client.post(f"{URL}{path}/", body)
        assert answer.status_code == 400 and list(answer.json()["details"]) == list(body)
    mine = ContentFactory(site=alice.site)
    editor = alice.as_role("editor", all_sites=False)
    assert analyze(editor, content_id=mine.pk).status_code == 400


def test_what_is_being_published_or_can_not_be_paid_is_not_begun(alice):
    content = ContentFactory(site=alice.site, html=poor_html(), primary_keyword=KEYPHRASE)
    many = [content.pk, *(ContentFactory(site=alice.site).pk for _ in range(2))]
    body = {"content_ids": many}
    Content.objects.filter(pk=many[2]).update(site_status="publishing")
    answer = alice.client.post(f"{URL}batch_optimize/", body)
    assert answer.status_code == 409 and str(many[2]) in answer.json()["error"]
    Content.objects.filter(pk=many[2]).update(site_status="published")
    assert alice.client.post(f"{URL}batch_optimize/", {"content_ids": []}).status_code == 400
    Plan.objects.update(monthly_credits=14)
    assert credits_balance(account_id=alice.account.pk)["available"] == 14
    assert alice.client.post(f"{URL}batch_optimize/", body).status_code == 402
    first = alice.client.post(f"{URL}batch_optimize/", {"content_ids": many[:2]}, HTTP_IDEMPOTENCY_KEY="k")
    assert first.status_code == 200 and Job.objects.get().total == 2
    # The same request again is the same job, whatever the state of its articles now.
    Content.objects.filter(pk=content.pk).update(site_status="publishing")
    again = alice.client.post(f"{URL}batch_optimize/", {"content_ids": many[:2]}, HTTP_IDEMPOTENCY_KEY="k")
    assert again.json() == first.json() and Job.objects.count() == 1
    assert credits_balance(account_id=alice.account.pk)["available"] == 14


def test_attempts_are_listed_without_their_texts(alice, bob, django_assert_max_num_queries):
    def attempt(actor, n: int, **fields) -> Optimization:
        content = ContentFactory(site=actor.site, title=f"Article {n}")
        return Optimization.objects.create(
            account=actor.account, site=actor.site, content=content, reference=f"r{n}", reason="x", version="1",
            score_before=n, score_after=n + 1, **{"status": "improved", "diff": "-a\n+b", **fields},
        )  # fmt: skip

    rows = [attempt(alice, n) for n in range(12)]
    attempt(alice, 50, status="unchanged")
    theirs = attempt(bob, 60)
    path = f"{URL}optimizations/"
    alice.client.get(path)
    with django_assert_max_num_queries(3):
        listed = alice.client.get(f"{path}?page_size=5").json()
    assert (
        listed["count"] == 13
        and listed["results"][0]["score_before"] == 50
        and "diff" not in listed["results"][0]
    )
    for query, count in (("status=unchanged", 1), (f"content_id={rows[0].content_id}", 1), ("search=Article 11", 1),
                         (f"site_id={bob.site.pk}", 0), ("created_before=2020-01-01T00:00:00Z", 0)):  # fmt: skip
        assert alice.client.get(f"{path}?{query}").json()["count"] == count, query
    assert alice.client.get(f"{path}?ordering=score_after").json()["results"][0]["id"] == rows[0].pk
    assert alice.client.get(f"{path}?ordering=diff").status_code == 400
    assert alice.client.get(f"{path}{rows[3].pk}/").json()["data"]["diff"] == "-a\n+b"
    assert alice.client.get(f"{path}{theirs.pk}/").status_code == 404
