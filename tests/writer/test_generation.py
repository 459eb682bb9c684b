"""Having articles written: real jobs, the offline provider, real threads, the real ledger."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import LimitCounter, Plan
from apps.billing.models import CreditHold, CreditUsage
from apps.billing.services.ledger import AlreadySettled, credits_balance
from apps.core import jobs
from apps.core.errors import Conflict
from apps.core.jobs import LeaseLost
from apps.core.models import Job
from apps.intelligence.clients.base import BadAnswer, ProviderRefused, ProviderUnavailable
from apps.intelligence.services import side_by_side
from apps.notifications.models import Notification
from apps.planner.models import ContentIdea, Keyword
from apps.writer.models import Content, Task
from apps.writer.services.generation import content_generate
from apps.writer.services.tasks import tasks_create_from_ideas
from tests.factories.writer import ContentFactory, TaskFactory

pytestmark = pytest.mark.django_db
# Jobs work in threads of their own, which see only what is committed.
in_threads = pytest.mark.django_db(transaction=True)
URL = "/api/v1/writer/tasks/"


def available(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["available"]


def start(actor, ids: list[int], **headers):
    return actor.client.post(f"{URL}auto_generate_content/", {"task_ids": ids}, **headers)


def once_more(job: Job) -> Job:
    """Takes the job up again, as the sweep does when its time has come."""
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
    jobs.execute(job.pk)
    job.refresh_from_db()
    return job


def settled(actor) -> int:
    return sum(CreditUsage.objects.filter(account=actor.account).values_list("credits", flat=True))


@in_threads
def test_from_idea_to_article(alice, run_jobs):
    idea = ContentIdea.objects.create(
        account=alice.account, site=alice.site, sector=alice.sector, title="Cold brew at home",
        primary_keyword="cold brew", word_count=500,
    )  # fmt: skip
    for text, volume in (("cold brew", 900), ("cold brew ratio", 300), ("how long does cold brew last", 200)):
        idea.keywords.add(
            Keyword.objects.create(
                account=alice.account,
                site=alice.site,
                keyword=text,
                key=text,
                volume=volume,
                intent="informational",
            )
        )
    [task_id] = tasks_create_from_ideas(account_id=alice.account.pk, idea_ids=[idea.pk])["task_ids"]
    before = available(alice)
    answer = alice.client.post(f"{URL}{task_id}/generate_content/")
    assert answer.status_code == 200, answer.content
    [job] = run_jobs()
    assert str(job.pk) == answer.json()["data"]["task_id"]
    assert job.state == "succeeded", job.error
    content = Content.objects.get()
    assert job.result["content_ids"] == [content.pk] and job.result["failed"] == []
    assert (content.status, content.task_id, content.sector) == ("draft", task_id, alice.sector)
    assert content.primary_keyword == "cold brew" and content.model == "offline/offline"
    assert "<h2>" in content.html and "ffline draft" in content.html and content.word_count > 100
    assert len(content.meta_title) <= 60 and len(content.meta_description) <= 160
    assert Task.objects.get().status == "completed"
    assert ContentIdea.objects.get().status == "completed"
    usage = CreditUsage.objects.get(operation="content")
    assert (
        usage.credits == -(-content.word_count // 100) == before - available(alice) == job.result["credits"]
    )
    assert (usage.object_type, usage.object_id, usage.user) == ("content", content.pk, alice.user)
    assert not CreditHold.objects.filter(state="held").exists()
    told = Notification.objects.get(notification_type="ai_content_complete")
    assert told.user == alice.user and told.metadata["count"] == 1
    assert alice.client.get(f"{URL}{task_id}/").json()["data"]["content"] == content.pk
    assert alice.client.post(f"{URL}{task_id}/generate_content/").status_code == 409


@pytest.mark.parametrize("title", ["قهوة باردة في المنزل", "☕️🎉", "咖啡", "x" * 300])
def test_any_title_can_be_written(alice, title):
    task = TaskFactory(site=alice.site, title=title)
    made = content_generate(account_id=alice.account.pk, task_id=task.pk, reference="t")
    content = Content.objects.get(pk=made["content_id"])
    assert content.title.startswith(title[:20]) and content.slug


@in_threads
def test_several_side_by_side_and_the_same_key_again(alice, run_jobs, provider):
    asked = provider().asked
    tasks = [TaskFactory(site=alice.site, title="One and the same title") for _ in range(6)]
    ids = [task.pk for task in tasks]
    first = start(alice, ids, HTTP_IDEMPOTENCY_KEY="k1").json()
    [job] = run_jobs()
    assert (
        job.state == "succeeded"
        and len(job.result["content_ids"]) == 6
        and (job.current, job.total) == (6, 6)
    )
    assert sorted(Content.objects.values_list("slug", flat=True))[1].endswith("-2")
    again = start(alice, ids, HTTP_IDEMPOTENCY_KEY="k1")
    assert again.status_code == 200 and again.json() == first
    assert start(alice, ids[:1], HTTP_IDEMPOTENCY_KEY="k1").status_code == 409
    assert run_jobs() == [] and len(asked) == 6


def test_refused_before_anything_is_started(alice):
    task = TaskFactory(site=alice.site, word_count=20_000)
    Plan.objects.update(monthly_credits=199)
    answer = alice.client.post(f"{URL}{task.pk}/generate_content/")
    assert answer.status_code == 402 and answer.json()["code"] == "INSUFFICIENT_CREDITS"
    assert answer.json()["details"] == {"needed": 200, "available": 199}
    small = [TaskFactory(site=alice.site, word_count=10_000).pk for _ in range(2)]
    assert start(alice, small).status_code == 402
    assert not Job.objects.exists()
    for body in ({}, {"task_ids": []}, {"task_ids": [10**14]}, {"task_ids": "all"}):
        assert alice.client.post(f"{URL}auto_generate_content/", body).status_code == 400


@pytest.mark.parametrize("status", ["completed", "in_progress"])
def test_what_is_written_is_not_written_again(alice, status):
    begun = TaskFactory(site=alice.site, status=status, writing_since=timezone.now())
    ids = [TaskFactory(site=alice.site).pk, begun.pk]
    answer = start(alice, ids)
    assert answer.status_code == 409 and str(ids[1]) in answer.json()["error"]


def test_one_reference_writes_a_task_at_a_time(alice, provider):
    asked = provider().asked
    task = TaskFactory(
        site=alice.site, status="in_progress", writing_reference="one", writing_since=timezone.now()
    )
    before = available(alice)
    with pytest.raises(Conflict):
        content_generate(account_id=alice.account.pk, task_id=task.pk, reference="two")
    task.refresh_from_db()
    assert (task.status, task.error, asked) == ("in_progress", "", []) and available(alice) == before
    # The one that began it may begin again, as a job does whose worker was killed.
    content_generate(account_id=alice.account.pk, task_id=task.pk, reference="one")
    task.refresh_from_db()
    assert task.status == "completed"


@pytest.mark.parametrize(("minutes", "free"), [(29, False), (31, True), (None, True)])
def test_a_task_that_a_dead_writer_left_is_free_again(alice, minutes, free):
    since = None if minutes is None else timezone.now() - timedelta(minutes=minutes)
    task = TaskFactory(site=alice.site, status="in_progress", writing_reference="dead", writing_since=since)
    TaskFactory(site=alice.site, status="failed")
    queued = TaskFactory(site=alice.site)
    assert set(Task.objects.waiting()) == {queued, task} if free else {queued}
    assert start(alice, [task.pk]).status_code == (200 if free else 409)
    if free:
        content_generate(account_id=alice.account.pk, task_id=task.pk, reference="next")
        assert Content.objects.get().task == task


@in_threads
def test_a_job_that_fails_leaves_what_another_one_writes(alice, run_jobs):
    task = TaskFactory(site=alice.site)
    start(alice, [task.pk])
    Task.objects.update(status="in_progress", writing_reference="run:1:4:1", writing_since=timezone.now())
    [job] = run_jobs()
    assert (job.state, job.error_code) == ("failed", "CONFLICT")
    task.refresh_from_db()
    assert (task.status, task.error) == ("in_progress", "")


@in_threads
def test_a_large_job_goes_on_in_shifts(alice, run_jobs, provider, settings, monkeypatch):
    settings.AI_CONCURRENCY = {"offline": 1, "openai": 1}
    monkeypatch.setattr(side_by_side, "SHIFT_SECONDS", 0.3)

    def fault(request):
        time.sleep(0.4)
        return BadAnswer("The answer is no JSON.") if "bad" in request.inputs["title"] else None

    asked = provider(fault).asked
    tasks = [TaskFactory(site=alice.site, title=title) for title in ("A bad one", "Good", "Good too")]
    start(alice, [task.pk for task in tasks])
    [job] = run_jobs()
    assert (job.state, job.attempts, asked) == ("pending", 0, ["A bad one"])
    # What failed in a shift is not tried in the next one, else many failures would have no end.
    assert once_more(job).state == "pending" and asked == ["A bad one", "Good"]
    assert once_more(job).state == "succeeded" and asked == ["A bad one", "Good", "Good too"]
    assert job.result["failed"] == [{"task_id": tasks[0].pk, "error": "The answer is no JSON."}]
    assert len(job.result["content_ids"]) == 2 and (job.current, job.total) == (3, 3)


def test_the_plan_limits_articles_before_they_are_written(alice, provider):
    Plan.objects.update(max_content=1)
    one, two = TaskFactory(site=alice.site), TaskFactory(site=alice.site)
    content_generate(account_id=alice.account.pk, task_id=one.pk, reference="one")
    content_generate(account_id=alice.account.pk, task_id=one.pk, reference="one")
    assert LimitCounter.objects.get(resource="content").used == 1
    asked = provider().asked
    answer = alice.client.post(f"{URL}{two.pk}/generate_content/")
    assert answer.status_code == 402 and answer.json()["code"] == "PLAN_LIMIT_REACHED"
    assert asked == []


@in_threads
def test_one_bad_item_does_not_fail_the_others(alice, run_jobs, provider):
    provider(
        lambda request: BadAnswer("The answer is no JSON.") if "bad" in request.inputs["title"] else None
    )
    good, bad = TaskFactory(site=alice.site), TaskFactory(site=alice.site, title="A bad one")
    before = available(alice)
    start(alice, [bad.pk, good.pk])
    [job] = run_jobs()
    assert job.state == "succeeded" and job.result["content_ids"] == [good.content.pk]
    assert job.result["failed"] == [{"task_id": bad.pk, "error": "The answer is no JSON."}]
    bad.refresh_from_db()
    assert (bad.status, bad.error) == ("failed", "The answer is no JSON.")
    assert before - available(alice) == settled(alice) == job.result["credits"]
    assert not CreditHold.objects.filter(state="held").exists()
    assert Notification.objects.get(notification_type="ai_content_complete").severity == "warning"
    provider()
    assert start(alice, [bad.pk]).status_code == 200
    assert run_jobs()[0].state == "succeeded"


@in_threads
def test_all_bad_is_a_failed_job(alice, run_jobs, provider):
    provider(lambda request: BadAnswer("The answer is no JSON."))
    task = TaskFactory(site=alice.site)
    before = available(alice)
    start(alice, [task.pk])
    [job] = run_jobs()
    assert (job.state, job.error, job.error_code) == ("failed", "The answer is no JSON.", "UPSTREAM_ERROR")
    assert available(alice) == before
    assert Notification.objects.get(notification_type="ai_content_failed").severity == "error"


@in_threads
def test_a_bug_in_one_item_is_told_without_its_trace(alice, run_jobs, provider):
    def fault(request):
        if "bug" in request.inputs["title"]:
            raise ZeroDivisionError
        return None

    provider(fault)
    good, bad = TaskFactory(site=alice.site), TaskFactory(site=alice.site, title="A bug")
    start(alice, [good.pk, bad.pk])
    [job] = run_jobs()
    assert job.result["content_ids"] == [good.content.pk]
    assert str(job.pk) in job.result["failed"][0]["error"]
    bad.refresh_from_db()
    assert bad.status == "failed" and not CreditHold.objects.filter(state="held").exists()


@in_threads
def test_a_provider_that_is_down_is_waited_for(alice, run_jobs, provider, settings):
    settings.AI_CONCURRENCY = {"offline": 1, "openai": 1}
    answered = []

    def fault(request):
        if answered:
            return ProviderUnavailable("The provider does not answer.", retry_after=77)
        answered.append(request.inputs["title"])
        return None

    provider(fault)
    tasks = [TaskFactory(site=alice.site) for _ in range(4)]
    before = available(alice)
    start(alice, [task.pk for task in tasks])
    [job] = run_jobs()
    assert job.state == "pending" and job.message == "The provider does not answer."
    assert 60 < (job.run_after - timezone.now()).total_seconds() <= 77
    assert Content.objects.count() == 1
    assert sorted(Task.objects.values_list("status", flat=True)) == [
        "completed",
        "queued",
        "queued",
        "queued",
    ]
    assert before - available(alice) == settled(alice)
    assert not CreditHold.objects.filter(state="held").exists()
    asked = provider().asked
    once_more(job)
    assert job.state == "succeeded" and len(job.result["content_ids"]) == 4
    assert len(asked) == 3 and not set(asked) & set(answered)
    assert before - available(alice) == settled(alice) == job.result["credits"]
    assert CreditUsage.objects.count() == Content.objects.count() == 4


@in_threads
def test_a_refused_key_fails_at_once(alice, run_jobs, provider):
    provider(lambda request: ProviderRefused("The key was refused.", provider_down=True))
    task = TaskFactory(site=alice.site)
    start(alice, [task.pk])
    [job] = run_jobs()
    assert (job.state, job.error) == ("failed", "The key was refused.")
    task.refresh_from_db()
    assert (task.status, task.error) == ("failed", "The key was refused.")


@in_threads
def test_a_killed_worker_loses_and_repeats_nothing(alice, run_jobs, provider):
    tasks = [TaskFactory(site=alice.site) for _ in range(3)]
    start(alice, [task.pk for task in tasks])
    job = Job.objects.get()
    killed = jobs.claim(job.pk)
    ids = {"account_id": alice.account.pk, "user_id": alice.user.pk}
    content_generate(task_id=tasks[0].pk, reference=f"job:{job.pk}:{tasks[0].pk}", **ids)

    def die(result):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        content_generate(task_id=tasks[1].pk, reference=f"job:{job.pk}:{tasks[1].pk}", finish=die, **ids)
    assert Content.objects.count() == 1
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    asked = provider().asked
    jobs.execute(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded" and len(job.result["content_ids"]) == 3
    # What the second one was answered before it died is kept, and not asked for once more.
    assert asked == [tasks[2].title]
    assert CreditUsage.objects.count() == Content.objects.count() == 3
    assert job.result["credits"] == settled(alice)
    assert not CreditHold.objects.filter(state="held").exists()
    with pytest.raises(LeaseLost):
        killed.finish({})


@in_threads
def test_cancelled_while_it_runs(alice, run_jobs, provider):
    task = TaskFactory(site=alice.site)
    start(alice, [task.pk])
    before = available(alice)

    def fault(request):
        Job.objects.update(state="cancelled")

    provider(fault)
    [job] = run_jobs()
    assert job.state == "cancelled" and not Content.objects.exists()
    task.refresh_from_db()
    assert task.status == "queued" and available(alice) == before


@in_threads
def test_many_for_one_task_write_and_charge_once(alice):
    task = TaskFactory(site=alice.site)
    before = available(alice)

    def write(n: int) -> str:
        try:
            content_generate(account_id=alice.account.pk, task_id=task.pk, reference=f"run:{n % 4}")
            return "written"
        except Exception as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    # Superseded: the other one of the same reference began anew while this one was at it.
    assert set(answers) <= {"written", "Conflict", "Superseded"} and "written" in answers
    assert Content.objects.count() == CreditUsage.objects.count() == 1
    assert before - available(alice) == settled(alice)
    task.refresh_from_db()
    assert task.status == "completed"


def test_a_caller_that_refuses_rolls_everything_back(alice):
    task = TaskFactory(site=alice.site)
    before = available(alice)

    def refuse(result):
        assert Content.objects.filter(pk=result["content_id"]).exists()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        content_generate(account_id=alice.account.pk, task_id=task.pk, reference="r", finish=refuse)
    assert not Content.objects.exists() and available(alice) == before
    assert not LimitCounter.objects.filter(resource="content", used__gt=0).exists()
    made = content_generate(account_id=alice.account.pk, task_id=task.pk, reference="r")
    assert content_generate(account_id=alice.account.pk, task_id=task.pk, reference="r") == made
    Content.objects.all().delete()
    with pytest.raises(AlreadySettled):
        content_generate(account_id=alice.account.pk, task_id=task.pk, reference="r")


@in_threads
def test_a_task_deleted_meanwhile(alice, run_jobs, provider):
    task = TaskFactory(site=alice.site)
    before = available(alice)

    def fault(request):
        Task.objects.all().delete()

    provider(fault)
    start(alice, [task.pk])
    [job] = run_jobs()
    assert job.state == "failed" and "deleted" in job.error
    assert available(alice) == before and not Content.objects.exists()


def test_hostile_answer_is_cleaned_and_an_empty_one_refused(alice, monkeypatch):
    from apps.intelligence.clients.offline import provider as offline

    answer = dict.fromkeys(("slug", "excerpt", "meta_title", "meta_description", "primary_keyword"), "")
    answer |= {
        "secondary_keywords": [],
        "categories": [],
        "title": "T " * 300,
        "tags": ["a", "A", ""],
        "html": "<p onclick=x>Hi</p><script>alert(1)</script>",
    }
    monkeypatch.setattr(offline, "article", lambda inputs, rng: answer)
    one, two = TaskFactory(site=alice.site), TaskFactory(site=alice.site)
    made = content_generate(account_id=alice.account.pk, task_id=one.pk, reference="one")
    content = Content.objects.get(pk=made["content_id"])
    assert content.html == "<p>Hi</p>" and content.tags == ["a"] and len(content.title) <= 300
    answer["html"] = "<script>alert(1)</script>"
    before = available(alice)
    with pytest.raises(Exception, match="no text"):
        content_generate(account_id=alice.account.pk, task_id=two.pk, reference="two")
    two.refresh_from_db()
    assert two.status == "failed" and available(alice) == before


def test_a_key_does_not_start_work(alice, anonymous):
    from apps.accounts.services.keys import api_key_create

    task = TaskFactory(site=alice.site)
    ContentFactory(site=alice.site)
    key = api_key_create(site=alice.site, name="plugin", user_id=alice.user.pk)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    assert anonymous.post(f"{URL}{task.pk}/generate_content/").status_code == 403
    assert anonymous.get(URL).status_code == 403
