import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core import jobs
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.jobs import JobRun, job_start
from apps.core.models import Job
from apps.integration.models import SiteIntegration
from apps.notifications.models import Notification, WebhookDelivery, WebhookEndpoint
from apps.publisher.models import HostedPage, PublishingRecord
from apps.publisher.services.publishing import content_publish
from apps.publisher.tasks import _tell_failed, _tell_published
from apps.writer.models import Content
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory, png

pytestmark = pytest.mark.django_db
HOSTILE = (
    '<p onclick="alert(1)">Hi</p><script>alert(2)</script><a href="javascript:alert(3)">x</a>'
    '<img src=x onerror=alert(4)><iframe src="//evil"></iframe><h2>A</h2><style>*{}</style><svg onload=alert(5)>'
)


def publish(content, reference="test:1", **fields):
    return content_publish(
        account_id=content.account_id, content_id=content.pk, reference=reference, **fields
    )


def path_of(url: str) -> str:
    return url.removeprefix("http://testhost")


@pytest.fixture(autouse=True)
def _public_url(settings):
    settings.PUBLIC_URL = "http://testhost"


def test_whole_path(alice, content, run_jobs):
    answer = alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    assert answer.status_code == 200, answer.content
    task_id = answer.json()["data"]["task_id"]
    (job,) = run_jobs()
    assert (str(job.pk), job.state, job.total, job.current) == (task_id, "succeeded", 1, 1)
    (done,) = job.result["published"]
    url = f"http://testhost/sites/alice-site/{content.slug}/"
    assert (done["content_id"], done["external_url"], job.result["failed"]) == (content.pk, url, [])
    assert set(done["fields"].values()) == {"kept"}

    content.refresh_from_db()
    assert (content.status, content.site_status, content.external_url) == ("published", "published", url)
    assert content.published_at and content.external_id == str(content.hosted_page.pk)
    by_content = alice.client.get("/api/v1/publisher/publish/status/", {"content_id": content.pk}).json()[
        "data"
    ]
    assert (by_content["site_status"], by_content["external_url"]) == ("published", url)
    by_job = alice.client.get("/api/v1/publisher/publish/status/", {"task_id": task_id}).json()["data"]
    assert by_job["state"] == "succeeded" and by_job["contents"] == [by_content]

    page = Client().get(path_of(url))
    assert page.status_code == 200 and "Eight parts." in page.content.decode()
    told = Notification.objects.get(account=alice.account)
    assert told.notification_type == "content_published" and url in told.message

    records = alice.client.get("/api/v1/publisher/records/", {"content_id": content.pk}).json()
    assert records["count"] == 1 and records["results"][0]["status"] == "published"
    (deployment,) = alice.client.get("/api/v1/publisher/deployments/").json()["results"]
    assert (deployment["task_id"], deployment["published"], deployment["failed"]) == (task_id, 1, 0)
    assert deployment["site_ids"] == [alice.site.pk] and deployment["target"] == "hosted"


def test_twice_is_one_page_and_edits_wait_for_the_next_time(content):
    first = publish(content)
    assert publish(content) == first
    assert PublishingRecord.objects.get().attempts == 1
    page = HostedPage.objects.get()

    Content.objects.filter(pk=content.pk).update(html="<p>Nobody may see this yet.</p>", title="New title")
    assert "Nobody may see" not in Client().get(path_of(first["external_url"])).content.decode()
    second = publish(content, "test:2")
    assert second["external_url"] == first["external_url"]
    body = Client().get(path_of(first["external_url"])).content.decode()
    assert "Nobody may see" in body and "New title" in body
    again = HostedPage.objects.get()
    assert (again.pk, again.published_at) == (
        page.pk,
        page.published_at,
    ) and again.updated_at > page.updated_at
    publish(content, "test:3")
    assert HostedPage.objects.get().updated_at == again.updated_at  # nothing changed


