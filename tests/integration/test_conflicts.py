"""Edits on both sides: neither is lost, and people choose."""

import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.locks import Busy
from apps.core.models import Job
from apps.integration.clients.wordpress import WordPress
from apps.integration.models import SiteIntegration, SyncedPost
from apps.notifications.models import Notification
from apps.publisher.models import PublishingRecord
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from apps.publisher.services.wordpress.errors import EditedOnBothSides
from apps.writer.models import Content
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory
from tests.integration.wordpress import BLOCK

pytestmark = pytest.mark.django_db
PATH = "/api/v1/integration/conflicts/"


@pytest.fixture
def post(site, pull) -> Content:
    """A post that both agree on."""
    site.post(1)
    pull()
    return Content.objects.get()


def write(alice, content, **fields):
    answer = alice.client.patch(f"/api/v1/writer/content/{content.pk}/", fields)
    if answer.status_code == 405:
        answer = alice.client.put(f"/api/v1/writer/content/{content.pk}/update_content/", fields)
    assert answer.status_code == 200, answer.content
    content.refresh_from_db()


@pytest.fixture
def conflict(alice, site, post, pull) -> SyncedPost:
    write(alice, post, html="<p>Ours.</p>")
    site.edit(1, text="Theirs.")
    assert pull().counts["conflict"] == 1
    return SyncedPost.objects.get()


def test_what_both_changed_is_shown_and_left_alone(alice, bob, site, post, conflict, pull):
    post.refresh_from_db()
    assert (post.html, site.posts[1]["content"]["raw"]) == ("<p>Ours.</p>", BLOCK.format("Theirs."))
    listed = alice.client.get(PATH).json()
    assert [(r["content"], r["title"], r["fields_in_conflict"]) for r in listed["results"]] == [
        (post.pk, "Post 1", ["html"])
    ]
    texts = alice.client.get(f"{PATH}{conflict.pk}/").json()["data"]["texts"]
    assert texts["base"] == {"html": "<p>Text 1.</p>"}
    assert (texts["ours"], texts["theirs"]) == ({"html": "<p>Ours.</p>"}, {"html": "<p>Theirs.</p>"})
    assert "-<p>Ours.</p>\n+<p>Theirs.</p>" in texts["diff"]["html"]["both"]
    notice = Notification.objects.get(title="Edited on both sides")
    assert "Nothing was overwritten" in notice.message
    assert "conflict" not in pull().counts  # told once
    assert Notification.objects.filter(title="Edited on both sides").count() == 1
    for query in ({"search": "nothing"}, {"content_id": post.pk + 1}, {"post_type": "pages"}):
        assert alice.client.get(PATH, query).json()["count"] == 0
    assert bob.client.get(PATH).json()["count"] == 0
    assert bob.client.post(f"{PATH}{conflict.pk}/resolve/", {"choice": "ours"}).status_code == 404
    answer = alice.client.post("/api/v1/publisher/publish/", {"content_ids": [post.pk]})
    assert (answer.status_code, answer.json()["details"]) == (409, {"content_ids": [post.pk]})
    with pytest.raises(EditedOnBothSides):
        content_publish(account_id=alice.account.pk, content_id=post.pk, reference="test:1")
    post.refresh_from_db()
    assert (post.status, post.site_status) == ("published", "published")


