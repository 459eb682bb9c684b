"""An article improved by a model behind its real protocol, which fails on the way and gets a figure wrong."""

import pytest
from django.utils import timezone

from apps.billing.models import CreditHold, CreditUsage
from apps.billing.services.ledger import credits_balance
from apps.core import jobs
from apps.core.models import Job
from apps.optimizer.models import Optimization
from apps.writer.models import Content
from tests.factories.writer import ContentFactory
from tests.optimizer.articles import KEYPHRASE, LINKS, poor_html

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


def test_facts_and_credits_survive_a_bad_model(alice, llm, settings, ai_models, monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    llm.use(settings)
    content = ContentFactory(
        site=alice.site, slug="how-i-make-it", html=poor_html(), primary_keyword=KEYPHRASE
    )
    credits = credits_balance(account_id=alice.account.pk)["available"]
    llm.faults("error", "limited", "cut", "dropped")
    assert alice.client.post("/api/v1/optimizer/optimize/", {"content_id": content.pk}).status_code == 200
    job = Job.objects.get()
    while job.state in (Job.State.PENDING, Job.State.RUNNING):
        Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
        jobs.execute(job.pk)
        job.refresh_from_db()
    assert job.state == "succeeded", job.error
    row, content = Optimization.objects.get(), Content.objects.get()
    assert (row.status, job.result["score_after"]) == (
        "improved",
        row.score_after,
    ) and row.score_after > row.score_before
    assert row.model.startswith("openai/") and set(row.after) == {
        "meta_title",
        "meta_description",
        "slug",
        "html",
    }
    assert content.html.startswith("<p>Cold brew ratio is a matter of habit. Coffee needs time.</p>")
    assert LINKS in content.html and "80 grams on 3 March 2024" in content.html
    assert [refused["why"] for refused in row.refused if "lost" in refused["why"]]
    usage = CreditUsage.objects.get()
    assert usage.credits == 5 == credits - credits_balance(account_id=alice.account.pk)["available"]
    assert usage.tokens_out > 0 and not CreditHold.objects.filter(state="held").exists()
    assert len(llm.faulted) >= 3
