"""A batch beside somebody who locks sources: each waits for the other, neither is thrown out."""

import json

import pytest
from django.db import transaction
from django.utils import timezone

from apps.parsing.models import ExternalCategory, Source, SourceRun
from apps.parsing.services import runs
from apps.parsing.services.ingest import batch_ingest
from apps.parsing.services.sources import backlog_activate
from tests.billing.threads import beside
from tests.parsing.conftest import item


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act",
    [
        lambda source: runs.run_claim(source_id=source.pk, run_id=None, worker="a:1"),
        lambda source: runs.source_force(source_id=source.pk, strategy="discovery"),
        lambda source: runs.due_enqueue(),
    ],
    ids=["claim", "force", "schedule"],
)
def test_a_run_that_a_batch_opens_at_the_same_moment(source, act, tasks):
    with transaction.atomic():
        SourceRun.objects.bulk_create([SourceRun(source=source, status="queued")], ignore_conflicts=True)
        other = beside(lambda: act(source))
    other.result(timeout=30)
    assert SourceRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_with_parents_beside_an_activation():
    parent = Source.objects.create(
        url="https://shop.example.com/c", site_key="shop", status="discovered", is_active=False, type="list"
    )
    source = Source.objects.create(url="https://shop.example.com/", site_key="shop")
    category = {
        "name": "C",
        "url": "https://shop.example.com/c/d",
        "site_key": "shop",
        "parent_url": parent.url,
    }
    body = json.dumps({"source_id": source.pk, "items": [item(1)], "categories": [category]}).encode()
    with transaction.atomic():
        batch_ingest(body=body)
        other = beside(lambda: backlog_activate(source_ids=[parent.pk, source.pk]))
    assert other.result(timeout=30)["activated"] == [parent.pk]
    assert Source.objects.get(url=category["url"]).parent_id == parent.pk


@pytest.mark.django_db(transaction=True)
def test_a_run_that_ends_while_a_batch_is_stored(source, tasks):
    """The batch says at its end that the source is crawled, which by then nobody does."""
    runs.run_claim(source_id=source.pk, run_id=None, worker="a:1")
    body = json.dumps({"source_id": source.pk, "items": [item(1, category="Mugs")]}).encode()
    with transaction.atomic():
        ExternalCategory.objects.create(name="Mugs")  # for which the batch waits, having seen its run
        other = beside(lambda: batch_ingest(body=body))
        runs.run_complete(source_id=source.pk, run_id=None, worker="a:1")
    assert other.result(timeout=30).items_new == 1
    runs.sweep()
    source.refresh_from_db()
    assert source.status == "waiting" and source.items_total == 1


@pytest.mark.parametrize(
    ("status", "run", "active", "wanted"),
    [
        ("running", None, True, "waiting"),
        ("queued", None, False, "disabled"),
        ("queued", "running", True, "running"),
        ("running", "queued", True, "queued"),
        ("error", "running", True, "running"),
        ("running", "running", True, "running"),
        ("disabled", "running", False, "disabled"),  # switched off while it is crawled
        ("error", None, True, "error"),
    ],
)
def test_a_status_follows_the_runs(source, status, run, active, wanted, no_broker):
    Source.objects.update(status=status, is_active=active)
    if run:
        SourceRun.objects.create(source=source, status=run, lease_until=None, sent_at=timezone.now())
    runs.sweep()
    source.refresh_from_db()
    assert source.status == wanted