def test_the_list_costs_the_same_whatever_its_length(alice, conflict):
    with CaptureQueriesContext(connection) as one:
        assert alice.client.get(PATH).json()["count"] == 1
    for n in range(2, 6):
        other = ApprovedContentFactory(site=alice.site)
        SyncedPost.objects.create(
            account=alice.account, site=alice.site, integration=conflict.integration, post_type="posts", external_id=n,
            content=other, conflict=conflict.conflict, conflict_at=conflict.conflict_at,
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        assert len(alice.client.get(PATH, {"ordering": "conflict_at"}).json()["results"]) == 5
    assert len(many) == len(one)


def test_theirs_comes_in_as_a_version(alice, site, post, conflict, pull):
    answer = alice.client.post(f"{PATH}{conflict.pk}/resolve/", {"choice": "theirs"})
    assert answer.json()["data"] == {"task_id": None}, answer.content
    post.refresh_from_db()
    assert post.html == "<p>Theirs.</p>"
    assert [v.html for v in post.versions.order_by("number")] == [
        "<p>Text 1.</p>",
        "<p>Ours.</p>",
        "<p>Theirs.</p>",
    ]
    assert alice.client.get(PATH).json()["count"] == 0
    sync = pull("both")
    assert ("changed" in sync.counts, "conflict" in sync.counts, "pushed" in sync.counts) == (
        False,
        False,
        False,
    )
    assert alice.client.post(f"{PATH}{conflict.pk}/resolve/", {"choice": "ours"}).status_code == 404


@pytest.mark.parametrize(
    ("choice", "sent"), [("ours", "<p>Ours.</p>"), ("merged", "<p>Ours and theirs.</p>")]
)
def test_ours_goes_out_by_a_job(alice, post, conflict, choice, sent):
    seen = alice.client.get(f"{PATH}{conflict.pk}/").json()["data"]["texts"]["seen"]
    body = {"choice": choice, "seen": seen, **({"html": sent} if choice == "merged" else {})}
    job = Job.objects.get(
        pk=alice.client.post(f"{PATH}{conflict.pk}/resolve/", body).json()["data"]["task_id"]
    )
    assert (job.kind, job.payload["content_ids"]) == ("content.publish", [post.pk])
    post.refresh_from_db(), conflict.refresh_from_db()
    assert (post.html, conflict.conflict_at) == (sent, None)


def test_a_choice_that_does_not_fit(alice, site, conflict, pull):
    path = f"{PATH}{conflict.pk}/resolve/"
    seen = alice.client.get(f"{PATH}{conflict.pk}/").json()["data"]["texts"]["seen"]
    for body, status in (
        ({"choice": "mine"}, 400),
        ({"choice": "merged"}, 400),
        ({"choice": "merged", "title": "Without the text"}, 400),
        ({"choice": "merged", "html": "<script>alert(1)</script>"}, 400),
        ({"choice": "ours", "html": "<p>x</p>"}, 400),
    ):
        assert alice.client.post(path, body).status_code == status, body
    assert alice.as_role("viewer").post(path, {"choice": "ours"}).status_code == 403
    site.edit(1, text="Theirs, once more.", modified="2026-03-01T10:00:00")
    pull()
    answer = alice.client.post(path, {"choice": "ours", "seen": seen})
    assert (answer.status_code, "once more" in answer.json()["error"]) == (409, True)
    assert SyncedPost.objects.get().conflict["theirs"] == {"html": "<p>Theirs, once more.</p>"}


def test_different_fields_and_the_same_change_are_no_conflict(alice, site, post, pull):
    write(alice, post, html="<p>Ours.</p>", title="Same")
    site.edit(1, title={"raw": "Same"}, excerpt={"raw": "Theirs."})
    sync = pull("both")
    post.refresh_from_db()
    assert (post.html, post.title, post.excerpt) == ("<p>Ours.</p>", "Same", "Theirs.")
    assert (sync.counts["changed"], sync.counts["pushed"]) == (1, 1)
    assert Job.objects.get(kind="content.publish").payload["content_ids"] == [post.pk]


def test_a_conflict_that_people_undid_is_none(alice, site, post, conflict, pull):
    site.edit(1, text="Text 1.", modified="2026-03-01T10:00:00")
    pull()
    conflict.refresh_from_db()
    assert conflict.conflict_at is None


def test_what_is_being_published_is_left_to_publishing(site, post, pull):
    Content.objects.update(site_status="publishing")
    site.edit(1, text="Theirs.")
    assert pull().counts["skipped"] == 1
    Content.objects.update(site_status="published")
    SyncedPost.objects.update(agreed_at=timezone.now() + timedelta(minutes=1))
    site.edit(1, text="Theirs.", modified="2026-03-01T10:00:00")
    assert pull().counts["skipped"] == 1  # what was read is older than what was agreed on
    assert Content.objects.get().html == "<p>Text 1.</p>"


def test_an_update_does_not_bring_back_what_was_taken_off(alice, site, post):
    site.edit(1, status="draft")
    with pytest.raises(TargetFailed, match="took it off"):
        content_publish(account_id=alice.account.pk, content_id=post.pk, reference="test:1")
    post.refresh_from_db()
    assert (post.status, site.posts[1]["status"]) == ("approved", "draft")


def test_a_connection_made_anew_knows_its_posts(alice, site, connected, post, pull):
    write(alice, post, html="<p>Ours.</p>")
    connected.delete()
    connected.pk = None
    connected.save()
    site.post(2)
    sync = pull()
    assert (sync.counts["new"], sync.counts["conflict"], Content.objects.count()) == (1, 1, 2)
    detail = alice.client.get(f"{PATH}{SyncedPost.objects.get(external_id=1).pk}/").json()["data"]["texts"]
    assert detail["base"] is None  # nobody knows any more


@pytest.mark.parametrize("choice", ["ours", "merged"])
def test_the_old_text_is_a_choice_too(alice, site, post, conflict, run_jobs, choice):
    if choice == "ours":  # people here took their edit back
        write(alice, post, html="<p>Text 1.</p>")
    body = {"choice": choice, **({"html": "<p>Text 1.</p>"} if choice == "merged" else {})}
    assert alice.client.post(f"{PATH}{conflict.pk}/resolve/", body).status_code == 200
    run_jobs()
    assert site.posts[1]["content"]["raw"] == BLOCK.format("Text 1.")


def test_a_choice_puts_nothing_back_that_was_taken_off(alice, site, post, conflict, pull, run_jobs):
    Content.objects.update(origin="igny8")
    site.edit(1, status="draft", title={"raw": "Theirs"}, modified="2026-03-01T10:00:00")
    pull()
    answer = alice.client.post(f"{PATH}{conflict.pk}/resolve/", {"choice": "ours"})
    assert answer.json()["data"] == {"task_id": None}
    run_jobs()
    assert site.posts[1]["status"] == "draft"
    pull()  # what changed beside the conflict comes in
    post.refresh_from_db()
    assert (post.html, post.title, post.status) == ("<p>Ours.</p>", "Theirs", "approved")
    content_publish(account_id=alice.account.pk, content_id=post.pk, reference="test:2")
    assert (site.posts[1]["status"], site.posts[1]["content"]["raw"]) == ("publish", BLOCK.format("Ours."))


def test_what_people_changed_beside_a_publication_comes_in_with_the_next_pass(alice, site, post, pull):
    write(alice, post, html="<p>Ours.</p>")
    site.edit(1, title={"raw": "Theirs"})
    content_publish(account_id=alice.account.pk, content_id=post.pk, reference="test:1")
    pull()
    post.refresh_from_db()
    assert (post.title, site.posts[1]["content"]["raw"]) == ("Theirs", BLOCK.format("Ours."))


def test_edits_of_who_reviews_it_there_are_not_written_over(alice, site, connected, pull):
    content = ApprovedContentFactory(site=alice.site, title="Sent", categories=[], tags=[])
    site.post(7, status="draft", slug=f"igny8-{content.content_key.hex}", text="", title={"raw": "Sent"})
    site.reviews = True
    with pytest.raises(TargetFailed, match="pending"):
        content_publish(account_id=alice.account.pk, content_id=content.pk, reference="test:1")
    assert site.posts[7]["status"] == "pending"
    site.reviews = False
    site.edit(7, text="Reviewed.", status="publish", modified="2026-07-01T10:00:00")
    content_publish(account_id=alice.account.pk, content_id=content.pk, reference="test:2")
    assert site.posts[7]["content"]["raw"] == BLOCK.format("Reviewed.")
    pull()
    content.refresh_from_db()
    assert (content.html, content.status) == ("<p>Reviewed.</p>", "published")


def test_a_post_that_became_a_page_is_the_same(alice, site, post, pull):
    site.posts[1]["kind"] = "pages"
    write(alice, post, html="<p>Ours.</p>")
    content_publish(account_id=alice.account.pk, content_id=post.pk, reference="test:1")
    assert (list(site.posts), site.posts[1]["content"]["raw"]) == ([1], BLOCK.format("Ours."))
    pull()
    assert (Content.objects.count(), SyncedPost.objects.get().post_type) == (1, "pages")


def test_an_alt_text_of_people_in_the_library_stays(alice, site, connected, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    content = ApprovedContentFactory(site=alice.site, title="Sent", categories=[], tags=[])
    site.post(7, status="draft", slug=f"igny8-{content.content_key.hex}", text="", title={"raw": "Sent"})
    image = GeneratedImageFactory(content=content, alt="Ours")
    digest = hashlib.sha256(image.file.open().read()).hexdigest()
    site.media[3] = {
        "id": 3,
        "slug": f"igny8-{digest[:40]}",
        "source_url": f"{site.url}/a.png",
        "alt_text": "",
    }
    told = []
    for n, (here, there) in enumerate([("Ours", ""), ("Ours, once more", "Ours"), ("New", "Theirs")]):
        assert site.media[3]["alt_text"] in (there, "Ours, once more")
        site.media[3]["alt_text"] = there
        image.alt = here
        image.save(update_fields=["alt"])
        told.append(
            content_publish(account_id=alice.account.pk, content_id=content.pk, reference=f"test:{n}")
        )
    assert site.media[3]["alt_text"] == "Theirs"
    assert [result["fields"]["alt_texts"] for result in told] == ["kept", "kept", "dropped"]


def test_an_edit_before_the_second_try_of_a_first_publication_comes_in(alice, site, connected, pull):
    content = ApprovedContentFactory(site=alice.site, title="Sent", categories=[], tags=[])
    site.post(7, status="draft", slug=f"igny8-{content.content_key.hex}", text="", title={"raw": "Sent"})
    again = {"account_id": alice.account.pk, "content_id": content.pk, "reference": "test:1"}

    def lost(path, params):
        if site.posts[7]["status"] == "publish":
            site.broken["/wp-json/wp/v2/posts/7"] = (503, {})

    site.before = lost
    with pytest.raises(TargetFailed):
        content_publish(**again)
    site.before, site.broken = lambda path, params: None, {}
    site.edit(7, text="Theirs.", modified="2026-07-01T10:00:00")
    content_publish(**again)
    assert site.posts[7]["content"]["raw"] == BLOCK.format("Theirs.")
    pull()
    content.refresh_from_db()
    assert (content.html, content.title, content.status) == ("<p>Theirs.</p>", "Sent", "published")


def test_a_crash_brings_nothing_back_that_was_taken_off(alice, site, post, monkeypatch):
    site.edit(1, status="draft")
    again = {"account_id": alice.account.pk, "content_id": post.pk, "reference": "test:1"}

    def died(**kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("apps.publisher.services.publishing.records_fail", died)
        content_publish(**again)
    with pytest.raises(TargetFailed, match="took it off"):
        content_publish(**again)
    assert site.posts[1]["status"] == "draft"


def test_a_post_of_the_old_address_is_not_bound_to_the_new_one(alice, site, connected, post, monkeypatch):
    """Else what has its number there would be written over."""
    write(alice, post, html="<p>Ours.</p>")
    moved = site.url.replace("127.0.0.1", "localhost")
    body = {"site": alice.site.pk, "base_url": moved, "username": "ed", "app_password": "secret"}
    real = WordPress.get

    def get(self, path, **params):
        found = real(self, path, **params)
        if path.endswith("/1") and SiteIntegration.objects.get().base_url != moved:
            assert alice.client.put(f"/api/v1/integration/{connected.pk}/", body).status_code == 200
        return found

    monkeypatch.setattr(WordPress, "get", get)
    with pytest.raises(Busy):
        content_publish(account_id=post.account_id, content_id=post.pk, reference="test:1")
    assert not SyncedPost.objects.exists() and site.posts[1]["content"]["raw"] == BLOCK.format("Text 1.")
    assert PublishingRecord.objects.get().status == "publishing"  # the next try asks the new address
