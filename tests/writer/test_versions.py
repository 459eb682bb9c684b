"""What an article was before: kept at each change, compared, restored; and the posts of the site's own."""

import json

import pytest

from apps.automation.services.stages import STAGES, content_with_images_to_review
from apps.integration.services.settings import site_settings
from apps.planner.models import ClaimedTopic, ContentIdea, Keyword
from apps.publisher.services.publishing import content_publish
from apps.writer.models import Content, ContentVersion, Image, Task
from apps.writer.services.content import content_update
from apps.writer.services.tasks import tasks_claim, tasks_create_from_ideas
from apps.writer.services.taxonomies import taxonomy_ensure, taxonomy_update
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_approve
from tests.core.test_query_count import queries
from tests.factories import UserFactory
from tests.factories.writer import ContentFactory, ImageFactory, TaskFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/writer/content/"
JSON = ("outline", "secondary_keywords", "categories", "tags", "link_problems")


def change(actor, content, **changes) -> Content:
    return content_update(
        account_id=actor.account.pk, content_id=content.pk, changes=changes, by=actor.user.email
    )[0]


def post(actor, content, number):
    return actor.client.post(f"{URL}{content.pk}/restore/", {"number": number})


@pytest.fixture
def article(alice) -> Content:
    answer = alice.client.post(
        URL, {"site": alice.site.pk, "title": "Cold brew", "html": "<p>One two.</p><p>Three.</p>"}
    )
    return Content.objects.get(pk=answer.json()["data"]["id"])


def test_a_restore_empties_no_approved_article(alice, article):
    change(alice, article, html="")
    change(alice, article, html="<p>Written.</p>", status="review")
    change(alice, article, status="approved")
    answer = post(alice, article, 2)
    assert answer.status_code == 409 and "emptied" in answer.json()["error"]
    article.refresh_from_db()
    assert article.html == "<p>Written.</p>"


def test_each_change_of_the_text_is_a_version_and_no_other_change_is(alice, article):
    change(alice, article, html="<p>One two.</p><p>Four five.</p>", tags=["Coffee"])
    change(alice, article, status="review")
    change(alice, article, title="Cold brew")
    rows = alice.client.get(f"{URL}{article.pk}/versions/").json()
    assert [(r["number"], r["reason"]) for r in rows["results"]] == [
        (2, "changed by hand"),
        (1, "written by hand"),
    ]
    assert {r["made_by"] for r in rows["results"]} == {alice.user.email}
    first = alice.client.get(f"{URL}{article.pk}/versions/1/").json()["data"]
    assert first["html"] == "<p>One two.</p><p>Three.</p>"
    assert first["changed"]["tags"] == {"then": [], "now": ["Coffee"]}
    assert first["changed"]["word_count"] == {"then": 3, "now": 4}
    assert "-<p>Three.</p>" in first["diff"] and "+<p>Four five.</p>" in first["diff"]
    assert " <p>One two.</p>" in first["diff"]
    newest = alice.client.get(f"{URL}{article.pk}/versions/2/").json()["data"]
    assert (newest["changed"], newest["diff"]) == ({}, "")


def test_restore_brings_the_text_back_and_is_a_version_itself(alice, article):
    before = ContentVersion.objects.get()
    change(
        alice, article, title="Other ☕️ قهوة", slug="other", html="<p>x</p>", meta_title="m", status="review"
    )
    answer = post(alice, article, 1)
    assert answer.status_code == 200 and "message" not in answer.json(), answer.content
    data = answer.json()["data"]
    assert (data["title"], data["slug"], data["html"], data["meta_title"]) == (
        before.title,
        before.slug,
        before.html,
        "",
    )
    assert data["status"] == "review" and data["word_count"] == 3
    newest = ContentVersion.objects.first()
    assert (newest.number, newest.reason) == (3, "version 1 restored")
    assert post(alice, article, 3).status_code == 200  # what it is already
    assert ContentVersion.objects.count() == 3


def test_restore_names_terms_as_they_are_spelled_now(alice, article):
    change(alice, article, categories=["Café"])
    term = taxonomy_ensure(
        account_id=alice.account.pk, site_id=alice.site.pk, taxonomy="category", name="Café"
    )
    taxonomy_update(account_id=alice.account.pk, taxonomy_id=term.pk, changes={"name": "cafe"})
    assert post(alice, article, 2).json()["data"]["categories"] == ["cafe"]


def test_restore_leaves_a_slug_that_another_has_or_that_is_out(alice, article):
    slug = article.slug
    change(alice, article, slug="new")
    other = ContentFactory(site=alice.site, slug=slug)
    answer = post(alice, article, 1)
    assert answer.json()["data"]["slug"] == "new" and "new" in answer.json()["message"]
    other.delete()
    Content.objects.update(status="published")
    assert post(alice, article, 1).json()["data"]["slug"] == "new"
    Content.objects.update(status="draft")
    assert post(alice, article, 1).json()["data"]["slug"] == slug


