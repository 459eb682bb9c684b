"""Posts of a WordPress as content: brought in once, followed as they change, never lost."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.jobs import LeaseLost, execute
from apps.core.models import Job
from apps.integration.models import SiteIntegration, SyncedPost, SyncRun
from apps.integration.services.connections import connection_moved
from apps.integration.services.sync import passes
from apps.integration.services.sync.start import sync_due
from apps.notifications.models import Notification
from apps.planner.models import ClaimedTopic
from apps.writer.models import Content, Taxonomy
from tests.integration.wordpress import BLOCK

pytestmark = pytest.mark.django_db
HOSTILE = [
    {"title": {"raw": "NUL \x00 & <script>alert(1)</script> 🫘"}, "slug": "nul\x00"},
    {"title": {"raw": "العربية " * 90}, "slug": "%d8%a7%d9%84" * 40, "excerpt": {"raw": "مرحبا"}},
    {"title": {}, "content": {"raw": None}, "meta": {"_yoast_wpseo_title": ["no text"]}, "categories": False},
    {
        "content": {"raw": "<p onclick=x>" + "<b>" * 300 + "deep" + "<img src=x onerror=alert(1)>"},
        "link": "x" * 900,
    },
    {"slug": "post-1", "title": {"raw": "A slug twice"}, "date_gmt": "never", "tags": [1, 2, 99, "x"]},
]


def test_posts_come_in_once_with_their_terms_and_topics(alice, site, pull):
    site.terms["categories"] = [
        {"id": 5, "name": "Coffee &amp; Tea", "slug": "coffee", "parent": 0},
        {"id": 6, "name": "Cold brew", "slug": "cold-brew", "parent": 5},
    ]
    for pk in range(1, 121):
        site.post(pk, categories=[6, 5], meta={"rank_math_focus_keyword": f"keyword {pk}"})
    site.post(300, kind="pages", text="Old editor.\n\nTwo <b>lines</b>\nhere.")
    site.post(301, status="draft")
    site.post(302, password="secret")
    site.post(303, slug="igny8-" + "a" * 32)
    sync = pull()
    assert (sync.state, sync.is_deep, sync.counts.get("new")) == ("succeeded", True, 121), (
        sync.error,
        sync.counts,
    )
    page = Content.objects.get(external_id="300")
    assert (page.content_type, page.html) == (
        "page",
        "<p>Old editor.</p><p>Two <strong>lines</strong><br>here.</p>",
    )
    post = Content.objects.get(external_id="7")
    assert (post.origin, post.status, post.site_status) == ("wordpress", "published", "published")
    assert (post.title, post.html, post.external_url) == ("Post 7", "<p>Text 7.</p>", f"{site.url}/post-7/")
    assert post.categories == ["Coffee & Tea", "Cold brew"]
    assert post.versions.get().made_by == "wordpress"
    child = Taxonomy.objects.get(external_id="6")
    assert (child.name, child.parent.name) == ("Cold brew", "Coffee & Tea")
    topic = ClaimedTopic.objects.get(source="content", source_id=post.pk)
    assert (topic.phrase, topic.url) == ("keyword 7", f"{site.url}/post-7/")
    assert not SyncedPost.objects.exclude(is_lossy=False).exclude(external_id=300).exists()
    pages = sum(path.endswith("/posts") for path in site.asked)
    assert pages == 2 + 2  # the count and the permalinks beside
    # Once more: the light pass reads no text of a post that says it is as it was.
    site.asked.clear()
    again = pull()
    assert (again.is_deep, again.counts.get("new"), again.counts["seen"]) == (False, None, 124)
    assert Content.objects.count() == 121
    status = alice.client.get(f"/api/v1/integration/{sync.integration_id}/sync_status/").json()["data"]
    assert (status["state"], status["progress"]["percent"], status["progress"]["current"]) == (
        "succeeded",
        100,
        124,
    )
    health = alice.client.get(f"/api/v1/integration/{sync.integration_id}/sync_health/").json()["data"]
    assert (health["status"], health["counts"]["from_wordpress"], health["failures"]) == ("healthy", 121, 0)


def test_a_page_costs_the_same_whatever_it_holds(site, connected, pull):
    site.post(1), site.post(2)
    few = CaptureQueriesContext(connection)
    with few:
        pull()
    SiteIntegration.objects.filter(pk=connected.pk).delete()
    Content.objects.all().delete()
    connected.pk = None
    connected.save()
    for pk in range(1, 101):
        site.post(pk)
    many = CaptureQueriesContext(connection)
    with many:
        pull()
    assert Content.objects.count() == 100
    assert len(many) - len(few) < 5, (len(few), len(many))


def test_hostile_posts_come_in_as_text(site, pull):
    for pk, fields in enumerate(HOSTILE, start=2):
        site.post(pk, **fields)
    site.post(1)
    sync = pull()
    assert sync.counts["new"] == 6 and "failed" not in (sync.error, sync.counts)
    for content in Content.objects.all():
        assert (
            "<script" not in content.html and "onclick" not in content.html and "onerror" not in content.html
        )
        assert content.slug and "\x00" not in content.title + content.slug
    assert Content.objects.get(external_id="6").slug.startswith("post-1-6")
    assert pull().counts.get("changed") is None


def test_only_what_changed_comes_in_and_times_that_lie_do_not_matter(site, pull):
    for pk in (1, 2, 3, 4):
        site.post(pk, modified_gmt="2030-01-01T00:00:00")  # as posts have that were scheduled
    pull()
    site.edit(1, text="Edited.", modified="2026-02-01T10:00:00")  # older than what was seen
    site.edit(2, title={"raw": "Renamed"}, slug="renamed", link=f"{site.url}/renamed/")
    site.posts[3]["content"]["raw"] = BLOCK.format("Changed past the API.")
    sync = pull()
    assert (sync.counts["changed"], Content.objects.get(external_id="1").html) == (2, "<p>Edited.</p>")
    renamed = Content.objects.get(external_id="2")
    assert (renamed.title, renamed.slug, renamed.external_url) == (
        "Renamed",
        "renamed",
        f"{site.url}/renamed/",
    )
    assert [v.made_by for v in renamed.versions.order_by("number")] == ["wordpress", "wordpress"]
    assert Content.objects.get(external_id="3").html == "<p>Text 3.</p>"
    assert pull(deep=True).counts["changed"] == 1
    assert Content.objects.get(external_id="3").html == "<p>Changed past the API.</p>"


def test_what_changes_in_wordpress_is_a_version_and_renames_the_topic(alice, site, pull):
    site.terms["categories"] = [{"id": 5, "name": "Coffee", "slug": "coffee", "parent": 0}]
    for pk in (1, 2):
        site.post(pk)
    pull()
    ours = Content.objects.get(external_id="2")
    Content.objects.filter(pk=ours.pk).update(origin="igny8")
    site.edit(1, categories=[5])
    site.edit(2, title={"raw": "Renamed"})
    assert pull().counts["changed"] == 2
    newest = Content.objects.get(external_id="1").versions.first()
    assert (newest.number, newest.made_by, newest.categories) == (2, "wordpress", ["Coffee"])
    assert ClaimedTopic.objects.get(source_id=ours.pk).title == "Renamed"
    del site.posts[2]
    pull(deep=True)
    topic = ClaimedTopic.objects.get(source_id=ours.pk)
    assert (topic.title, topic.url) == ("Renamed", "")


def test_the_topic_of_what_is_deleted_here_is_the_posts_as_long_as_that_is_out(alice, site, pull):
    site.post(1), site.post(2)
    pull()
    ours, foreign = Content.objects.order_by("external_id")
    Content.objects.filter(pk=ours.pk).update(origin="igny8")
    for content in (ours, foreign):
        assert alice.client.delete(f"/api/v1/writer/content/{content.pk}/").status_code == 200
    topics = ClaimedTopic.objects.order_by("source_id").values_list("source", "source_id", "url")
    assert list(topics) == [("post", 1, f"{site.url}/post-1/"), ("post", 2, f"{site.url}/post-2/")]
    pull()
    assert len(topics.all()) == 2
    site.edit(1, status="trash", slug="post-1__trashed")
    del site.posts[2]
    pull(deep=True)
    assert not topics.all()


def test_another_wordpress_with_the_same_numbers_leaves_the_topics_alone(alice, site, connected, pull):
    for pk in (1, 2):
        site.post(pk)
    pull()
    alice.client.delete(f"/api/v1/writer/content/{Content.objects.get(external_id='2').pk}/")
    before = Content.objects.get()
    connection_moved(integration=connected)
    # The post of an article that is no more stands where nobody looks any longer; the article stays.
    topics = ClaimedTopic.objects.order_by("pk").values_list("source", "source_id", "title")
    assert list(topics) == [("content", before.pk, "Post 1")]
    site.edit(1, title={"raw": "Another"}, slug="another", link=f"{site.url}/another/")
    Content.objects.update(external_url="https://before.example.com/post-1/")
    pull()
    assert Content.objects.count() == 3
    assert ("content", before.pk, "Post 1") in topics.all()
    assert {title for _, _, title in topics.all()} == {"Post 1", "Another", "Post 2"}
    url = f"/api/v1/writer/content/{before.pk}/update_content/"
    assert alice.client.post(url, {"title": "Edited"}).status_code == 200
    assert {title for _, _, title in topics.all()} == {"Edited", "Another", "Post 2"}


def test_an_edit_within_the_second_of_the_last_one_is_seen(site, pull):
    now = timezone.now().strftime("%Y-%m-%dT%H:%M:%S")
    site.post(1, modified_gmt=now)
    pull()
    site.edit(1, text="Edited at once.", modified=now)
    assert pull().counts["changed"] == 1
    SyncedPost.objects.update(agreed_at=timezone.now() + timedelta(seconds=10))
    site.asked.clear()
    pull()
    assert site.asked.count("/wp-json/wp/v2/posts") == 3  # its second is over: its text is not read again


def test_a_worker_that_dies_goes_on_where_it_stood(alice, site, connected, run_jobs, monkeypatch):
    for pk in range(1, 251):
        site.post(pk)
    deaths = [("post", 100), ("page", 0)]

    def read(site, kind, *, offset=0, _read=passes.posts_read, **how):
        if deaths and (kind.name, offset) == deaths[0]:
            deaths.pop(0)
            Job.objects.update(lease_token=None)  # another one has taken it
        return _read(site, kind, offset=offset, **how)

    monkeypatch.setattr(passes, "posts_read", read)
    alice.client.post(f"/api/v1/integration/{connected.pk}/sync/", {})
    job = Job.objects.get(kind="integration.sync")
    run_jobs()
    sync = SyncRun.objects.get()
    assert (sync.state, sync.cursor["offset"], Content.objects.count()) == ("running", 100, 100)
    site.asked.clear()
    Job.objects.update(state="pending", lease_until=None)
    run_jobs()
    Job.objects.update(state="pending", lease_until=None)
    run_jobs()
    sync.refresh_from_db(), job.refresh_from_db()
    assert (sync.state, job.state, sync.counts["new"]) == ("succeeded", "succeeded", 250), (
        sync.error,
        sync.counts,
    )
    assert Content.objects.values("external_id").distinct().count() == Content.objects.count() == 250
    assert sum(path.endswith("/posts") for path in site.asked) == 2  # pages two and three alone


def test_long_work_gives_the_worker_back(site, pull, monkeypatch):
    for pk in range(1, 251):
        site.post(pk)
    monkeypatch.setattr(passes, "SHIFT_SECONDS", 0)
    clock = itertools.cycle(range(5))
    monkeypatch.setattr(passes.time, "monotonic", lambda: next(clock))
    sync = pull()
    while sync.state == "running":
        job = Job.objects.get(pk=sync.job_id)
        assert (job.state, job.attempts) == ("pending", 0)
        execute(job.pk)
        sync.refresh_from_db()
    assert (sync.state, sync.counts["new"]) == ("succeeded", 250)


def test_what_is_gone_is_gone_and_what_is_hidden_is_not(site, pull):
    for pk in range(1, 8):
        site.post(pk)
    pull()
    del site.posts[1]
    site.edit(2, status="trash", slug="post-2__trashed")
    site.edit(3, status="draft")
    site.edit(4, status="future")
    hidden = site.posts[5] = {**site.posts[5], "status": "auto-hidden"}
    site.broken["/wp-json/wp/v2/posts/5"] = (403, {"code": "rest_forbidden_context", "message": "no"})
    sync = pull()
    assert (sync.counts["gone"], sync.counts["moved"], sync.counts["hidden"]) == (1, 3, 1), (
        sync.error,
        sync.counts,
    )
    left = dict(Content.objects.values_list("external_id", "status"))
    assert left == {
        "2": "draft",
        "3": "draft",
        "4": "draft",
        "5": "published",
        "6": "published",
        "7": "published",
    }
    topics = ClaimedTopic.objects.values_list("source_id", flat=True)
    assert set(topics) == set(Content.objects.filter(external_id__in="567").values_list("pk", flat=True))
    assert hidden["status"] == "auto-hidden"
    site.edit(2, status="publish", slug="post-2", modified="2026-03-01T10:00:00")
    pull()
    assert Content.objects.get(external_id="2").status == "published"
    notice = Notification.objects.filter(title="Changed in WordPress").order_by("pk").first()
    assert "trash" in notice.message and "2 more" in notice.message


def test_a_post_between_two_pages_is_not_lost(site, pull):
    for pk in range(1, 151):
        site.post(pk)
    pull()

    def shift(path, params):
        if params.get("offset") == "100":
            site.posts.pop(1, None)  # post 101 moves to the page that was read already

    site.before = shift
    assert "gone" not in pull().counts
    assert Content.objects.filter(external_id="101", status="published").exists()
    site.before = lambda path, params: None
    assert pull().counts["gone"] == 1
    assert not Content.objects.filter(external_id="1").exists()


def test_what_the_site_can_not_give_at_once_is_asked_for_in_parts(site, pull):
    for pk in range(1, 131):
        site.post(pk)

    def heavy(path, params):
        site.broken.pop("/wp-json/wp/v2/posts", None)
        if path.endswith("/posts") and int(params.get("per_page", 1)) > 50:
            site.broken["/wp-json/wp/v2/posts"] = (
                500,
                {"code": "memory", "message": "Allowed memory size exhausted"},
            )

    site.before = heavy
    sync = pull()
    assert (sync.state, sync.counts["new"]) == ("succeeded", 130)


def test_what_was_deleted_here_stays_deleted(site, pull):
    site.post(1)
    pull()
    Content.objects.get().delete()
    site.edit(1, text="Edited.")
    pull()
    assert not Content.objects.exists()
    assert SyncedPost.objects.get().content_id is None


def test_a_site_that_fails_is_told_once_with_its_reason(alice, site, connected, pull):
    site.broken["/wp-json/wp/v2/taxonomies"] = (401, {"code": "rest_not_logged_in", "message": "no"})
    sync = pull()
    assert (sync.state, "login" in sync.error) == ("failed", True)
    health = alice.client.get(f"/api/v1/integration/{connected.pk}/sync_health/").json()["data"]
    assert (health["status"], health["failures"], health["last_success_at"]) == ("failing", 1, None)
    assert Notification.objects.get(notification_type="wordpress_sync_failed").message == sync.error
    debug = alice.client.get(f"/api/v1/integration/{connected.pk}/debug_status/").json()["data"]
    assert debug["runs"][0]["error"] == sync.error


def test_one_sync_of_a_site_at_a_time(alice, site, connected):
    path = f"/api/v1/integration/{connected.pk}"
    assert alice.client.get(f"{path}/sync_status/").json()["data"] is None
    first = alice.client.post(f"{path}/sync/", {}).json()["data"]["task_id"]
    for route in (f"{path}/sync/", f"{path}/sync_wordpress_content/", "/api/v1/integration/site_sync/"):
        assert alice.client.post(route, {"site_id": alice.site.pk}).json()["data"]["task_id"] == first
    SyncRun.objects.update(state="succeeded")
    SiteIntegration.objects.update(is_active=False)
    assert alice.client.post(f"{path}/sync/", {}).status_code == 409
    assert alice.client.post(f"{path}/sync/", {"direction": "sideways"}).status_code == 400
    assert alice.client.post("/api/v1/integration/site_sync/", {}).status_code == 400


def test_sites_are_looked_after_by_themselves(connected, settings):
    assert sync_due() == 0
    SiteIntegration.objects.update(created_at="2026-01-01T00:00Z")
    assert (sync_due(), sync_due()) == (1, 0)
    assert (SyncRun.objects.get().direction, SyncRun.objects.get().by_person) == ("pull", False)


def test_the_structure_of_a_site(alice, site, connected):
    site.post(1, permalink_template=f"{site.url}/%postname%/")
    path = f"/api/v1/integration/{connected.pk}"
    assert alice.client.get(f"{path}/content_types/").json()["data"] == []
    structure = alice.client.post(f"{path}/update_structure/").json()["data"]
    assert [t["name"] for t in structure["post_types"]] == ["post", "page"]
    assert structure["about"]["permalinks"] == f"{site.url}/%postname%/"
    assert structure["authors"] == [{"id": 1, "name": "Ed", "slug": "ed"}]
    alias = f"/api/v1/integration/integrations/{connected.pk}"
    assert alice.client.post(f"{alias}/update-structure/").status_code == 200
    types = alice.client.get(f"{alias}/get_content_types/").json()["data"]
    assert types == alice.client.get(f"{path}/content_types/").json()["data"]
    assert types[0] == {
        "name": "post", "label": "Posts", "rest_base": "posts", "count": 1, "synced": 0,
        "taxonomies": ["category", "post_tag"],
    }  # fmt: skip
    assert alice.client.get("/api/v1/integration/integrations/").json()["count"] == 1
    site.broken["/wp-json/wp/v2/types"] = (403, {"code": "rest_forbidden", "message": "no"})
    answer = alice.client.post(f"{path}/update_structure/")
    assert (answer.status_code, answer.json()["code"]) == (502, "UPSTREAM_ERROR")


def test_a_lost_lease_stores_nothing(site, connected):
    class Run:
        def check(self):
            raise LeaseLost

    sync = SyncRun.objects.create(
        account=connected.account,
        site=connected.site,
        integration=connected,
        job_id="5b1a7c4e-2f0c-4d57-9a3e-0d2f6f8f1c11",
    )
    one = passes._Pass(Run(), sync, None)
    with pytest.raises(LeaseLost):
        one._step(lambda: SiteIntegration.objects.update(name="stored"), at="posts")
    assert SiteIntegration.objects.get().name == "" and SyncRun.objects.get().cursor == {}
