"""Why a run stops or ends early, and how it goes on by itself; what delays, models and approval rules do."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.automation.models import Run, RunItem, RunLog, RunStage
from apps.automation.services import engine as engine_module
from apps.automation.services.pausing import runs_resume_due
from apps.automation.services.runs import run_pause, run_resume, run_start
from apps.automation.services.walk import Limits, walk_settings
from apps.billing.models import CreditBalance, CreditEntry
from apps.billing.services.ledger import credits_grant
from apps.core import jobs
from apps.integration.services.settings import settings_change
from apps.intelligence.services import calls
from apps.notifications.models import Notification
from apps.publisher.services.wordpress import TargetFailed
from apps.writer.models import Content, Image, Task
from tests.automation.test_engine import assert_ledger_is_exact, work
from tests.factories.publisher import ApprovedContentFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)


def change(actor, stages=None, **values) -> None:
    settings_change(site_id=actor.site.pk, account_id=actor.account.pk, values=values, stages=stages)


def due_again() -> None:
    Run.objects.update(resume_at=timezone.now() - timedelta(seconds=1))


def test_a_stage_ends_with_its_share_and_the_run_pauses_at_its_limit(walker):
    change(walker, {n: {"budget_pct": 0} for n in range(1, 8)} | {4: {"budget_pct": 40}}, credits_limit=50)
    run = work(run_start(site=walker.site))
    assert run.status == "completed", run.error_message
    spent = sum(RunItem.objects.filter(run=run, stage=4).values_list("credits", flat=True))
    skipped = RunItem.objects.filter(run=run, stage=4, state="skipped")
    assert 0 < spent <= 20 and skipped.exists()
    assert "share of 20" in RunStage.objects.get(run=run, number=4).reason
    assert RunLog.objects.filter(run=run, stage=4, level="warning").count() == 1
    left = Task.objects.filter(status="queued").count()
    assert left == skipped.count()
    detail = walker.client.get(f"/api/v1/automation/runs/{run.pk}/").json()["data"]["stages"][3]
    assert detail["skipped"] == left and "share" in detail["reason"]

    change(walker, {4: {"budget_pct": 0}}, credits_limit=5, auto_resume=True)
    second = work(run_start(site=walker.site))
    assert (second.status, second.pause_reason) == ("paused", "credits_limit")
    assert "limit of 5 credits" in second.error_message and second.resume_at is None
    due_again()
    Run.objects.update(resume_at=None)
    assert runs_resume_due() == []  # one's own limit is not over by itself
    change(walker, credits_limit=0)
    assert work(run_resume(run=second)).status == "completed"
    assert not Task.objects.filter(status="queued").exists()
    assert_ledger_is_exact(walker.account)


def test_short_of_credits_it_goes_on_by_itself_when_they_are_there(walker, settings):
    # One at a time: what others in hand give back may be enough for the one that was short.
    settings.AI_CONCURRENCY = {**settings.AI_CONCURRENCY, "offline": 1}
    CreditBalance.objects.filter(account=walker.account).update(balance=20)
    CreditEntry.objects.filter(account=walker.account).update(amount=20, balance_after=20)
    run = work(run_start(site=walker.site))
    assert (run.status, run.pause_reason) == ("paused", "credits") and run.resume_needs > 0
    due_again()
    assert runs_resume_due() == []  # nobody has asked for it
    change(walker, auto_resume=True)
    assert runs_resume_due() == []  # nor are there credits
    run.refresh_from_db()
    assert run.resume_at > timezone.now()
    credits_grant(account_id=walker.account.pk, amount=100_000, kind="adjustment", reference="more")
    assert runs_resume_due() == []  # not yet
    due_again()
    assert runs_resume_due() == [run.pk] and runs_resume_due() == []
    assert work(run).status == "completed"
    assert RunLog.objects.filter(run=run, message="Resumed by itself.").count() == 1
    assert_ledger_is_exact(walker.account)


def test_a_provider_that_stays_down_is_tried_less_and_less_and_told_once(walker, settings, ai_models):
    change(walker, auto_resume=True)
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-test", "http://127.0.0.1:1/v1"
    run = work(run_start(site=walker.site))
    waits = []
    for _ in range(2):
        assert (run.status, run.pause_reason) == ("paused", "provider")
        waits.append(run.resume_at - timezone.now())
        due_again()
        assert runs_resume_due() == [run.pk]
        run = work(run)
    assert waits[0] < waits[1] and waits[0] > timedelta(seconds=50)
    assert Notification.objects.filter(title="A run has paused").count() == 1
    assert run_pause(run=run).resume_at is None  # now it is a user's pause
    due_again()
    Run.objects.filter(pause_reason="user").update(resume_at=None)
    assert runs_resume_due() == []
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    run = work(run_resume(run=run))
    assert (run.status, run.resume_attempts, run.pause_reason) == ("completed", 0, "")


def test_a_site_that_is_away_is_asked_when_it_says(alice, monkeypatch):
    walk_settings(site=alice.site, limits=Limits())
    change(alice, auto_resume=True)
    content = ApprovedContentFactory(site=alice.site, status="review")

    def away(**asked):
        raise TargetFailed(
            "The site is asked too often.", permanent=False, target_down=True, retry_after=1800
        )

    with monkeypatch.context() as patch:
        patch.setattr("apps.automation.services.stages.content_publish", away)
        run = work(run_start(site=alice.site))
    assert (run.status, run.pause_reason) == ("paused", "target")
    assert run.resume_at - timezone.now() > timedelta(minutes=29)
    assert runs_resume_due() == []
    due_again()
    assert runs_resume_due() == [run.pk] and work(run).status == "completed"
    content.refresh_from_db()
    assert content.status == "published"


def test_delays_batches_and_the_testing_model(walker, settings, monkeypatch):
    asked, real = [], calls.model_choose

    def spy(**kwargs):
        choice = real(**kwargs)
        if "testing" in kwargs:
            asked.append((kwargs["kind"], kwargs["testing"], kwargs["site_id"]))
        return choice

    monkeypatch.setattr(calls, "model_choose", spy)
    monkeypatch.setattr(engine_module, "MAX_DELAY_SECONDS", 0.15)
    settings.AI_CONCURRENCY = {**settings.AI_CONCURRENCY, "offline": 1}
    off = {n: {"enabled": n in (1, 2, 4)} for n in range(1, 8)}
    off[2] |= {"batch_size": 1000}
    off[4] |= {"batch_size": 1, "use_testing": True}
    for i in range(3):
        Task.objects.create(account=walker.account, site=walker.site, title=f"Task {i}", word_count=300)
    change(walker, off, delay_within_stage=1, delay_between_stages=1)
    rests = []

    class Stopping(threading.Event):
        def wait(self, timeout=None):
            rests.append((threading.current_thread().name.partition("_")[0][-1], timeout))
            return super().wait(timeout)

    real_init = engine_module.Engine.__init__

    def init(self, *args):
        real_init(self, *args)
        self.stopping = Stopping()

    monkeypatch.setattr(engine_module.Engine, "__init__", init)
    run = work(run_start(site=walker.site))
    assert run.status == "completed"
    # After each article but the last; none in stage 2, which is one batch.
    assert [stage for stage, _ in rests] == ["4", "4"] and all(0 < seconds <= 0.15 for _, seconds in rests)
    rows = {s.number: s for s in RunStage.objects.exclude(started_at=None)}
    assert rows[4].completed_at - rows[4].started_at >= timedelta(seconds=0.3)
    assert rows[2].started_at - rows[1].completed_at >= timedelta(seconds=0.15)
    # The articles, in as many questions as they take; the ideas, before them, of the other one.
    site = walker.site.pk
    which = [testing for kind, testing, site_id in asked if (kind, site_id) == ("text", site)]
    assert which.count(True) >= 3 and which.count(False) >= RunItem.objects.filter(stage=2).count()
    assert which == sorted(which)


def test_an_automation_approves_what_the_rules_let_through_and_says_by_which(walker):
    change(walker, auto_publish_enabled=False, approval_min_words=300, approval_needs_featured_image=True)
    run = work(run_start(site=walker.site))
    assert run.status == "completed"
    approved = Content.objects.filter(status="approved")
    assert approved.exists() and not Content.objects.filter(status="review").exists()
    assert set(approved.values_list("approved_by", flat=True)) == {"automation:min_words=300+featured_image"}
    Content.objects.update(status="review", approved_by="")
    short, bare, _ = Content.objects.order_by("pk")[:3]
    Content.objects.filter(pk=short.pk).update(word_count=299)
    Image.objects.filter(content=bare, kind="featured").delete()
    second = work(run_start(site=walker.site))
    assert second.status == "completed"
    assert set(Content.objects.filter(status="review")) == {short, bare}
    told = RunLog.objects.get(run=second, stage=7, message__startswith="Articles that stay").message
    assert "1 shorter than 300 words, 1 without a featured image" in told
    change(walker, approval_min_words=0, approval_needs_featured_image=False)
    work(run_start(site=walker.site))
    assert Content.objects.get(pk=short.pk).approved_by == "automation:auto_approval"
