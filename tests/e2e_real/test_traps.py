"""What WordPress does to those who publish to it: the traps that no answer names."""

import httpx
import pytest

from apps.integration.models import SiteIntegration, SyncedPost
from apps.integration.services.connections import wordpress_of
from apps.notifications.models import Notification
from apps.publisher.models import PublishingRecord
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from apps.publisher.services.wordpress.kinds import Taxonomy
from apps.publisher.services.wordpress.terms import terms_put
from apps.writer.models import Content
from tests.e2e_real.faulty import faulty_proxy
from tests.e2e_real.test_publish import connect
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(alice, wordpress, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    alice.connection = connect(alice, wordpress.url, wordpress)
    return alice


@pytest.fixture
def rest(wordpress):
    with wordpress.api() as client:
        yield client


def publish(content, reference="test:1"):
    return content_publish(account_id=content.account_id, content_id=content.pk, reference=reference)


def all_posts(rest) -> list[dict]:
    return rest.get("/posts", params={"status": "any,trash", "context": "edit", "per_page": 100}).json()


def test_without_permalinks_it_goes_on_behind_a_parameter(site, wordpress, rest):
    """Switched off after the connection was tested, or before anybody has tested it."""
    content = ApprovedContentFactory(site=site.site)
    site.client.post(f"/api/v1/integration/{site.connection}/test_connection/")
    wordpress.permalinks("plain")
    try:
        assert not httpx.get(f"{wordpress.url}/wp-json/wp/v2/posts").is_success
        done = publish(content)
        SiteIntegration.objects.update(rest_root="")
        again = publish(content, "test:2")
    finally:
        wordpress.permalinks("/%postname%/")
    assert done["external_id"] == again["external_id"]
    assert [str(p["id"]) for p in all_posts(rest)] == [done["external_id"]]


def test_a_redirect_is_not_followed_with_what_a_post_carries(site, wordpress, rest):
    content = ApprovedContentFactory(site=site.site)
    with (
        wordpress.fault("other_host"),
        pytest.raises(TargetFailed, match=r"redirects to https://www\.example\.org"),
    ):
        publish(content)
    assert all_posts(rest) == []
    assert PublishingRecord.objects.get().status == "failed"


def test_a_term_whose_making_was_not_heard_of_is_taken(alice, wordpress, rest, settings):
    """WordPress says `term_exists` to the second try, and which one."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    with faulty_proxy(wordpress.url) as proxy:
        connect(alice, proxy.url, wordpress)
        proxy.plan["term", 1] = "lost"
        with wordpress_of(SiteIntegration.objects.get()) as client:
            at = Taxonomy("categories", "categories", is_tree=True)
            ids = terms_put(client, at, ["Brewing & <Gear>"], site_id=alice.site.pk)
        assert proxy.seen["term"] == 2
    terms = rest.get("/categories", params={"per_page": 100}).json()
    assert [t["id"] for t in terms if t["slug"] != "uncategorized"] == list(ids.values())


def test_what_the_user_may_not_write_is_told(alice, wordpress, rest, settings):
    """kses takes out what an author may not write: the title stands, and a second publication is no difference."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    connect(alice, wordpress.url, wordpress, role="author")
    content = ApprovedContentFactory(
        site=alice.site, title="R&D: “a” & 'b'", excerpt="1 < 2 & 3", categories=[], tags=[]
    )
    done = publish(content)
    assert {done["fields"][name] for name in ("title", "excerpt", "html")} == {"kept"}, done["fields"]
    (post,) = all_posts(rest)
    assert "&amp;" in post["title"]["raw"]
    assert publish(content, "test:2")["fields"] == done["fields"]
    assert all_posts(rest)[0]["modified_gmt"] == post["modified_gmt"]


def test_a_slug_that_lies_in_the_trash(site, rest):
    content = ApprovedContentFactory(site=site.site)
    theirs = rest.post("/posts", json={"title": "Theirs", "slug": content.slug, "status": "publish"}).json()
    rest.delete(f"/posts/{theirs['id']}")
    done = publish(content)
    ours, trashed = (rest.get(f"/posts/{pk}", params={"context": "edit"}).json()
                     for pk in (done["external_id"], theirs["id"]))  # fmt: skip
    assert trashed["slug"].endswith("__trashed") and trashed["status"] == "trash"
    assert (ours["slug"] == content.slug) == (done["fields"]["slug"] == "kept")
    assert done["external_url"] == ours["link"]


@pytest.mark.parametrize(("fault", "sentence"), [("upload_too_large", "size"), ("upload_fails", "disk")])
def test_a_picture_that_is_not_taken_is_told(site, wordpress, rest, fault, sentence):
    content = ApprovedContentFactory(site=site.site)
    GeneratedImageFactory(content=content, color="teal")
    with wordpress.fault(fault), pytest.raises(TargetFailed, match=sentence) as failed:
        publish(content)
    assert (failed.value.permanent, failed.value.target_down) == (True, False)
    assert all_posts(rest) == []
    assert publish(content, "test:2")["fields"]["featured_image"] == "kept"


def test_drafts_for_the_people_of_the_site(site, rest, run_jobs):
    """They publish it; what they have moved on stays where it is, and a sync says that it is out."""
    save = site.client.post(
        "/api/v1/system/settings/content/publishing/save/", {"default_publish_status": "draft"}
    )
    assert save.status_code == 200, save.content
    content = ApprovedContentFactory(site=site.site)
    site.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    run_jobs()
    content.refresh_from_db()
    assert (content.status, content.site_status, content.published_at) == ("approved", "not_published", None)
    (post,) = all_posts(rest)
    assert (post["status"], post["slug"], str(post["id"])) == ("draft", content.slug, content.external_id)
    record = PublishingRecord.objects.get()
    assert (record.status, record.fields["status"], record.fields["html"]) == ("published", "changed", "kept")
    told = Notification.objects.get(title="Drafts in WordPress")
    assert told.notification_type == "content_ready_review"
    assert not Notification.objects.filter(notification_type="content_published").exists()

    content.title = "A better title"
    content.save()
    assert publish(content)["fields"]["title"] == "kept"
    (post,) = all_posts(rest)
    assert (post["status"], post["title"]["raw"]) == ("draft", "A better title")

    rest.post(f"/posts/{post['id']}", json={"status": "publish", "excerpt": "Their own."})
    site.client.post(f"/api/v1/integration/{site.connection}/sync/", {})
    run_jobs()
    content.refresh_from_db()
    assert (content.status, content.site_status, content.excerpt) == ("published", "published", "Their own.")
    content.title = "Once more"
    content.save()
    publish(content, "test:3")
    (post,) = all_posts(rest)
    assert (post["status"], post["title"]["raw"], post["excerpt"]["raw"]) == (
        "publish",
        "Once more",
        "Their own.",
    )
    assert httpx.get(post["link"]).status_code == 200
    assert SyncedPost.objects.get().remote_status == "publish" and Content.objects.count() == 1
