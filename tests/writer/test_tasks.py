"""Writing tasks: CRUD, bulk, filters, and making them of ideas."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.writer.models import Task
from apps.writer.services.tasks import tasks_create_from_ideas
from tests.factories import SiteFactory
from tests.factories.writer import ContentFactory, TaskFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/writer/tasks/"
IDEAS_URL = "/api/v1/planner/ideas/create_tasks/"


def keyword(actor, text: str, **fields) -> Keyword:
    return Keyword.objects.create(account=actor.account, site=actor.site, keyword=text, key=text, **fields)


def idea(actor, title: str = "Cold brew at home", **fields) -> ContentIdea:
    return ContentIdea.objects.create(account=actor.account, site=actor.site, title=title, **fields)


def cluster(actor, name: str = "Cold brew") -> Cluster:
    return Cluster.objects.create(account=actor.account, site=actor.site, name=name)


def test_create_reads_back(alice):
    words = [keyword(alice, "cold brew"), keyword(alice, "cold brew ratio")]
    body = {
        "site": alice.site.pk,
        "sector": alice.sector.pk,
        "cluster": cluster(alice).pk,
        "title": "قهوة باردة ☕️ at home",
        "structure": "guide",
        "keywords": [k.pk for k in words[::-1]],
        "outline": [{"heading": "Ratio", "points": ["1:8"]}],
        "word_count": 900,
    }
    answer = alice.client.post(URL, body)
    assert answer.status_code == 201, answer.content
    data = alice.client.get(f"{URL}{answer.json()['data']['id']}/").json()["data"]
    assert {name: data[name] for name in body} == body
    assert (data["status"], data["content"], data["cluster_name"]) == ("queued", None, "Cold brew")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": None}, "title"),
        ({"site": None}, "site"),
        ({"site": 2**70}, "site"),
        ({"site": "one"}, "site"),
        ({"word_count": -1}, "word_count"),
        ({"word_count": 99}, "word_count"),
        ({"word_count": 20_001}, "word_count"),
        ({"structure": "poem"}, "structure"),
        ({"content_type": 3}, "content_type"),
        ({"keywords": [True]}, "keywords"),
        ({"keywords": "1"}, "keywords"),
        ({"outline": "x"}, "outline"),
        ({"outline": [{"points": []}]}, "outline"),
        ({"status": "done"}, "status"),
    ],
)
def test_create_refuses(alice, change, field):
    answer = alice.client.post(URL, {"site": alice.site.pk, "title": "Cold brew", **change})
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["error"]
    assert not Task.objects.exists()


@pytest.mark.parametrize("field", ["site", "sector", "cluster", "idea", "keywords"])
def test_ids_of_others_do_not_exist(alice, bob, field):
    theirs = {
        "site": bob.site.pk,
        "sector": bob.sector.pk,
        "cluster": cluster(bob).pk,
        "idea": idea(bob).pk,
        "keywords": [keyword(bob, "tea").pk],
    }
    row = {"site": alice.site.pk, "title": "Cold brew", field: theirs[field]}
    one = alice.client.post(URL, row)
    assert one.status_code == 400 and field in one.json()["error"]
    many = alice.client.post(f"{URL}bulk_create/", {"tasks": [row]})
    assert many.status_code == 400 and field in many.json()["details"]["tasks"]["0"]
    assert not Task.objects.exists()


def test_related_rows_are_of_the_same_site(alice):
    other = SiteFactory(account=alice.account)
    row = {"site": other.pk, "title": "Cold brew", "keywords": [keyword(alice, "cold brew").pk]}
    assert "keywords" in alice.client.post(URL, row).json()["details"]
    assert (
        "keywords"
        in alice.client.post(f"{URL}bulk_create/", {"tasks": [row]}).json()["details"]["tasks"]["0"]
    )
    row = {"site": other.pk, "title": "Cold brew", "cluster": cluster(alice).pk}
    assert "cluster" in alice.client.post(URL, row).json()["details"]
    task = TaskFactory(site=alice.site)
    assert alice.client.patch(f"{URL}{task.pk}/", {"site": other.pk}).status_code == 400


def test_bob_can_not_touch_alices_tasks(alice, bob):
    task = TaskFactory(site=alice.site)
    for method in ("get", "put", "patch", "delete"):
        assert getattr(bob.client, method)(f"{URL}{task.pk}/", {}).status_code == 404
    assert bob.client.post(f"{URL}{task.pk}/generate_content/").status_code == 404
    for action, body in {
        "bulk_update": {"ids": [task.pk], "status": "failed"},
        "bulk_delete": {"ids": [task.pk]},
        "auto_generate_content": {"task_ids": [task.pk]},
    }.items():
        answer = bob.client.post(f"{URL}{action}/", body)
        assert answer.status_code == 400 and "ids" in answer.json()["error"]
    task.refresh_from_db()
    assert task.status == "queued"


def test_a_viewer_reads_only(alice):
    task = TaskFactory(site=alice.site)
    viewer = alice.as_role("viewer")
    assert viewer.get(URL).json()["count"] == 1
    for action in ("", "bulk_create/", "bulk_update/", "bulk_delete/", "auto_generate_content/"):
        assert viewer.post(f"{URL}{action}", {}).status_code == 403
    assert viewer.post(f"{URL}{task.pk}/generate_content/").status_code == 403
    assert viewer.delete(f"{URL}{task.pk}/").status_code == 403
    assert viewer.post(IDEAS_URL, {"idea_ids": [1]}).status_code == 403


def test_filters_search_and_order(alice):
    one = TaskFactory(
        site=alice.site, title="Espresso", status="failed", structure="guide", cluster=cluster(alice)
    )
    two = TaskFactory(
        site=SiteFactory(account=alice.account), title="Filter", content_type="page", word_count=900
    )

    def found(query: str) -> list[int]:
        answer = alice.client.get(f"{URL}?{query}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert found("") == [two.pk, one.pk]
    assert found(f"site_id={alice.site.pk}") == [one.pk]
    assert found(f"cluster_id={one.cluster_id}") == [one.pk]
    assert found("status=failed") == found("structure=guide") == found("search=espr") == [one.pk]
    assert found("content_type=page") == [two.pk]
    assert found("status__in=failed,queued&ordering=word_count") == [one.pk, two.pk]
    assert found(f"sector_id={alice.sector.pk}") == []
    assert alice.client.get(f"{URL}?status=done").status_code == 400
    assert alice.client.get(f"{URL}?ordering=colour").status_code == 400


def test_a_list_costs_the_same_for_2_and_for_20(alice, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(20) as captured:
            assert alice.client.get(f"{URL}?page_size=50").status_code == 200
        return len(captured)

    def add(n: int) -> None:
        for _ in range(n):
            task = TaskFactory(site=alice.site, cluster=cluster(alice))
            task.keywords.add(keyword(alice, f"word {task.pk}"))
            ContentFactory(site=alice.site, task=task)

    add(2)
    few = queries()
    add(18)
    assert queries() == few


def test_bulk_create_makes_all_or_none(alice, django_assert_max_num_queries):
    words = [keyword(alice, f"word {n}").pk for n in range(3)]
    rows = [{"site": alice.site.pk, "title": f"Part {n}", "keywords": words} for n in range(200)]
    with django_assert_max_num_queries(25):
        answer = alice.client.post(f"{URL}bulk_create/", {"tasks": rows})
    assert answer.status_code == 200, answer.content
    assert [row["title"] for row in answer.json()["data"]] == [row["title"] for row in rows]
    assert answer.json()["data"][7]["keywords"] == words[::-1]
    rows[5]["title"] = ""
    bad = alice.client.post(f"{URL}bulk_create/", {"tasks": rows})
    assert bad.status_code == 400 and list(bad.json()["details"]["tasks"]) == ["5"]
    assert Task.objects.count() == 200
    for body in ({"tasks": []}, {"tasks": rows * 3}, {"tasks": "x"}, {"tasks": [1]}, {}, []):
        assert alice.client.post(f"{URL}bulk_create/", body).status_code == 400


def test_bulk_create_takes_an_idea_once(alice):
    row = {"site": alice.site.pk, "title": "Cold brew", "idea": idea(alice).pk}
    answer = alice.client.post(f"{URL}bulk_create/", {"tasks": [row, row]})
    assert answer.status_code == 400 and list(answer.json()["details"]["tasks"]) == ["1"]
    assert alice.client.post(f"{URL}bulk_create/", {"tasks": [row]}).status_code == 200
    assert ContentIdea.objects.get().status == "queued"
    assert alice.client.post(f"{URL}bulk_create/", {"tasks": [row]}).status_code == 400
    assert alice.client.post(URL, row).status_code == 400


def test_bulk_update_says_nothing_of_foreign_tasks(alice, bob):
    own, foreign = TaskFactory(site=alice.site), TaskFactory(site=bob.site)

    def answer(pk):
        body = {"ids": [own.pk, pk], "sector": alice.sector.pk}
        return alice.client.post(f"{URL}bulk_update/", body).content.decode().replace(str(pk), "…")

    assert answer(foreign.pk) == answer(foreign.pk + 1000)


def test_bulk_update_and_delete(alice):
    tasks = [TaskFactory(site=alice.site) for _ in range(3)]
    ids = [task.pk for task in tasks]
    Task.objects.update(status="failed", error="No answer.")
    answer = alice.client.post(f"{URL}bulk_update/", {"ids": ids, "status": "queued", "word_count": 700})
    assert answer.json()["data"] == {"updated": 3}
    assert set(Task.objects.values_list("status", "error", "word_count")) == {("queued", "", 700)}
    for body in (
        {"ids": ids},
        {"ids": []},
        {"ids": [*ids, 10**12], "status": "failed"},
        {"ids": [-1], "status": "failed"},
        {"ids": ids, "status": "done"},
        {"status": "failed"},
    ):
        assert alice.client.post(f"{URL}bulk_update/", body).status_code == 400, body
    content = ContentFactory(site=alice.site, task=tasks[0])
    Task.objects.filter(pk=ids[0]).update(status="completed")
    answer = alice.client.post(f"{URL}bulk_update/", {"ids": ids, "status": "queued"})
    assert answer.status_code == 409 and str(ids[0]) in answer.json()["error"]
    assert alice.client.patch(f"{URL}{ids[0]}/", {"status": "queued"}).status_code == 409
    assert alice.client.post(f"{URL}bulk_delete/", {"ids": ids}).json()["data"] == {"deleted": 3}
    content.refresh_from_db()
    assert content.task_id is None


STATES = ["queued", "in_progress", "completed", "failed"]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_by_hand_a_task_only_goes_back_to_queued(alice, before, after):
    task = TaskFactory(site=alice.site, status=before, error="Why")
    allowed = before == after or (after == "queued" and before in ("failed", "completed"))
    for answer in (
        alice.client.post(f"{URL}bulk_update/", {"ids": [task.pk], "status": after, "word_count": 700}),
        alice.client.patch(f"{URL}{task.pk}/", {"status": after, "word_count": 700}),
    ):
        assert answer.status_code == (200 if allowed else 409), answer.content
    task.refresh_from_db()
    assert (task.status, task.word_count) == ((after, 700) if allowed else (before, 400))
    assert task.error == ("Why" if before == task.status else "")
    new = {"site": alice.site.pk, "title": "New", "status": after}
    assert alice.client.post(URL, new).status_code == (201 if after == "queued" else 400)


def test_what_has_its_article_stays_completed(alice):
    written, failed = (
        TaskFactory(site=alice.site, status="completed"),
        TaskFactory(site=alice.site, status="failed"),
    )
    content = ContentFactory(site=alice.site, task=written)
    body = {"ids": [failed.pk, written.pk], "status": "queued"}
    answer = alice.client.post(f"{URL}bulk_update/", body)
    assert answer.status_code == 409 and str(written.pk) in answer.json()["error"]
    failed.refresh_from_db()
    assert failed.status == "failed"
    content.delete()
    assert alice.client.post(f"{URL}bulk_update/", body).json()["data"] == {"updated": 2}


def test_update_changes_keywords(alice):
    task = TaskFactory(site=alice.site)
    task.keywords.add(keyword(alice, "old"))
    new = keyword(alice, "new")
    answer = alice.client.patch(f"{URL}{task.pk}/", {"keywords": [new.pk], "title": "New"})
    assert answer.status_code == 200 and answer.json()["data"]["keywords"] == [new.pk]
    assert alice.client.delete(f"{URL}{task.pk}/").json()["data"] is None


def test_ideas_become_tasks_once(alice, bob):
    word = keyword(alice, "cold brew")
    ideas = [
        idea(alice, f"Idea {n}", structure="guide", outline=[{"heading": "H", "points": []}], word_count=800)
        for n in range(3)
    ]
    ideas[1].keywords.add(word)
    ids = [i.pk for i in ideas]
    answer = alice.client.post(IDEAS_URL, {"idea_ids": ids})
    assert answer.status_code == 200, answer.content
    made = answer.json()["data"]
    tasks = {task.pk: task for task in Task.objects.all()}
    assert [tasks[pk].idea_id for pk in made] == ids
    first = tasks[made[1]]
    assert (first.title, first.structure, first.word_count) == ("Idea 1", "guide", 800)
    assert first.outline == [{"heading": "H", "points": []}] and list(first.keywords.all()) == [word]
    assert set(ContentIdea.objects.values_list("status", flat=True)) == {"queued"}
    assert alice.client.post(IDEAS_URL, {"idea_ids": ids[::-1]}).json()["data"] == made[::-1]
    assert Task.objects.count() == 3
    for body in ({"idea_ids": []}, {}, {"idea_ids": [10**15]}, {"idea_ids": ["x"]}):
        assert alice.client.post(IDEAS_URL, body).status_code == 400
    assert bob.client.post(IDEAS_URL, {"idea_ids": ids}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_ideas_become_tasks_once_from_many_threads(alice):
    ids = [idea(alice, f"Idea {n}").pk for n in range(5)]

    def make(n: int) -> list[int]:
        try:
            order = ids if n % 2 else ids[::-1]
            return sorted(tasks_create_from_ideas(account_id=alice.account.pk, idea_ids=order)["task_ids"])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(make, range(16)))
    assert all(answer == answers[0] for answer in answers) and len(answers[0]) == 5
    assert Task.objects.count() == 5


def test_a_change_answers_with_all_fields(alice):
    task = TaskFactory(site=alice.site, cluster=cluster(alice))
    data = alice.client.patch(f"{URL}{task.pk}/", {"cluster": None}).json()["data"]
    assert data["cluster"] is None and data["cluster_name"] is None


def test_keywords_cost_the_same_whatever_their_number(alice, bob):
    ids = [keyword(alice, f"cold brew {n}").pk for n in range(40)]
    counts = []
    for some in (ids[:1], ids):
        with CaptureQueriesContext(connection) as captured:
            answer = alice.client.post(URL, {"site": alice.site.pk, "title": "Cold", "keywords": some})
        assert answer.status_code == 201 and sorted(answer.json()["data"]["keywords"]) == some
        counts.append(len(captured))
    assert counts[0] == counts[1]
    with CaptureQueriesContext(connection) as captured:
        answer = alice.client.post(
            URL, {"site": alice.site.pk, "title": "Cold", "keywords": list(range(1, 10_001))}
        )
    assert answer.status_code == 400 and "at most 500" in str(answer.json()["details"]["keywords"])
    assert not any("planner_keyword" in (query["sql"] or "") for query in captured)
    for wrong in ([keyword(bob, "his").pk], ["x"], "x", [True], [1.5], [-1]):
        answer = alice.client.post(URL, {"site": alice.site.pk, "title": "Cold", "keywords": wrong})
        assert answer.status_code == 400 and "keywords" in answer.json()["details"], wrong


@pytest.mark.parametrize("value", ["1.5", "-1"])
def test_an_id_to_filter_by_is_a_whole_number(alice, value):
    for name in ("site_id", "sector_id", "cluster_id", "idea_id"):
        answer = alice.client.get(URL, {name: value})
        assert answer.status_code == 400 and name in answer.json()["details"]