def test_restore_and_versions_refuse(alice, bob, article):
    for number, status in ((9, 404), (0, 400), ("x", 400), (2**40, 400), (None, 400)):
        assert post(alice, article, number).status_code == status, number
    assert post(bob, article, 1).status_code == 404
    for path in (f"{URL}{article.pk}/versions/", f"{URL}{article.pk}/versions/1/"):
        assert bob.client.get(path).status_code == 404
    assert alice.client.get(f"{URL}{article.pk}/versions/9/").status_code == 404
    assert alice.client.get(f"{URL}987654321/versions/").status_code == 404
    assert alice.as_role("viewer").post(f"{URL}{article.pk}/restore/", {"number": 1}).status_code == 403


def test_the_oldest_go_and_numbers_go_on(alice, article, settings):
    settings.CONTENT_VERSIONS_KEPT = 3
    for n in range(5):
        change(alice, article, title=f"Title {n}")
    assert list(ContentVersion.objects.values_list("number", flat=True)) == [6, 5, 4]


def test_the_list_costs_the_same_whatever_its_length(alice, article, django_assert_max_num_queries):
    path = f"{URL}{article.pk}/versions/"
    few = queries(lambda: django_assert_max_num_queries(20), alice.client, path)
    for n in range(10):
        article.title = f"Title {n}"
        version_keep(article, by="optimizer", reason="optimized")
    assert queries(lambda: django_assert_max_num_queries(20), alice.client, path) == few
    answer = alice.client.get(f"{path}?made_by=optimizer&search=Title 7&ordering=number").json()
    assert answer["count"] == 1


def test_a_post_of_the_site_is_read_and_automation_leaves_it_alone(alice):
    own = ContentFactory(site=alice.site)
    post = ContentFactory(site=alice.site, origin="wordpress")
    listed = alice.client.get(f"{URL}?origin=wordpress").json()["results"]
    assert [(row["id"], row["origin"]) for row in listed] == [(post.pk, "wordpress")]
    assert alice.client.get(f"{URL}?origin=x").status_code == 400
    alice.client.post(f"{URL}{post.pk}/update_content/", {"origin": "igny8"})
    assert Content.objects.get(pk=post.pk).origin == "wordpress"

    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    settings.auto_approval_enabled = True
    waiting = {stage.number: stage.waiting for stage in STAGES}
    assert list(waiting[5](alice.site.pk, settings)) == [own.pk]
    images = [ImageFactory(content=content) for content in (own, post)]
    assert list(waiting[6](alice.site.pk, settings)) == [images[0].pk]
    Image.objects.update(status="generated")
    Content.objects.update(images_planned=True)
    run = type("Run", (), {"site_id": alice.site.pk, "account_id": alice.account.pk})
    assert content_with_images_to_review(run) == 1
    assert list(Content.objects.filter(status="review")) == [own]
    Content.objects.update(status="review")
    assert list(waiting[7](alice.site.pk, settings)) == [own.pk]


def test_a_post_of_the_site_gets_no_images_and_no_time_and_no_hosted_page(alice):
    post = ContentFactory(site=alice.site, origin="wordpress", status="approved")
    for path, body in (
        (f"{URL}{post.pk}/generate_images/", {}),
        ("/api/v1/writer/images/generate_for_content/", {"content_id": post.pk}),
        (f"{URL}{post.pk}/schedule/", {}),
    ):
        answer = alice.client.post(path, body)
        assert answer.status_code == 409 and "came from the site" in answer.json()["error"], path


def test_a_post_of_the_site_takes_no_slot_of_the_sites_limits(alice):
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    settings.daily_publish_limit = 1
    settings.save()
    planned = []
    for origin in ("wordpress", "igny8"):
        content = ContentFactory(site=alice.site, status="approved")
        answer = alice.client.post(f"{URL}{content.pk}/schedule/", {})
        planned.append(answer.json()["data"]["scheduled_publish_at"])
        Content.objects.filter(pk=content.pk).update(origin=origin)
    third = ContentFactory(site=alice.site, status="approved")
    answer = alice.client.post(f"{URL}{third.pk}/schedule/", {})
    assert planned[0][:10] == planned[1][:10] < answer.json()["data"]["scheduled_publish_at"][:10]


def topics(actor) -> set[tuple]:
    rows = ClaimedTopic.objects.filter(account=actor.account)
    return set(rows.values_list("source", "source_id", "phrase", "title", "url"))


