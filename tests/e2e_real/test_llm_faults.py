"""A model server that fails in every way it can: nothing is stored cut, nothing is paid that was not done."""

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.automation.models import Run, RunItem
from apps.automation.services.runs import run_resume, run_start
from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditUsage
from apps.billing.services.ledger import credits_balance
from apps.core import jobs
from apps.core.jobs import job_start
from apps.core.models import Job
from apps.integration.services.settings import site_settings
from apps.notifications.models import Notification
from apps.writer.models import Content, DraftPart, Task
from apps.writer.services.html import html_clean
from tests.e2e_real import author
from tests.e2e_real.llm import FAULTS, SLOW_SECONDS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]


@pytest.fixture
def writer(alice, llm, settings, ai_models, monkeypatch):
    """Alice, whose articles the model server writes."""
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    llm.use(settings)
    settings.AI_TIMEOUT_SECONDS = SLOW_SECONDS / 2
    credits_balance(account_id=alice.account.pk)
    return alice


def tasks(actor, n: int) -> list[Task]:
    return [
        Task.objects.create(
            account=actor.account,
            site=actor.site,
            sector=actor.sector,
            title=f"Cold brew, lesson {i}",
            word_count=400 + 10 * i,
        )
        for i in range(n)
    ]


def generate(actor, rows: list[Task]) -> Job:
    """The job as a worker does it, again when it wants to be tried again later."""
    job = job_start(
        kind="content.generate", account_id=actor.account.pk, payload={"task_ids": [t.pk for t in rows]}
    )
    while job.state in (Job.State.PENDING, Job.State.RUNNING):
        Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
        jobs.execute(job.pk)
        job.refresh_from_db()
    return job


def assert_whole(contents) -> None:
    """Every article is, to the last sentence, what the model meant to say."""
    for content in contents:
        meant = author.article(content.title, content.task.word_count)
        assert content.html == html_clean(meant["html"]), content.title
        assert author.last_sentence(content.title) in content.html
        assert content.excerpt == meant["excerpt"] and content.tags == meant["tags"]


def assert_ledger_is_exact(account) -> None:
    total = CreditEntry.objects.filter(account=account).aggregate(n=Sum("amount"))["n"]
    assert total == CreditBalance.objects.get(account=account).balance >= 0
    assert not CreditHold.objects.filter(account=account, state="held").exists()
    used = CreditUsage.objects.filter(account=account).aggregate(n=Sum("credits"))["n"] or 0
    given = CreditEntry.objects.filter(account=account, kind="grant").aggregate(n=Sum("amount"))["n"]
    assert given - total == used
    written = Content.objects.filter(account=account).count()
    assert CreditUsage.objects.filter(account=account, operation="content").count() == written


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_costs_a_second_question_and_nothing_else(writer, llm, fault):
    rows = tasks(writer, 1)
    llm.faults(fault)
    job = generate(writer, rows)
    assert job.state == "succeeded", job.error
    assert job.attempts == 1 and llm.faulted == {fault: 1} and llm.asked == 2
    assert_whole(Content.objects.all())
    assert Content.objects.count() == 1
    assert_ledger_is_exact(writer.account)


def test_an_answer_that_is_cut_again_and_again_is_put_together(writer, llm):
    llm.faults("cut", "cut", "unsaid", "cut")
    assert generate(writer, tasks(writer, 1)).state == "succeeded"
    assert llm.asked == 5
    assert_whole(Content.objects.all())


