"""A run is rows: it ends once, goes on after any crash, stops cleanly, and pays each item once."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone

from apps.automation.models import Run, RunItem, RunStage
from apps.automation.services import engine as engine_module
from apps.automation.services.runs import run_cancel, run_pause, run_resume, run_start
from apps.automation.services.stages import STAGES
from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditUsage
from apps.core import jobs
from apps.core.errors import Conflict
from apps.core.models import Job
from apps.integration.services.settings import site_settings
from apps.notifications.models import Notification
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.publisher.models import HostedPage
from apps.writer.models import Content, Image, Task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)


def work(run: Run) -> Run:
    """What a worker does with the run's job."""
    run.refresh_from_db()
    Job.objects.filter(pk=run.job_id).update(run_after=timezone.now())
    jobs.execute(run.job_id)
    run.refresh_from_db()
    return run


def assert_ledger_is_exact(account) -> None:
    total = CreditEntry.objects.filter(account=account).aggregate(n=Sum("amount"))["n"]
    assert total == CreditBalance.objects.get(account=account).balance >= 0
    assert not CreditHold.objects.filter(account=account, state="held").exists()


def test_keywords_become_pages_and_each_is_paid_once(walker):
    run = work(run_start(site=walker.site))
    assert run.status == "completed", run.error_message
    clusters = Cluster.objects.filter(site=walker.site, is_hub=False).count()
    assert clusters >= 3
    assert not Keyword.objects.filter(site=walker.site, status="new").exists()
    for model in (ContentIdea, Task, Content):
        assert model.objects.filter(site=walker.site).count() == clusters, model
    assert HostedPage.objects.filter(site=walker.site).count() == clusters
    assert set(Content.objects.values_list("status", "site_status")) == {("published", "published")}
    assert not Image.objects.exclude(status="generated").exists() and Image.objects.count() >= clusters
    assert not RunItem.objects.exclude(state="done").exists()
    assert [s.state for s in RunStage.objects.order_by("number")] == ["completed"] * 7
    assert_ledger_is_exact(walker.account)
    spent = CreditUsage.objects.filter(run_id=run.pk).aggregate(n=Sum("credits"))["n"]
    assert RunItem.objects.aggregate(n=Sum("credits"))["n"] == spent

    entries = CreditEntry.objects.count()
    again = work(run_start(site=walker.site))
    assert again.status == "completed"
    assert not RunItem.objects.filter(run=again).exists()
    assert HostedPage.objects.count() == Content.objects.count() == clusters
    assert CreditEntry.objects.count() == entries


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours may catch it."""


@pytest.mark.parametrize("stage", [1, 2, 3, 4, 5, 6, 7])
def test_dying_in_the_middle_of_any_stage_loses_and_doubles_nothing(walker, monkeypatch, stage):
    run = run_start(site=walker.site)
    real, dying = engine_module.Engine._item, [True]

    def item(self, at, *args):
        if at.number == stage and dying:
            dying.clear()
            raise Killed
        return real(self, at, *args)

    monkeypatch.setattr(engine_module.Engine, "_item", item)
    with pytest.raises(Killed):
        work(run)
    assert RunItem.objects.filter(run=run, state="claimed").count() >= 1
    Job.objects.filter(pk=run.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    run = work(run)
    assert run.status == "completed"
    assert not RunItem.objects.exclude(state="done").exists()
    contents = Content.objects.count()
    assert contents == HostedPage.objects.count() == Task.objects.count() == ContentIdea.objects.count() >= 3
    assert_ledger_is_exact(walker.account)


def test_an_execution_that_lost_its_lease_stores_nothing(walker, monkeypatch):
    run = run_start(site=walker.site)
    real, taken = engine_module.Engine._item, []

    def item(self, at, config, item_id, *args):
        if at.number == 4 and not taken:
            taken.append(item_id)
            RunItem.objects.filter(pk=item_id).update(claim_token=uuid.uuid4())
        return real(self, at, config, item_id, *args)

    monkeypatch.setattr(engine_module.Engine, "_item", item)
    work(run)
    assert taken and not Content.objects.filter(task_id=RunItem.objects.get(pk=taken[0]).object_id).exists()
    Job.objects.filter(pk=run.job_id).update(
        state="running", lease_until=timezone.now() - timedelta(seconds=1)
    )
    run = work(run)
    assert run.status == "completed"
    assert Content.objects.count() == Task.objects.count()
    assert_ledger_is_exact(walker.account)


def test_short_of_credits_it_pauses_says_so_and_goes_on(walker):
    CreditBalance.objects.filter(account=walker.account).update(balance=30)
    CreditEntry.objects.filter(account=walker.account).update(amount=30, balance_after=30)
    run = work(run_start(site=walker.site))
    assert run.status == "paused" and "credit" in run.error_message.lower()
    assert Notification.objects.filter(account=walker.account, title="A run has paused").count() == 1
    assert CreditBalance.objects.get(account=walker.account).balance >= 0
    from apps.billing.services.ledger import credits_grant

    credits_grant(account_id=walker.account.pk, amount=100_000, kind="adjustment", reference="more")
    run = work(run_resume(run=run))
    assert run.status == "completed"
    assert_ledger_is_exact(walker.account)


def test_a_provider_that_is_down_pauses_the_run_and_fails_no_item(walker, settings, ai_models):
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-test", "http://127.0.0.1:1/v1"
    run = work(run_start(site=walker.site))
    assert run.status == "paused" and run.error_message
    assert not RunItem.objects.filter(state="failed").exists()
    assert_ledger_is_exact(walker.account)
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    assert work(run_resume(run=run)).status == "completed"


def test_pause_resume_cancel(walker, monkeypatch):
    run = run_start(site=walker.site)
    with pytest.raises(Conflict):
        run_start(site=walker.site)
    assert run_pause(run=run).status == "paused"
    assert work(run).status == "paused" and not RunItem.objects.exists()
    assert run_resume(run=run).status == "running"
    real = engine_module.Engine._item

    def item(self, at, *args):
        if at.number == 4:
            run_pause(run=self.run)
        return real(self, at, *args)

    monkeypatch.setattr(engine_module.Engine, "_item", item)
    run = work(run)
    assert run.status == "paused" and run.current_stage == 4 and run.error_message is None
    written = Content.objects.count()
    assert 0 < written < Task.objects.count() or written == Task.objects.count()
    assert not RunItem.objects.filter(state="claimed").exists()
    run = run_cancel(run=run_resume(run=run))
    assert work(run).status == "cancelled"
    assert Content.objects.count() == written
    assert run_cancel(run=run).status == "cancelled"
    for action in (run_pause, run_resume):
        with pytest.raises(Conflict):
            action(run=run)


def test_a_run_of_a_suspended_account_stops_and_is_not_paid_on(walker, monkeypatch):
    run = run_start(site=walker.site)
    real = engine_module.Engine._fill

    def fill(self, stage, *args):
        real(self, stage, *args)
        if stage.number == 2:
            type(walker.account).objects.filter(pk=walker.account.pk).update(status="suspended")

    monkeypatch.setattr(engine_module.Engine, "_fill", fill)
    run = work(run)
    assert (run.status, run.pause_reason, run.current_stage) == ("paused", "plan_limit", 2)
    assert "suspended" in run.error_message and not ContentIdea.objects.exists()
    monkeypatch.undo()
    assert work(run_resume(run=run)).status == "paused" and not ContentIdea.objects.exists()
    type(walker.account).objects.filter(pk=walker.account.pk).update(status="active")
    assert work(run_resume(run=run)).status == "completed"
    assert_ledger_is_exact(walker.account)


def test_a_pause_that_comes_with_the_last_item_leaves_no_wish_behind(walker, monkeypatch):
    real = engine_module.Engine._complete

    def complete(self):
        run_pause(run=self.run)
        real(self)

    monkeypatch.setattr(engine_module.Engine, "_complete", complete)
    run = work(run_start(site=walker.site))
    assert (run.status, run.pause_asked) == ("completed", False)


def test_a_site_deleted_in_the_middle_ends_its_run(walker, monkeypatch):
    run = run_start(site=walker.site)
    real = engine_module.Engine._item

    def item(self, stage, *args):
        if stage.number == 4:
            walker.client.delete(f"/api/v1/auth/sites/{walker.site.pk}/")
        return real(self, stage, *args)

    monkeypatch.setattr(engine_module.Engine, "_item", item)
    jobs.execute(run.job_id)
    # A thread that finds its item gone has lost its lease: then the next worker sees that there is nothing left.
    Job.objects.filter(state="running").update(lease_until=timezone.now())
    jobs.execute(run.job_id)
    job = Job.objects.get(pk=run.job_id)
    assert (job.state, job.result) == ("succeeded", {"run_id": run.pk, "status": "deleted"})
    assert_ledger_is_exact(walker.account)


def test_the_first_job_of_a_resumed_run_does_nothing(walker):
    run = run_start(site=walker.site)
    first = run.job_id
    run_resume(run=run_pause(run=run))
    jobs.execute(first)
    assert not RunItem.objects.exists()
    assert Job.objects.get(pk=first).state == "succeeded"


def test_limits_of_a_run_and_stages_that_are_off(walker):
    settings = site_settings(site_id=walker.site.pk, account_id=walker.account.pk)
    for stage in settings.stages:
        stage["per_run_limit"] = 2 if stage["number"] == 2 else 0
        stage["enabled"] = stage["number"] != 6
    settings.save()
    run = work(run_start(site=walker.site))
    assert run.status == "completed"
    assert ContentIdea.objects.count() == Content.objects.count() == 2
    assert set(Content.objects.values_list("status", flat=True)) == {"draft"}
    assert RunStage.objects.get(run=run, number=6).state == "skipped"


def test_a_cluster_without_a_keyword_in_use_waits_for_no_run(walker):
    settings = site_settings(site_id=walker.site.pk, account_id=walker.account.pk)
    rows = [Cluster.objects.create(account=walker.account, site=walker.site, name=name) for name in "ab"]
    ids = list(Keyword.objects.values_list("pk", flat=True)[:3])
    Keyword.objects.filter(pk__in=ids[:2]).update(cluster=rows[0], status="disabled")
    Keyword.objects.filter(pk=ids[2]).update(cluster=rows[1], status="clustered")
    assert list(STAGES[1].waiting(walker.site.pk, settings)) == [rows[1].pk]


def test_without_auto_approval_articles_wait_in_review(walker):
    settings = site_settings(site_id=walker.site.pk, account_id=walker.account.pk)
    settings.auto_approval_enabled = False
    settings.save()
    assert work(run_start(site=walker.site)).status == "completed"
    assert set(Content.objects.values_list("status", flat=True)) == {"review"}
    assert not HostedPage.objects.exists()


def test_with_slots_articles_are_scheduled_within_the_limits(walker):
    settings = site_settings(site_id=walker.site.pk, account_id=walker.account.pk)
    settings.publish_time_slots = [{"start": "09:00", "end": "10:00"}]
    settings.daily_publish_limit = 1
    settings.save()
    assert work(run_start(site=walker.site)).status == "completed"
    days = list(Content.objects.values_list("scheduled_publish_at__date", flat=True))
    assert None not in days and len(set(days)) == len(days) >= 3
    assert set(Content.objects.values_list("site_status", flat=True)) == {"scheduled"}