def test_tasks_and_articles_claim_their_topics(alice):
    idea = ContentIdea.objects.create(
        account=alice.account, site=alice.site, title="Idea", primary_keyword="cold brew"
    )
    ids = [
        Keyword.objects.create(
            account=alice.account, site=alice.site, keyword=text, key=text, volume=volume
        ).pk
        for text, volume in (("iced coffee", 10), ("iced latte", 900))
    ]
    made = alice.client.post("/api/v1/writer/tasks/", {"site": alice.site.pk, "title": "A", "keywords": ids})
    first = made.json()["data"]["id"]
    rows = [{"site": alice.site.pk, "title": "B"}]
    second = alice.client.post("/api/v1/writer/tasks/bulk_create/", {"tasks": rows}).json()["data"][0]["id"]
    [third] = tasks_create_from_ideas(account_id=alice.account.pk, idea_ids=[idea.pk])["task_ids"]
    assert topics(alice) == {
        ("task", first, "iced latte", "A", ""),
        ("task", second, "B", "B", ""),
        ("task", third, "cold brew", "Idea", ""),
    }
    alice.client.patch(f"/api/v1/writer/tasks/{second}/", {"title": "C", "keywords": ids[:1]})
    assert ("task", second, "iced coffee", "C", "") in topics(alice)
    alice.client.post("/api/v1/writer/tasks/bulk_delete/", {"ids": [first, second]})
    alice.client.delete(f"/api/v1/writer/tasks/{third}/")
    assert topics(alice) == set()


def test_an_article_claims_its_topic_until_it_is_deleted(alice, article):
    assert topics(alice) == {("content", article.pk, "Cold brew", "Cold brew", "")}
    change(alice, article, primary_keyword="iced tea", title="Tea", html="<p>Tea.</p>")
    assert topics(alice) == {("content", article.pk, "iced tea", "Tea", "")}
    change(alice, article, status="review")
    content_approve(account_id=alice.account.pk, content_id=article.pk, by="x")
    content_publish(account_id=alice.account.pk, content_id=article.pk, reference="p")
    [(*_, url)] = topics(alice)
    assert url.endswith(f"/{article.slug}/")
    assert post(alice, article, 1).status_code == 200
    assert topics(alice) == {("content", article.pk, "Cold brew", "Cold brew", url)}
    alice.client.delete(f"{URL}{article.pk}/")
    assert topics(alice) == set()


def test_a_post_of_the_site_keeps_its_own_topic_as_long_as_it_is_out(alice):
    post = ContentFactory(
        site=alice.site, origin="wordpress", external_id="77", title="Tea", status="published"
    )
    change(alice, post, primary_keyword="green tea")
    assert topics(alice) == {("content", post.pk, "green tea", "Tea", "")}
    change(alice, post, title="Tea, green")
    assert topics(alice) == {("content", post.pk, "green tea", "Tea, green", "")}
    ClaimedTopic.objects.all().delete()
    Content.objects.update(status="draft")
    change(alice, post, title="Tea")
    assert topics(alice) == set()


def test_staff_change_and_delete_as_the_api_does(alice, client, article, django_capture_on_commit_callbacks):
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    for model in ("task", "content"):
        task = TaskFactory(site=alice.site, title="Task")
        tasks_claim([task.pk])
        pk = task.pk if model == "task" else article.pk
        page = client.get(f"/admin/writer/{model}/{pk}/change/").context["adminform"].form
        body = {name: "" if page[name].value() is None else page[name].value() for name in page.fields}
        body |= {n: json.dumps(v) for n, v in body.items() if n in JSON}
        body |= {"keywords": "", "title": "Staff's", "html": "<p onclick=x>Four words are here.</p>"}
        answer = client.post(f"/admin/writer/{model}/{pk}/change/", body)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert (model, pk, "Staff's", "Staff's", "") in topics(alice)
        chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        if model == "content":
            article.refresh_from_db()
            assert (article.html, article.word_count) == ("<p>Four words are here.</p>", 4)
            Content.objects.update(site_status="publishing")
            assert client.post(f"/admin/writer/content/{pk}/delete/", {"post": "yes"}).status_code == 403
            client.post("/admin/writer/content/", chosen)
            assert Content.objects.filter(pk=pk).exists()
            Content.objects.update(site_status="failed")
        client.post(f"/admin/writer/{model}/", chosen)
        assert (model, pk) not in {row[:2] for row in topics(alice)}
    assert not Content.objects.exists()


def test_thousands_of_tasks_at_once(alice, django_assert_max_num_queries):
    rows = [Task(account=alice.account, site=alice.site, title=f"Task {n}") for n in range(3_000)]
    ids = [task.pk for task in Task.objects.bulk_create(rows)]
    tasks = "/api/v1/writer/tasks/"
    for path, body, answer in (
        ("bulk_update", {"ids": ids, "word_count": 700, "status": "queued"}, {"updated": 3_000}),
        ("bulk_delete", {"ids": ids}, {"deleted": 3_000}),
    ):
        with django_assert_max_num_queries(22):
            assert alice.client.post(f"{tasks}{path}/", body).json()["data"] == answer
    assert not Task.objects.exists()
