"""What endpoints of an account hear of a run."""

import json

import pytest

from apps.automation.services.runs import run_start
from apps.core import jobs
from apps.integration.services.settings import settings_change
from apps.notifications.models import WebhookDelivery, WebhookEndpoint
from apps.writer.models import Content
from tests.automation.test_engine import work
from tests.factories.publisher import ApprovedContentFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_article_that_a_run_publishes_is_told_of_as_one_that_a_job_does(alice, monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    WebhookEndpoint.objects.create(
        account=alice.account,
        url="https://hook.example.com/",
        secret="whsec_eA==",
        events=["content.published"],
    )
    values = {"auto_approval_enabled": True, "auto_publish_enabled": True, "publish_time_slots": []}
    values |= {"delay_within_stage": 0, "delay_between_stages": 0}
    limits = {f"{span}_publish_limit": 0 for span in ("daily", "weekly", "monthly")}
    settings_change(site_id=alice.site.pk, account_id=alice.account.pk, values=values | limits)
    content = ApprovedContentFactory(site=alice.site, status="review", approved_by="", images_planned=True)
    run = work(run_start(site=alice.site))
    content.refresh_from_db()
    assert (run.status, content.status) == ("completed", Content.Status.PUBLISHED)
    told = json.loads(WebhookDelivery.objects.get().body)
    assert (told["type"], told["data"]["content_ids"], told["data"]["run_id"]) == (
        "content.published",
        [content.pk],
        run.pk,
    )
    assert told["data"]["url"] == content.external_url
