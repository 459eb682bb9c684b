"""What endpoints of an account hear of a run."""

import json

import pytest

from apps.automation.services.runs import run_start
from apps.core import jobs
from apps.integration.models import SiteIntegration
from apps.integration.services.settings import settings_change
from apps.notifications.models import Notification, WebhookDelivery, WebhookEndpoint
from apps.writer.models import Content
from tests.automation.test_engine import work
from tests.factories.publisher import ApprovedContentFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(alice, monkeypatch):
    """A site whose runs approve and publish at once, and an endpoint that hears of it."""
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    WebhookEndpoint.objects.create(
        account=alice.account,
        url="https://hook.example.com/",
        secret="whsec_eA==",
        events=["content.published", "content.publish_failed"],
    )
    values = {"auto_approval_enabled": True, "auto_publish_enabled": True, "publish_time_slots": []}
    values |= {"delay_within_stage": 0, "delay_between_stages": 0}
    limits = {f"{span}_publish_limit": 0 for span in ("daily", "weekly", "monthly")}
    settings_change(site_id=alice.site.pk, account_id=alice.account.pk, values=values | limits)
    return alice.site


def heard(event: str) -> dict:
    """The data of the one event that there was."""
    told = json.loads(WebhookDelivery.objects.get().body)
    assert told["type"] == event
    return told["data"]


def test_an_article_that_a_run_publishes_is_told_of_as_one_that_a_job_does(site):
    content = ApprovedContentFactory(site=site, status="review", approved_by="", images_planned=True)
    run = work(run_start(site=site))
    content.refresh_from_db()
    assert (run.status, content.status) == ("completed", Content.Status.PUBLISHED)
    told = heard("content.published")
    assert (told["content_ids"], told["run_id"]) == ([content.pk], run.pk)
    assert told["url"] == content.external_url


def test_an_article_that_a_run_cannot_publish_is_told_of(site):
    SiteIntegration.objects.create(
        account_id=site.account_id, site=site, base_url="https://blog.example.com", auth_method="plugin"
    )
    # A text of a term, for which this WordPress has no post type.
    more = {"content_type": "taxonomy_term", "images_planned": True}
    content = ApprovedContentFactory(site=site, status="review", approved_by="", **more)
    run = work(run_start(site=site))
    content.refresh_from_db()
    assert (run.status, content.status) == ("completed", Content.Status.APPROVED)
    told = heard("content.publish_failed")
    assert (told["content_ids"], told["count"], told["run_id"]) == ([content.pk], 1, run.pk)
    note = Notification.objects.get(notification_type="content_publish_failed")
    assert note.site_id == site.pk and note.message.startswith("1 article could not be published: ")