def test_a_long_article_is_whole_to_the_end_of_each_section(writer, llm):
    """Thousands of words, asked for in parts, of which every third answer is at fault."""
    rows = tasks(writer, 2)
    Task.objects.update(word_count=3500)
    llm.every(3, seed=7)
    job = generate(writer, rows)
    assert job.state == "succeeded" and not job.result["failed"], job.result or job.error
    assert llm.faulted.total() >= 8
    for content in Content.objects.select_related("task"):
        for heading in author.part_headings(content.title, 10):
            assert f"<h2>{heading}</h2>" in content.html and author.last_sentence(heading) in content.html
        assert content.word_count > 3200 and "Is there more to say about" in content.html
    assert not DraftPart.objects.exists()
    assert_ledger_is_exact(writer.account)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("cut", "cut off"), ("unsaid", "cut off"), ("malformed", "not valid JSON"), ("empty", "not valid JSON")],
)
def test_what_never_becomes_whole_is_not_stored_and_not_paid(writer, llm, fault, reason):
    rows = tasks(writer, 1)
    llm.always(fault)
    before = credits_balance(account_id=writer.account.pk)
    job = generate(writer, rows)
    assert job.state == "failed" and reason in job.error
    rows[0].refresh_from_db()
    assert rows[0].status == "failed" and reason in rows[0].error
    assert not Content.objects.exists()
    assert credits_balance(account_id=writer.account.pk) == before
    assert_ledger_is_exact(writer.account)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("limited", "limits its requests"),
        ("error", "status 500"),
        ("slow", "in time"),
        ("dropped", "reached"),
    ],
)
def test_a_provider_that_stays_down_pauses_the_run_with_its_reason(writer, llm, fault, reason):
    only_writing(writer)
    tasks(writer, 3)
    before = credits_balance(account_id=writer.account.pk)
    llm.always(fault)
    run = work(run_start(site=writer.site))
    assert run.status == "paused" and reason in run.error_message, run.error_message
    assert Notification.objects.get(title="A run has paused").message.startswith(run.error_message)
    assert set(RunItem.objects.filter(stage=4).values_list("state", flat=True)) == {"pending"}
    assert not Task.objects.exclude(status="queued").exists() and not Content.objects.exists()
    assert credits_balance(account_id=writer.account.pk) == before
    llm.faults()
    run = work(run_resume(run=run))
    assert run.status == "completed" and Content.objects.count() == 3
    assert_whole(Content.objects.all())
    assert_ledger_is_exact(writer.account)


def test_a_hundred_articles_with_a_fault_in_every_third_answer(writer, llm):
    """Each of them is written once, whole, and paid once."""
    only_writing(writer)
    rows = tasks(writer, 100)
    llm.every(3, seed=20)
    run = work(run_start(site=writer.site))
    while run.status == "paused":
        assert run.error_message
        run = work(run_resume(run=run))
    assert run.status == "completed", run.error_message
    assert set(llm.faulted) == set(FAULTS) and llm.faulted.total() >= len(rows) // 3
    contents = Content.objects.select_related("task")
    assert_whole(contents)
    done = RunItem.objects.filter(run=run, stage=4, state="done")
    assert contents.count() == done.count() == Task.objects.filter(status="completed").count() == len(rows)
    assert done.aggregate(n=Sum("credits"))["n"] == CreditUsage.objects.aggregate(n=Sum("credits"))["n"]
    assert_ledger_is_exact(writer.account)


def test_a_job_of_articles_tells_of_each_that_failed(writer, llm):
    """The writer's own job tries no article twice: what failed is told, and costs nothing."""
    rows = tasks(writer, 30)
    llm.every(3, ("malformed", "cut", "error", "empty"), seed=4)
    job = generate(writer, rows)
    assert job.state == "succeeded", job.error
    failed = {entry["task_id"] for entry in job.result["failed"]}
    assert set(Task.objects.filter(status="failed").values_list("pk", flat=True)) == failed
    assert Content.objects.count() == len(job.result["content_ids"]) == len(rows) - len(failed) > 20
    assert_whole(Content.objects.select_related("task"))
    assert_ledger_is_exact(writer.account)


def only_writing(actor) -> None:
    settings = site_settings(site_id=actor.site.pk, account_id=actor.account.pk)
    settings.delay_within_stage = settings.delay_between_stages = 0
    for stage in settings.stages:
        stage["enabled"] = stage["number"] == 4
        stage["per_run_limit"] = 0
    settings.save()


def work(run: Run) -> Run:
    """What a worker does with the run's job."""
    run.refresh_from_db()
    Job.objects.filter(pk=run.job_id).update(run_after=timezone.now())
    jobs.execute(run.job_id)
    run.refresh_from_db()
    return run