def test_slug_of_another_page_gets_a_number(alice, content):
    publish(content)
    Content.objects.filter(pk=content.pk).update(slug="moved-on")
    other = ApprovedContentFactory(site=alice.site, slug=content.slug)
    result = publish(other)
    assert result["external_url"].endswith(f"/{content.slug}-2/") and result["fields"]["slug"] == "changed"
    assert publish(other, "test:2")["external_url"] == result["external_url"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", [True, False])
def test_eight_at_once_make_one_page(alice, side_by_side, same):
    content = ApprovedContentFactory(site=alice.site)
    GeneratedImageFactory(content=content)
    finished = []

    def one(n):
        return lambda: publish(
            content, "test:1" if same else f"test:{n}", finish=lambda r: finished.append(n)
        )

    results = side_by_side(*[one(n) for n in range(8)])
    assert not [r for r in results if isinstance(r, Exception)]
    assert len({r["external_url"] for r in results}) == 1 and len(finished) == 8
    assert HostedPage.objects.count() == 1
    assert PublishingRecord.objects.filter(status="published").count() == (1 if same else 8)
    content.refresh_from_db()
    assert content.site_status == "published"


@pytest.mark.django_db(transaction=True)
def test_eight_articles_at_once_for_one_address(alice, side_by_side):
    contents = [
        ApprovedContentFactory(site=alice.site, slug=f"{'Water' if n % 2 else 'water'}{'!' * n}")
        for n in range(8)
    ]
    results = side_by_side(*[lambda c=c: publish(c) for c in contents])
    assert not [r for r in results if isinstance(r, Exception)], results
    slugs = sorted(HostedPage.objects.values_list("slug", flat=True))
    assert slugs == ["water", *(f"water-{n}" for n in range(2, 9))]


def test_finish_that_raises_rolls_all_back(content):
    def finish(result):
        raise jobs.LeaseLost

    with pytest.raises(jobs.LeaseLost):
        publish(content, finish=finish)
    assert not HostedPage.objects.exists()
    content.refresh_from_db()
    assert (content.status, content.site_status) == ("approved", "publishing")  # the other execution goes on
    publish(content)
    content.refresh_from_db()
    assert content.site_status == "published"


def test_a_crash_in_the_middle_is_taken_up_again(content, monkeypatch, run_jobs):
    from apps.publisher.services import publishing

    def killed(content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "page_write", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(content)
    content.refresh_from_db()
    assert content.site_status == "publishing"
    from datetime import timedelta

    from django.utils import timezone

    from apps.publisher.services.dispatch import publish_due

    assert publish_due() == 0
    hour = timedelta(hours=1)
    PublishingRecord.objects.update(touched_at=timezone.now() - hour, next_try_at=timezone.now() + hour)
    assert publish_due() == 0  # the site said when to come again
    PublishingRecord.objects.update(next_try_at=timezone.now())
    assert publish_due() == 1 and publish_due() == 1  # the same job both times
    (job,) = run_jobs()
    assert job.state == "succeeded"
    content.refresh_from_db()
    assert content.site_status == "published" and PublishingRecord.objects.get().reference == "test:1"


@pytest.mark.parametrize("status", ["draft", "review"])
def test_only_what_is_approved(alice, content, run_jobs, status):
    Content.objects.filter(pk=content.pk).update(status=status)
    with pytest.raises(Conflict, match="Only approved"):
        publish(content)
    content.refresh_from_db()
    assert content.site_status == "not_published"
    other = ApprovedContentFactory(site=alice.site)
    answer = alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk, other.pk]})
    assert answer.status_code == 409 and answer.json()["details"] == {"content_ids": [content.pk]}
    assert str(content.pk) in answer.json()["error"] and not Job.objects.exists()
    assert alice.client.post("/api/v1/publisher/records/", {"content": content.pk}).status_code == 409


def test_targets(alice, content):
    with pytest.raises(Invalid, match="No WordPress connection"):
        publish(content, target="wordpress")
    content.refresh_from_db()
    assert content.site_status == "failed" and PublishingRecord.objects.get().status == "failed"
    for path, body in (
        ("publish", {"content_ids": [content.pk], "target": "wordpress"}),
        ("records", {"content": content.pk, "target": "wordpress"}),
    ):
        answer = alice.client.post(f"/api/v1/publisher/{path}/", body)
        assert answer.status_code == 400 and "No WordPress connection" in answer.json()["error"]
    assert alice.client.post(
        "/api/v1/publisher/publish/", {"content_ids": [content.pk], "target": "ftp"}
    ).status_code == 400  # fmt: skip
    alice.site.is_hosted = False
    alice.site.save()
    assert alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).status_code == 409
    assert not Job.objects.exists()


