"""Images: prompts, bytes, jobs, and the route that serves them."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image as Picture

from apps.accounts.models import LimitCounter, Plan
from apps.accounts.services.keys import api_key_create
from apps.billing.models import CreditHold, CreditPrice, CreditUsage
from apps.billing.services.ledger import credits_balance
from apps.core import jobs
from apps.core.jobs import LeaseLost
from apps.core.models import Job
from apps.integration.models import SiteSettings
from apps.intelligence.clients.base import BadAnswer, ImageAnswer, ProviderUnavailable
from apps.notifications.models import Notification
from apps.writer.models import Content, Image
from apps.writer.services.images import AlreadyMade, image_generate, image_prompts_generate
from apps.writer.services.pictures import UnusablePicture
from tests.factories import SiteFactory
from tests.factories.writer import ContentFactory, ImageFactory, TaskFactory

pytestmark = pytest.mark.django_db
# Jobs work in threads of their own, which see only what is committed.
in_threads = pytest.mark.django_db(transaction=True)
URL = "/api/v1/writer/images/"
CONTENT_URL = "/api/v1/writer/content/"


def available(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["available"]


def files() -> list[str]:
    """The pictures in the storage; what was made of one is there with it, and never without."""
    found, folders = [], [""]
    while folders:
        folder = folders.pop()
        if folder and not default_storage.exists(folder):
            continue
        try:
            inner, names = default_storage.listdir(folder)
        except FileNotFoundError:
            continue
        found += [f"{folder}/{name}".lstrip("/") for name in names]
        folders += [f"{folder}/{name}".lstrip("/") for name in inner]
    whole = {name for name in found if "-" not in name}
    made = set(found) - whole
    assert {f"{name.rpartition('-')[0]}.png" for name in made} <= whole, "a smaller one is left alone"
    assert len(made) >= len(whole)
    return sorted(whole)


@in_threads
def test_prompts_then_images(alice, run_jobs):
    content = ContentFactory(site=alice.site)
    before = available(alice)
    answer = alice.client.post(f"{CONTENT_URL}{content.pk}/generate_images/", {"in_article": 2})
    assert answer.status_code == 200, answer.content
    [job] = run_jobs()
    assert job.state == "succeeded", job.error
    rows = list(content.images.all())
    assert sorted(job.result["image_ids"]) == sorted(row.pk for row in rows)
    assert [(row.kind, row.position) for row in rows] == [
        ("featured", 0),
        ("in_article", 0),
        ("in_article", 1),
    ]
    assert all(row.status == "generated" and row.alt and row.prompt and row.model for row in rows)
    assert (rows[0].mime, rows[0].width, rows[0].height) == ("image/png", 1536, 1024)
    assert before - available(alice) == 15 == job.result["credits"]
    assert CreditUsage.objects.filter(operation="image", object_type="image").count() == 3
    assert LimitCounter.objects.get(resource="images").used == 3
    assert len(files()) == 3
    content.refresh_from_db()
    assert content.images_planned and content.status == "draft"
    assert Notification.objects.get(notification_type="ai_images_complete").metadata["count"] == 3
    assert Notification.objects.get(notification_type="ai_prompts_complete").metadata["count"] == 3
    # Again: nothing is missing, nothing is paid.
    body = {"content_id": content.pk}
    assert alice.client.post(f"{URL}generate_for_content/", body).status_code == 200
    [second] = run_jobs()
    assert second.state == "succeeded" and second.result["credits"] == 0
    assert sorted(second.result["image_ids"]) == sorted(job.result["image_ids"])


@pytest.mark.parametrize(
    ("in_article", "most", "made"), [(0, 4, 1), (None, 4, 4), (None, 2, 2), (None, 0, 1), (20, 1, 4)]
)
def test_how_many(alice, in_article, most, made):
    SiteSettings.objects.create(
        account=alice.account, site=alice.site, max_images=most, image_style="watercolour"
    )
    content = ContentFactory(site=alice.site)
    ids = {"account_id": alice.account.pk, "content_id": content.pk}
    result = image_prompts_generate(**ids, reference="p", in_article=in_article)
    assert len(result["image_ids"]) == made and result["credits"] == 0
    assert "watercolour" in Image.objects.get(kind="featured").prompt
    assert image_prompts_generate(**ids, reference="p2", in_article=3) == result


def test_an_article_that_has_images_is_told_that_it_gets_no_more(alice):
    content = ContentFactory(site=alice.site, html="<p>Text.</p><h2>One</h2><p>Text.</p>")
    image = ImageFactory(content=content)
    url = f"{CONTENT_URL}{content.pk}/generate_images/"
    assert alice.client.post(url, {"in_article": 3}).status_code == 200  # that one is still to be made
    image_generate(account_id=alice.account.pk, image_id=image.pk, reference="i")
    assert alice.client.post(url, {}).status_code == 200
    made = {"content_id": content.pk, "in_article": 3}
    for path, body in ((url, {"in_article": 3}), (f"{URL}generate_for_content/", made)):
        answer = alice.client.post(path, body)
        assert answer.status_code == 409 and "Delete them all" in answer.json()["error"], answer.content


def test_refused_before_anything_is_started(alice, bob):
    content = ContentFactory(site=alice.site)
    url = f"{CONTENT_URL}{content.pk}/generate_images/"
    for bad in ({"in_article": -1}, {"in_article": 21}, {"in_article": "x"}):
        assert alice.client.post(url, bad).status_code == 400
    for bad in (
        {},
        {"content_id": 10**15},
        {"content_id": None},
        {"content_id": ContentFactory(site=bob.site).pk},
    ):
        assert alice.client.post(f"{URL}generate_for_content/", bad).status_code == 400
    for bad in ({}, {"image_id": 0}, {"image_id": ImageFactory(content=ContentFactory(site=bob.site)).pk}):
        assert alice.client.post(f"{URL}regenerate/", bad).status_code == 400
    Plan.objects.update(monthly_credits=9)
    answer = alice.client.post(url, {"in_article": 1})
    assert answer.status_code == 402 and answer.json()["details"]["needed"] == 10
    assert alice.client.post(url, {"in_article": 0}).status_code == 200
    Plan.objects.update(max_images=1)
    LimitCounter.objects.all().delete()
    image_generate(account_id=alice.account.pk, image_id=ImageFactory(content=content).pk, reference="i")
    Plan.objects.update(monthly_credits=1000)
    image = Image.objects.get(content=content)
    answer = alice.client.post(f"{URL}regenerate/", {"image_id": image.pk})
    assert answer.status_code == 402


@in_threads
def test_regenerate_keeps_the_old_file_until_the_new_one_is_there(alice, run_jobs, provider):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    image_generate(account_id=alice.account.pk, image_id=image.pk, reference="first")
    image.refresh_from_db()
    [old] = files()
    before = available(alice)
    provider(lambda request: BadAnswer("The picture was refused."))
    alice.client.post(f"{URL}regenerate/", {"image_id": image.pk, "prompt": "Another jar"})
    [job] = run_jobs()
    assert job.state == "failed" and files() == [old] and available(alice) == before
    kept = Image.objects.get()
    assert (kept.status, kept.sha256, kept.prompt) == ("generated", image.sha256, image.prompt)
    assert kept.error == "The picture was refused."
    assert Notification.objects.get(notification_type="ai_images_failed").severity == "error"
    provider()
    alice.client.post(f"{URL}regenerate/", {"image_id": image.pk, "prompt": "Another jar"})
    [job] = run_jobs()
    assert job.state == "succeeded" and job.result["image_id"] == image.pk
    new = Image.objects.get()
    assert new.prompt == "Another jar" and new.sha256 != image.sha256 and new.error == ""
    assert files() == [new.file.name] and files() != [old]
    assert before - available(alice) == 5


def test_no_orphans_and_no_charge_when_storing_fails(alice):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    before = available(alice)

    def refuse(result):
        assert len(files()) == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        image_generate(account_id=alice.account.pk, image_id=image.pk, reference="r", finish=refuse)
    image.refresh_from_db()
    assert files() == [] and available(alice) == before and image.status == "failed"
    made = image_generate(account_id=alice.account.pk, image_id=image.pk, reference="r")
    assert image_generate(account_id=alice.account.pk, image_id=image.pk, reference="r") == made
    assert len(files()) == 1 and before - available(alice) == 5


def test_bytes_that_are_no_picture_fail_the_image(alice, provider, monkeypatch):
    faulty = provider()
    monkeypatch.setattr(faulty, "image", lambda request: ImageAnswer(b"<svg/>", "image/png", "m", 0, 0))
    image = ImageFactory(content=ContentFactory(site=alice.site))
    before = available(alice)
    with pytest.raises(UnusablePicture):
        image_generate(account_id=alice.account.pk, image_id=image.pk, reference="r")
    image.refresh_from_db()
    assert image.status == "failed" and image.error and files() == [] and available(alice) == before


@in_threads
def test_a_provider_that_is_down_is_waited_for(alice, run_jobs, provider, settings):
    settings.AI_CONCURRENCY = {"offline": 1, "openai": 1}
    content = ContentFactory(site=alice.site)
    before = available(alice)
    alice.client.post(f"{CONTENT_URL}{content.pk}/generate_images/", {"in_article": 3})
    drawn = []

    def fault(request):
        if len(drawn) == 2:
            return ProviderUnavailable("The provider does not answer.")
        if hasattr(request, "size"):
            drawn.append(request.prompt)
        return None

    provider(fault)
    [job] = run_jobs()
    assert job.state == "pending" and content.images.filter(status="generated").count() == 2
    assert before - available(alice) == 10
    asked = provider().asked
    Job.objects.update(run_after=job.created_at)
    jobs.execute(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded" and len(asked) == 2 and not set(asked) & set(drawn)
    assert before - available(alice) == 20 and len(files()) == 4
    assert not CreditHold.objects.filter(state="held").exists()


@in_threads
def test_many_threads_for_one_image_charge_once(alice):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    before = available(alice)

    def make(_: int) -> int | str:
        try:
            made = image_generate(account_id=alice.account.pk, image_id=image.pk, reference="same")
            return made["image_id"]
        except LeaseLost:
            return "left to the one that came later"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(make, range(4)))
    assert image.pk in answers and answers <= {image.pk, "left to the one that came later"}
    assert before - available(alice) == 5
    image.refresh_from_db()
    assert files() == [image.file.name]
    assert LimitCounter.objects.get(resource="images").used == 1


def test_another_reference_makes_and_charges_nothing_twice(alice, provider):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    ids = {"account_id": alice.account.pk, "image_id": image.pk}
    before = available(alice)

    def faster(request):
        Image.objects.update(status="generated", file="images/theirs.png")

    provider(faster)
    with pytest.raises(AlreadyMade):
        image_generate(**ids, reference="slow")
    image.refresh_from_db()
    assert (image.status, image.error, image.file.name) == ("generated", "", "images/theirs.png")
    assert files() == [] and available(alice) == before
    asked = provider().asked
    with pytest.raises(AlreadyMade):
        image_generate(**ids, reference="late")
    assert asked == [] and available(alice) == before
    image_generate(**ids, reference="anew", anew=True)
    assert before - available(alice) == 5 and len(files()) == 1


@in_threads
def test_a_job_whose_image_another_one_made_ends_well(alice, run_jobs, provider):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    before = available(alice)
    alice.client.post(f"{URL}generate_for_content/", {"content_id": image.content_id})

    def faster(request):
        Image.objects.update(status="generated")

    provider(faster)
    [job] = run_jobs()
    assert (job.state, job.result) == ("succeeded", {"image_ids": [image.pk], "failed": [], "credits": 0})
    assert available(alice) == before


def test_prompts_that_another_call_stored_first_cost_nothing(alice, provider):
    content = ContentFactory(site=alice.site)
    CreditPrice.objects.create(operation="image_prompt", credits=3, unit="per_item")
    before = available(alice)

    def faster(request):
        ImageFactory(content=content, prompt="Theirs")

    provider(faster)
    made = image_prompts_generate(account_id=alice.account.pk, content_id=content.pk, reference="slow")
    assert made == {"image_ids": [Image.objects.get(prompt="Theirs").pk], "credits": 0}
    assert available(alice) == before and not CreditHold.objects.filter(state="held").exists()


def made_image(actor) -> Image:
    image = ImageFactory(content=ContentFactory(site=actor.site))
    image_generate(account_id=actor.account.pk, image_id=image.pk, reference=f"i{image.pk}")
    image.refresh_from_db()
    return image


def test_file_serves_the_bytes(alice, bob, anonymous):
    image = made_image(alice)
    url = f"{URL}file/?id={image.pk}"
    answer = alice.client.get(url, HTTP_ACCEPT="image/avif,image/png")
    assert answer.status_code == 200 and answer["Content-Type"] == "image/png"
    data = b"".join(answer.streaming_content)
    assert hashlib.sha256(data).hexdigest() == image.sha256 and int(answer["Content-Length"]) == len(data)
    assert answer["ETag"] == f'"{image.sha256}"' and answer["Cache-Control"].startswith("private, max-age=")
    assert answer["X-Content-Type-Options"] == "nosniff" and "Last-Modified" in answer
    assert answer["Content-Disposition"].startswith("inline")
    again = alice.client.get(url, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert again.status_code == 304 and not again.content and again["ETag"] == answer["ETag"]
    assert alice.client.get(url, HTTP_IF_MODIFIED_SINCE=answer["Last-Modified"]).status_code == 304
    assert alice.client.get(url, HTTP_IF_NONE_MATCH='"other"').status_code == 200
    head = alice.client.head(url)
    assert head.status_code == 200 and not head.content and head["Content-Length"] == answer["Content-Length"]
    assert bob.client.get(url).status_code == 404 and anonymous.get(url).status_code == 401
    key = api_key_create(site=alice.site, name="plugin", user_id=alice.user.pk)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    assert anonymous.get(url).status_code == 200 and anonymous.get(URL).json()["count"] == 1
    assert anonymous.get(f"{URL}{image.pk}/").status_code == 403
    assert anonymous.delete(f"{URL}{image.pk}/").status_code == 403
    assert anonymous.get(f"{URL}content_images/").status_code == 403
    elsewhere = ImageFactory(content=ContentFactory(site=SiteFactory(account=alice.account)))
    assert anonymous.get(f"{URL}file/?id={elsewhere.pk}").status_code == 404


def test_file_in_sizes_and_formats(alice):
    image = made_image(alice)
    rows = alice.client.get(f"{URL}{image.pk}/").json()["data"]["variants"]
    assert {(row["size"], row["format"]) for row in rows} == {
        (size, form) for size in ("400", "800", "full") for form in ("webp", "jpeg", "png")
    } - {("full", "png")}  # which is the file itself
    assert {(row["width"], row["height"]) for row in rows} == {(400, 267), (800, 533), (1536, 1024)}
    etags = set()
    for query, form, width in (
        ("", "png", 1536),
        ("&size=full", "png", 1536),
        ("&format=webp", "webp", 1536),
        ("&size=800", "jpeg", 800),
        ("&size=400&format=webp", "webp", 400),
        ("&size=400&format=png", "png", 400),
        ("&size=1600&format=webp", "webp", 1536),
    ):
        answer = alice.client.get(f"{URL}file/?id={image.pk}{query}")
        assert answer.status_code == 200 and answer["Content-Type"] == f"image/{form}", query
        shown = Picture.open(BytesIO(b"".join(answer.streaming_content)))
        assert (shown.format.lower(), shown.width) == (form, width), query
        again = alice.client.get(f"{URL}file/?id={image.pk}{query}", HTTP_IF_NONE_MATCH=answer["ETag"])
        assert again.status_code == 304
        etags.add(answer["ETag"])
    assert len(etags) == 5  # twice two addresses have the same bytes


def test_file_that_is_not_there(alice):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    for query, status in {
        f"?id={image.pk}": 404,
        "": 400,
        "?id=x": 400,
        "?id=-1": 400,
        "?id=9" + "9" * 40: 400,
        f"?id={image.pk}&size=7": 400,
        f"?id={image.pk}&format=gif": 400,
    }.items():
        answer = alice.client.get(f"{URL}file/{query}", HTTP_ACCEPT="image/png")
        assert answer.status_code == status, query
        assert answer["Content-Type"] == "application/json" and answer.json()["success"] is False
    image = made_image(alice)
    default_storage.delete(image.file.name)
    assert alice.client.get(f"{URL}file/?id={image.pk}").status_code == 404
    assert alice.client.head(f"{URL}file/?id={image.pk}").status_code == 404


def test_crud(alice, bob, django_capture_on_commit_callbacks):
    image = made_image(alice)
    data = alice.client.get(f"{URL}{image.pk}/").json()["data"]
    assert (
        data["url"].endswith(f"/api/v1/writer/images/file/?id={image.pk}") and data["sha256"] == image.sha256
    )
    body = {"alt": "قهوة ☕️", "caption": "c", "prompt": "p", "status": "failed", "sha256": "x"}
    changed = alice.client.put(f"{URL}{image.pk}/", body).json()["data"]
    assert (changed["alt"], changed["caption"], changed["prompt"]) == ("قهوة ☕️", "c", "p")
    assert changed["status"] == "generated" and changed["sha256"] == image.sha256
    for bad in ({"alt": "x" * 301}, {"prompt": ""}, {"alt": "a\x00"}):
        assert alice.client.patch(f"{URL}{image.pk}/", bad).status_code == 400
    viewer = alice.as_role("viewer")
    assert viewer.get(URL).json()["count"] == 1
    assert viewer.patch(f"{URL}{image.pk}/", {"alt": "x"}).status_code == 403
    for action in ("regenerate", "generate_for_content"):
        assert viewer.post(f"{URL}{action}/", {}).status_code == 403
    for method in ("get", "put", "patch", "delete"):
        assert getattr(bob.client, method)(f"{URL}{image.pk}/", {}).status_code == 404
    assert alice.client.post(URL, {}).status_code == 405
    with django_capture_on_commit_callbacks(execute=True):
        assert alice.client.delete(f"{URL}{image.pk}/").json()["data"] is None
    assert files() == [] and not Image.objects.exists()


def test_content_images_are_grouped(alice, bob, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(20) as captured:
            assert alice.client.get(f"{URL}content_images/?page_size=50").status_code == 200
            assert alice.client.get(f"{URL}?page_size=200").status_code == 200
        return len(captured)

    def add(n: int) -> None:
        for _ in range(n):
            content = ContentFactory(site=alice.site, task=TaskFactory(site=alice.site))
            ImageFactory(content=content)
            for position in (2, 0):
                ImageFactory(content=content, kind="in_article", position=position)

    add(2)
    few = queries()
    add(18)
    assert queries() == few
    ContentFactory(site=alice.site)
    page = alice.client.get(f"{URL}content_images/?page_size=5").json()
    assert page["count"] == 20 and len(page["results"]) == 5 and page["next"]
    first = page["results"][0]
    assert first["content_id"] == Content.objects.filter(images__isnull=False).first().pk
    assert first["featured"]["kind"] == "featured" and [i["position"] for i in first["in_article"]] == [0, 2]
    one = alice.client.get(f"{URL}content_images/?content_id={first['content_id']}").json()
    assert one["count"] == 1 and one["results"] == [first]
    assert bob.client.get(f"{URL}content_images/").json()["count"] == 0
    assert alice.client.get(f"{URL}?content_id={first['content_id']}&kind=in_article").json()["count"] == 2
    assert alice.client.get(f"{URL}?status=done").status_code == 400
