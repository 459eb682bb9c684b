"""A batch beside somebody who locks sources: each waits for the other, neither is thrown out."""

import json

import pytest
from django.db import transaction

from apps.parsing.models import Source, SourceRun
from apps.parsing.services import runs
from apps.parsing.services.ingest import batch_ingest
from apps.parsing.services.sources import backlog_activate
from tests.billing.threads import beside, end
from tests.parsing.conftest import item

pytestmark = pytest.mark.django_db(transaction=True)


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
    result = end(other)
    assert not isinstance(result, Exception), result
    assert SourceRun.objects.count() == 1


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
    assert end(other)["activated"] == [parent.pk]
    assert Source.objects.get(url=category["url"]).parent_id == parent.pk