def test_the_text_of_a_term_is_no_post_by_itself(alice):
    """A hosted site shows it as a page; a WordPress gets it where its people have said as what."""
    connection = SiteIntegration.objects.create(
        account=alice.account, site=alice.site, base_url="https://blog.example.com", auth_method="plugin"
    )
    content = ApprovedContentFactory(site=alice.site, content_type="taxonomy_term")
    ask = {
        "/api/v1/publisher/publish/": {"content_ids": [content.pk]},
        "/api/v1/publisher/records/": {"content": content.pk},
        f"/api/v1/writer/content/{content.pk}/publish_to_wordpress/": {},
        f"/api/v1/writer/content/{content.pk}/schedule/": {},
    }
    for path, body in ask.items():
        answer = alice.client.post(path, body)
        assert (answer.status_code, answer.json()["details"]) == (409, {"content_ids": [content.pk]}), path
        assert "post_types" in answer.json()["error"]
    with pytest.raises(Conflict, match="taxonomy_term"):
        publish(content)
    assert not Job.objects.exists() and PublishingRecord.objects.get().status == "failed"
    assert publish(content, "test:2", target="hosted")["external_url"]
    chosen = alice.client.patch(
        f"/api/v1/integration/{connection.pk}/", {"post_types": {"taxonomy_term": "page"}}
    )
    assert chosen.status_code == 200, chosen.content
    assert alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).status_code == 200


def test_a_failed_update_leaves_what_is_out(alice, content):
    publish(content)
    alice.site.is_active = False
    alice.site.save()
    with pytest.raises(Conflict, match="switched off"):
        publish(content, "test:2")
    content.refresh_from_db()
    assert (content.status, content.site_status) == ("published", "published")


def test_nothing_of_others(alice, bob, content):
    with pytest.raises(NotFound):
        content_publish(account_id=bob.account.pk, content_id=content.pk, reference="test:1")
    ask = bob.client
    answer = ask.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    assert answer.status_code == 400 and "content_ids" in answer.json()["details"]
    answer = ask.post("/api/v1/publisher/records/", {"content": content.pk})
    assert answer.status_code == 400 and "content" in answer.json()["details"]
    assert ask.get("/api/v1/publisher/publish/status/", {"content_id": content.pk}).status_code == 404
    task_id = alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).json()["data"][
        "task_id"
    ]
    assert ask.get("/api/v1/publisher/publish/status/", {"task_id": task_id}).status_code == 404
    for path in ("deployments", "records"):
        assert ask.get(f"/api/v1/publisher/{path}/").json()["count"] == 0
    for action in ("schedule", "unschedule"):
        assert ask.post(f"/api/v1/writer/content/{content.pk}/{action}/", {}).status_code == 404


def test_roles(alice, content):
    viewer = alice.as_role("viewer")
    assert viewer.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).status_code == 403
    assert viewer.post("/api/v1/publisher/records/", {"content": content.pk}).status_code == 403
    assert viewer.post(f"/api/v1/writer/content/{content.pk}/schedule/", {}).status_code == 403
    assert viewer.get("/api/v1/publisher/records/").status_code == 200
    assert viewer.get("/api/v1/publisher/publish/status/", {"content_id": content.pk}).status_code == 200
    editor = alice.as_role("editor")
    assert editor.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).status_code == 200


def test_a_user_of_other_sites_sees_nothing_of_this_one(alice, content):
    alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    limited = alice.as_role("editor", all_sites=False)
    task_id = str(Job.objects.get().pk)
    assert limited.get("/api/v1/publisher/deployments/").json()["count"] == 0
    assert limited.get("/api/v1/publisher/publish/status/", {"task_id": task_id}).status_code == 404
    assert limited.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"content_ids": []}, {"content_ids": ["a"]}, {"content_ids": [-1]}, {"content_ids": [10**30]},
     {"content_ids": "1"}, {"content_ids": [True]}, {"content_ids": list(range(1, 10_002))}],
)  # fmt: skip
def test_bad_bodies(alice, body):
    assert alice.client.post("/api/v1/publisher/publish/", body).status_code == 400


@pytest.mark.parametrize(
    "query",
    [{}, {"content_id": "x"}, {"content_id": "٣"}, {"task_id": "x"}, {"content_id": 1, "task_id": "x"}],
)
def test_bad_queries_of_status(alice, query):
    assert alice.client.get("/api/v1/publisher/publish/status/", query).status_code == 400


