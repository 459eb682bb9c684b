"""Passes over articles: at once, as a job, paid once, undone byte for byte; and the pages nobody links to."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.billing.models import CreditUsage
from apps.billing.services.ledger import Superseded, credits_balance, credits_charge
from apps.core.errors import AppError, NotFound
from apps.core.models import Job
from apps.integration.services.settings import site_settings
from apps.intelligence.clients.base import TextAnswer
from apps.intelligence.clients.offline.provider import OfflineProvider
from apps.intelligence.models import AIModel
from apps.intelligence.services import calls
from apps.linker.models import Link, LinkPass
from apps.linker.services import passes
from apps.linker.services.passes import links_apply
from apps.linker.services.undo import pass_undo
from apps.writer.models import Content
from tests.factories import SiteFactory
from tests.factories.writer import ContentFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/linker/"
HTML = (
    "<h2>Cold brew</h2><p>Good <b>cold</b> brew needs a burr grinder, says “Ada” ☕️ &amp; friends.</p>"
    f"<p>{'Then wait and taste, every hour or so. ' * 40}</p><p>قهوة باردة needs a <em>water filter</em> too.</p>"
)


@pytest.fixture
def pages(alice) -> list[Content]:
    """Three published pages of the site, of which HTML speaks, and others that it may not link to."""

    def page(keyword, site=alice.site, **fields):
        fields = {
            "status": "published",
            "external_url": f"https://example.com/{keyword.replace(' ', '-')}/",
            **fields,
        }
        return ContentFactory(
            site=site, title=f"About {keyword}", html="<p>x</p>", primary_keyword=keyword, **fields
        )

    page("friends", status="draft"), page("taste", external_url="")
    page("every hour", site=SiteFactory(account=alice.account)), page("burr grinder", site=SiteFactory())
    return [
        page("cold brew"),
        page("burr grinder", origin="wordpress"),
        page("قهوة باردة", status="approved"),
    ]


@pytest.fixture
def article(alice) -> Content:
    return ContentFactory(site=alice.site, title="Coffee", html=HTML, status="approved")


def post(actor, path, body, **kwargs):
    return actor.client.post(f"{URL}{path}/", body, **kwargs)


def balance(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["available"]


def test_dry_run_apply_and_undo(alice, article, pages):
    before = balance(alice)
    dry = post(alice, "process", {"content_id": article.pk, "dry_run": True}).json()["data"]
    assert dry["pass_id"] is None and dry["credits"] == 0 and LinkPass.objects.count() == 0
    done = post(alice, "process", {"content_id": article.pk}).json()["data"]
    assert done["links"] == dry["links"] and done["credits"] == 1 and balance(alice) == before - 1
    assert [link["anchor"] for link in done["links"]] == [
        "cold brew",
        "قهوة باردة",
    ]  # the grinder stands too near
    article.refresh_from_db()
    first = done["links"][0]
    assert article.html[first["offset"] :].startswith(
        '<a href="https://example.com/cold-brew/" rel="noopener"><b>cold</b> brew</a> needs'
    )
    assert "Good cold brew needs" in first["context"] and first["reason"] == "keyword"
    assert (article.status, article.word_count) == ("approved", 0)
    assert article.versions.get().made_by == "linker"
    usage = CreditUsage.objects.get()
    assert (usage.operation, usage.object_id, usage.credits) == ("linking", article.pk, 1)

    undo = f"passes/{done['pass_id']}/undo"
    undone = post(alice, undo, {}).json()["data"]
    assert undone == {
        "pass_id": done["pass_id"],
        "content_id": article.pk,
        "exact": True,
        "removed": 2,
        "lost": [],
    }
    article.refresh_from_db()
    assert article.html == HTML
    assert post(alice, undo, {}).json()["data"]["exact"] is True
    assert set(Link.objects.values_list("status", flat=True)) == {"removed"}


def test_what_was_chosen_of_a_dry_run(alice, article, pages):
    body = {"content_id": article.pk, "target_ids": [pages[1].pk], "max_links": 9}
    done = post(alice, "process", body).json()["data"]
    assert [(link["target_id"], link["anchor"]) for link in done["links"]] == [(pages[1].pk, "burr grinder")]
    assert post(alice, "process", {**body, "target_ids": [10**9]}).status_code == 400


def test_passes_on_top_of_each_other(alice, article, pages):
    def link(page):
        return links_apply(
            account_id=alice.account.pk, content_id=article.pk, reference=f"r{page.pk}", target_ids=[page.pk]
        )["pass_id"]

    def undo(pass_id):
        result = pass_undo(account_id=alice.account.pk, pass_id=pass_id, by="a@b.c")
        article.refresh_from_db()
        return result

    one, two = link(pages[0]), link(pages[2])
    assert undo(one) | {"lost": 0} == {
        "pass_id": one,
        "content_id": article.pk,
        "exact": False,
        "removed": 1,
        "lost": 0,
    }
    assert "cold-brew" not in article.html and "قهوة باردة</a>" in article.html
    undo(two)
    assert article.html == HTML
    # Changed by hand: what still stands goes, the rest is told, and the change stays.
    three = links_apply(account_id=alice.account.pk, content_id=article.pk, reference="r")["pass_id"]
    article.refresh_from_db()
    Content.objects.filter(pk=article.pk).update(
        html="<p>New.</p>" + article.html.replace("<b>cold</b> brew</a>", "cold brew</a>")
    )
    result = undo(three)
    assert (result["exact"], result["removed"]) == (False, 1)
    assert result["lost"] == [{"anchor": "cold brew", "url": "https://example.com/cold-brew/"}]
    assert article.html.startswith("<p>New.</p>") and article.html.count("</a>") == 1
    assert set(Link.objects.filter(link_pass=three).values_list("status", flat=True)) == {"removed", "lost"}
    with pytest.raises(NotFound):
        undo(10**9)


def test_the_same_key_links_and_costs_once(alice, article, pages):
    before, body = balance(alice), {"content_id": article.pk}
    first, again = (post(alice, "process", body, HTTP_IDEMPOTENCY_KEY="k").json()["data"] for _ in range(2))
    assert first["pass_id"] == again["pass_id"] and len(again["links"]) == 2 and balance(alice) == before - 1
    other = ContentFactory(site=alice.site, html=HTML)
    assert post(alice, "process", {"content_id": other.pk}, HTTP_IDEMPOTENCY_KEY="k").status_code == 409
    # Nothing left to add costs nothing.
    more = post(alice, "process", {**body, "target_ids": [pages[0].pk]}).json()["data"]
    assert (more["links"], more["credits"], more["pass_id"]) == ([], 0, None) and balance(alice) == before - 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400), ({"content_id": "x"}, 400), ({"content_id": 10**9}, 400), ({"content_id": 10**30}, 400),
        ({"content_id": 0, "max_links": 0}, 400), ({"content_id": 0, "max_links": 51}, 400),
        ({"content_id": 0, "dry_run": True, "use_model": True}, 400), ({"content_id": 0, "target_ids": []}, 400),
        ({"content_id": 0, "dry_run": "maybe"}, 400),
    ],
)  # fmt: skip
def test_what_is_refused(alice, article, body, status):
    body = {**body, "content_id": article.pk} if body.get("content_id") == 0 else body
    assert post(alice, "process", body).status_code == status


def test_who_may_not(alice, bob, article, pages):
    viewer = alice.as_role("viewer")
    assert viewer.post(f"{URL}process/", {"content_id": article.pk}).status_code == 403
    assert viewer.get(f"{URL}links/").status_code == 200
    foreign = post(bob, "process", {"content_id": article.pk})
    assert foreign.status_code == 400 and "content_id" in foreign.json()["details"]
    assert post(bob, "batch_process", {"content_ids": [article.pk]}).status_code == 400
    credits_charge(account_id=alice.account.pk, amount=balance(alice), operation="image", reference="all")
    assert post(alice, "process", {"content_id": article.pk, "dry_run": True}).status_code == 200
    assert post(alice, "process", {"content_id": article.pk}).status_code == 402
    assert post(alice, "batch_process", {"content_ids": [article.pk]}).status_code == 402
    article.refresh_from_db()
    assert article.html == HTML and not LinkPass.objects.exists()


def test_a_text_that_changes_meanwhile_is_left_alone(alice, article, pages, monkeypatch):
    before = balance(alice)

    def slow(content, found):
        Content.objects.filter(pk=article.pk).update(html="<p>Mine, of cold brew.</p>")
        return links_ask(content, found)

    links_ask = passes.links_ask
    monkeypatch.setattr(passes, "links_ask", slow)
    answer = post(alice, "process", {"content_id": article.pk, "use_model": True})
    assert answer.status_code == 409 and answer.json()["code"] == "CONFLICT"
    article.refresh_from_db()
    assert article.html == "<p>Mine, of cold brew.</p>" and balance(alice) == before


@pytest.mark.parametrize(
    ("said", "anchors"),
    [
        (None, ["cold brew", "قهوة باردة"]),  # the offline provider's own
        (["burr grinder", "burr grinder", "cold brew", "?", "قهوة باردة"], ["burr grinder", "قهوة باردة"]),
        ([], []),
    ],
)
def test_a_model_chooses_among_ours_alone(alice, article, pages, monkeypatch, said, anchors):
    class Chooser(OfflineProvider):
        def text(self, request):
            assert request.function == "linking" and request.inputs["count"] == 2
            assert "“Ada” ☕️" in request.prompt and "About burr grinder" in request.prompt
            if said is None:
                return super().text(request)
            ids = {row["anchor"]: row["id"] for row in request.inputs["candidates"]}
            return TextAnswer({"links": [{"id": ids.get(n, 99)} for n in said]}, "m", 10, 5, 1)

    monkeypatch.setattr(calls, "provider_of", lambda choice: Chooser())
    monkeypatch.setattr(passes.settings, "LINKER_MAX_LINKS", 2)
    before = balance(alice)
    done = post(alice, "process", {"content_id": article.pk, "use_model": True}).json()["data"]
    assert sorted(link["anchor"] for link in done["links"]) == sorted(anchors)
    assert before - balance(alice) == done["credits"] == (1 if anchors else 0)
    if anchors:
        assert LinkPass.objects.get().model.startswith("offline/")
        assert article.versions.get().prompt_version == "linking 0"


def test_the_model_of_the_site_chooses(alice, article, pages, ai_models, settings, monkeypatch):
    settings.OPENAI_API_KEY = "sk-platform"
    record = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    record.live_model = AIModel.objects.get(provider="openai", name="gpt-4.1-mini")
    record.save()
    asked = []

    def provider_of(choice):
        asked.append(choice.model)
        return OfflineProvider()

    monkeypatch.setattr(calls, "provider_of", provider_of)
    assert post(alice, "process", {"content_id": article.pk, "use_model": True}).status_code == 200
    assert asked == ["gpt-4.1-mini"]


@pytest.mark.django_db(transaction=True)
def test_many_as_a_job(alice, pages, run_jobs):
    articles = [ContentFactory(site=alice.site, html=HTML) for _ in range(3)]
    nothing, before = ContentFactory(site=alice.site, html="<p>Tea.</p>"), balance(alice)
    ids = [a.pk for a in (*articles, nothing)]
    dry = post(alice, "batch_process", {"content_ids": ids, "dry_run": True}).json()["data"]["task_id"]
    run_jobs()
    result = Job.objects.get(pk=dry).result
    assert [len(row["links"]) for row in result["contents"]] == [2, 2, 2, 0] and result["credits"] == 0

    task = post(alice, "batch_process", {"content_ids": ids}, HTTP_IDEMPOTENCY_KEY="b").json()["data"][
        "task_id"
    ]
    articles[2].delete()
    run_jobs()
    job = Job.objects.get(pk=task)
    assert job.state == "succeeded", job.error
    assert [(row["content_id"], row["links"]) for row in job.result["contents"]] == [
        (ids[0], 2), (ids[1], 2), (ids[3], 0),
    ]  # fmt: skip
    assert [row["content_id"] for row in job.result["failed"]] == [ids[2]]
    assert (job.result["links"], job.result["credits"], balance(alice)) == (4, 2, before - 2)
    # Run once more from the start, as after a crash: nothing more is done or taken.
    Job.objects.filter(pk=task).update(state="pending", lease_token=None, finished_at=None, result=None)
    run_jobs()
    again = Job.objects.get(pk=task)
    assert (again.result["links"], again.result["credits"], balance(alice)) == (4, 2, before - 2)
    assert LinkPass.objects.count() == 2
    for bad in (
        {"content_ids": []},
        {"content_ids": [10**9]},
        {"content_ids": list(range(1, 1002)), "dry_run": True},
    ):
        assert post(alice, "batch_process", bad).status_code == 400


def test_lists(alice, bob, article, pages, django_assert_num_queries):
    other = ContentFactory(site=alice.site, html=HTML, title="Other")
    for content in (article, other):
        links_apply(account_id=alice.account.pk, content_id=content.pk, reference=f"r{content.pk}")

    def anchors(**params):
        answer = alice.client.get(f"{URL}links/", params)
        assert answer.status_code == 200, answer.content
        return [row["anchor"] for row in answer.json()["results"]]

    assert anchors(content_id=article.pk) == anchors(search="coffee") == ["cold brew", "قهوة باردة"]
    assert anchors(target_id=pages[0].pk, ordering="created_at") == ["cold brew"] * 2
    assert anchors(status="removed") == anchors(site_id=bob.site.pk) == anchors(reason="meaning") == []
    last = LinkPass.objects.first()
    assert anchors(pass_id=last.pk) == ["cold brew", "قهوة باردة"]
    rows = alice.client.get(f"{URL}passes/", {"ordering": "-link_count", "search": "other"}).json()["results"]
    assert [(row["id"], row["links"], row["content_title"]) for row in rows] == [(last.pk, 2, "Other")]
    assert alice.client.get(f"{URL}passes/{last.pk}/").json()["data"]["hash_after"]
    assert alice.client.get(f"{URL}links/", {"status": "gone"}).status_code == 400
    for path in ("links", "passes"):
        with django_assert_num_queries(2):
            alice.client.get(f"{URL}{path}/")
    assert bob.client.get(f"{URL}passes/").json()["count"] == 0
    pages[0].delete()
    assert alice.client.get(f"{URL}links/", {"pass_id": last.pk}).json()["results"][0]["target"] is None


def test_orphans(alice, bob, pages, django_assert_num_queries):
    cold, grinder, arabic = pages
    Content.objects.filter(pk=arabic.pk).update(status="published", external_id="77")

    def orphans(**params):
        answer = alice.client.get(f"{URL}orphans/", {"site_id": alice.site.pk, "ordering": "title", **params})
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    everything = [cold.pk, grinder.pk, arabic.pk]
    assert sorted(orphans()) == everything
    Content.objects.filter(pk=cold.pk).update(
        html="<p><A class='x' HREF='/burr-grinder?utm_source=a&amp;x#y'>g</A> <a href=\"/cold-brew/\">me</a></p>"
    )
    assert sorted(orphans()) == everything  # another query, and a link to itself
    draft = ContentFactory(
        site=alice.site,
        title="Tea",
        slug="tea",
        html="<a href='https://example.com/burr-grinder'>g</a><a href=/?p=77>x</a>",
    )
    assert sorted(orphans()) == everything
    Content.objects.filter(pk=draft.pk).update(status="published", external_url="https://example.com/new/")
    assert sorted(orphans()) == [cold.pk, draft.pk]
    assert orphans(search="brew") == [cold.pk] and orphans(origin="wordpress") == []
    with django_assert_num_queries(5):
        orphans()
    assert alice.client.get(f"{URL}orphans/").status_code == 400
    assert alice.client.get(f"{URL}orphans/", {"site_id": "x"}).status_code == 400
    assert alice.client.get(f"{URL}orphans/", {"site_id": bob.site.pk}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_at_once_an_article_is_linked_once(alice, article, pages):
    def work(n: int):
        try:
            return links_apply(account_id=alice.account.pk, content_id=article.pk, reference=f"r{n % 2}")[
                "pass_id"
            ]
        except (AppError, Superseded) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(work, range(4)))
    made = {e for e in ended if isinstance(e, int)}
    assert len(made) == LinkPass.objects.count() == 1, ended
    article.refresh_from_db()
    assert article.html.count("</a>") == 2 and sum(u.credits for u in CreditUsage.objects.all()) == 1
    assert pass_undo(account_id=alice.account.pk, pass_id=made.pop(), by="")["exact"]