def test_a_record_is_made_and_published_once(alice, content, run_jobs):
    made = [
        alice.client.post(
            "/api/v1/publisher/records/", {"content": content.pk}, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert [m.status_code for m in made] == [201, 201], made[0].content
    assert made[0].json()["data"]["id"] == made[1].json()["data"]["id"]
    assert made[0].json()["data"]["status"] == "pending" and made[0].json()["data"]["site"] == alice.site.pk
    (job,) = run_jobs()
    assert job.result["published"][0]["record_id"] == made[0].json()["data"]["id"]
    assert PublishingRecord.objects.get().status == "published"
    other = ApprovedContentFactory(site=alice.site)
    answer = alice.client.post(
        "/api/v1/publisher/records/", {"content": other.pk}, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 409 and PublishingRecord.objects.count() == 1


def test_a_job_that_is_given_up_leaves_nothing_publishing(alice, content, monkeypatch):
    from apps.publisher import tasks

    alice.client.post("/api/v1/publisher/records/", {"content": content.pk})
    Content.objects.update(site_status="publishing")
    run = jobs.claim(Job.objects.get().pk)
    jobs.fail(run, "It was started too often.", "GAVE_UP")
    content.refresh_from_db()
    assert (
        content.site_status == "failed"
        and PublishingRecord.objects.get().error == "It was started too often."
    )
    assert Notification.objects.get().notification_type == "content_publish_failed"
    assert tasks.publish_failed


def test_hostile_html_is_published_harmless(content):
    Content.objects.filter(pk=content.pk).update(
        html=HOSTILE,
        title='</script><script>alert("t")</script>',
        meta_title="",
        categories=['"><b>', "a\x07b"],
    )
    result = publish(content)
    assert result["fields"]["html"] == "changed" and result["fields"]["title"] == "kept"
    assert result["fields"]["meta_title"] == "kept" and result["fields"]["categories"] == "changed"
    page = Client().get(path_of(result["external_url"]))
    body = page.content.decode()
    for bad in (
        "onclick",
        "onerror",
        "javascript:",
        "<iframe",
        "<svg",
        "<style",
        "alert(2)",
        '"><b>',
        "<script>",
    ):
        assert bad not in body, bad
    assert body.count("<script") == 1
    data = json.loads(body.split('<script type="application/ld+json">')[1].split("</script>")[0])
    assert data["@graph"][0]["headline"] == '</script><script>alert("t")</script>'
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy


def test_pictures_stand_in_the_text_and_stay_as_they_were(alice, content):
    top = GeneratedImageFactory(content=content, caption="A <b> jar")
    first = GeneratedImageFactory(
        content=content, kind="in_article", position=0, alt='Wa"><i>ter', color="blue"
    )
    last = GeneratedImageFactory(content=content, kind="in_article", position=7, color="red")
    GeneratedImageFactory(content=content, kind="in_article", position=3, status="pending", file=None)
    result = publish(content)
    assert result["fields"]["images"] == "kept"
    body = Client().get(path_of(result["external_url"])).content.decode()
    assert "<i>" not in body and "A &lt;b&gt; jar" in body
    page = content.hosted_page
    names = {int(name.split("-")[0]): name for name in page.images}
    assert set(names) == {top.pk, first.pk, last.pk} and page.featured == names[top.pk]
    water = page.html.index("Water</h2>")
    assert water < page.html.index(names[first.pk]) < page.html.index("Eight parts.")
    assert page.html.index(names[last.pk]) > page.html.index("Twelve hours.")
    address = f"/sites/alice-site/images/{names[first.pk]}"
    picture = Client().get(address)
    assert picture.status_code == 200 and picture["Content-Type"] == "image/png"
    assert b"".join(picture.streaming_content) == png("blue")
    assert "immutable" in picture["Cache-Control"]
    assert Client().get(address, headers={"If-None-Match": picture["ETag"]}).status_code == 304

    # A picture that is made anew is not seen, and the old one not lost, before the next publication.
    first.file.delete(save=False)
    first.file.save("new.png", ContentFile(png("green")))
    top.delete()
    assert Client().get(address).status_code == 200
    publish(content, "test:2")
    page.refresh_from_db()
    assert page.featured == "" and names[first.pk] not in page.images and len(page.images) == 2


@pytest.mark.django_db(transaction=True)
def test_files_of_replaced_pictures_go(alice):
    content = ApprovedContentFactory(site=alice.site)
    image = GeneratedImageFactory(content=content)
    publish(content)
    page = HostedPage.objects.get()
    (old,) = page.images
    assert default_storage.exists(page.file_path(old))
    image.file.save("new.png", ContentFile(png("green")))
    publish(content, "test:2")
    assert not default_storage.exists(page.file_path(old))
    assert Client().get(f"/sites/alice-site/images/{old}").status_code == 404


def test_pictures_that_the_text_names_are_not_doubled(content):
    image = GeneratedImageFactory(content=content, kind="in_article")
    html = (
        f'<p>a</p><figure><img src="/api/v1/writer/images/file/?id={image.pk}" alt="x"></figure>'
        '<figure><img src="/api/v1/writer/images/file/?id=999999"><figcaption>gone</figcaption></figure>'
        '<p><img src="https://evil.example/track.png"></p>'
    )
    Content.objects.filter(pk=content.pk).update(html=html)
    publish(content)
    html = HostedPage.objects.get().html
    assert html.count("<img") == 1 and "../images/" in html and "gone" not in html and "evil" not in html


def test_unreadable_pictures_are_told(content):
    image = GeneratedImageFactory(content=content)
    GeneratedImageFactory(content=content, kind="in_article", mime="image/svg+xml")
    default_storage.delete(image.file.name)
    assert publish(content)["fields"]["images"] == "dropped"


def test_only_pictures_of_published_pages(alice, bob, content):
    GeneratedImageFactory(content=content)
    publish(content)
    (name,) = content.hosted_page.images
    for path in (
        f"bob-site/images/{name}",
        "alice-site/images/1-0.png",
        "alice-site/images/..%2f..%2fx",
        "no/images/x",
    ):
        assert Client().get(f"/sites/{path}").status_code == 404
    alice.site.is_active = False
    alice.site.save()
    assert Client().get(f"/sites/alice-site/images/{name}").status_code == 404


def test_lists_cost_the_same_whatever_their_length(alice, run_jobs):
    def queries(path):
        with CaptureQueriesContext(connection) as asked:
            assert alice.client.get(path, {"site_id": alice.site.pk}).status_code == 200
        return len(asked)

    counts = []
    for number in (2, 18):
        for content in ApprovedContentFactory.create_batch(number, site=alice.site):
            alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
        run_jobs()
        counts.append([queries(f"/api/v1/publisher/{path}/") for path in ("records", "deployments")])
    assert counts[0] == counts[1]
    assert alice.client.get("/api/v1/publisher/deployments/").json()["count"] == 20


def test_filters(alice, bob, content, run_jobs):
    alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    run_jobs()

    def count(path, **query):
        answer = alice.client.get(f"/api/v1/publisher/{path}/", query)
        assert answer.status_code == 200, answer.content
        return answer.json()["count"]

    assert count("records", status="published", target="hosted", ordering="-created_at") == 1
    assert count("records", status="failed") == 0 and count("records", content_id=content.pk + 1) == 0
    assert count("records", site_id=bob.site.pk) == 0 and count("deployments", site_id=bob.site.pk) == 0
    assert count("deployments", state="succeeded", site_id=alice.site.pk, ordering="-finished_at") == 1
    assert count("deployments", state="failed") == 0
    assert alice.client.get("/api/v1/publisher/records/", {"status": "x"}).status_code == 400


def test_a_job_of_which_everything_failed_has_failed(alice, content, run_jobs):
    other = ApprovedContentFactory(site=alice.site)
    ids = [content.pk, other.pk]
    for early in (ids, ids[:1]):  # all, then one of two: withdrawn after they were asked for
        Content.objects.update(status="approved", site_status="not_published")
        alice.client.post("/api/v1/publisher/publish/", {"content_ids": ids})
        Content.objects.filter(pk__in=early).update(status="draft")
        run_jobs()
    part, whole = alice.client.get("/api/v1/publisher/deployments/").json()["results"]
    assert (whole["state"], whole["published"], whole["failed"]) == ("failed", 0, 2)
    assert "Only approved content is published" in whole["error"]
    assert (part["state"], part["published"], part["failed"], part["error"]) == ("succeeded", 1, 1, "")
    told = Notification.objects.filter(notification_type="content_publish_failed").order_by("pk")
    assert [n.metadata["content_ids"] for n in told] == [ids, ids[:1]]


def test_endpoints_hear_of_every_article_of_a_large_job(alice):
    WebhookEndpoint.objects.create(
        account=alice.account, url="https://hook.example.com/", secret="whsec_eA=="
    )
    job = job_start(kind="content.publish", account_id=alice.account.pk, payload={"content_ids": []})
    ids = list(range(1, 251))
    with transaction.atomic():
        _tell_published(JobRun(job, job.lease_token), [{"content_id": i, "external_url": ""} for i in ids])
        _tell_failed(JobRun(job, job.lease_token), ids, "It is away.")
    for event in ("content.published", "content.publish_failed"):
        data = json.loads(WebhookDelivery.objects.get(event=event).body)["data"]
        assert (data["content_ids"], data["count"]) == (ids, 250)
    assert {len(n.metadata["content_ids"]) for n in Notification.objects.all()} == {100}


@pytest.mark.parametrize("value", ["1.5", "-1", "0", "x", "9" * 30])
def test_an_id_to_filter_by_is_a_whole_number(alice, value):
    for route, name in (("records", "site_id"), ("records", "content_id"), ("deployments", "site_id")):
        answer = alice.client.get(f"/api/v1/publisher/{route}/", {name: value})
        assert answer.status_code == 400 and name in answer.json()["details"], (route, name)
