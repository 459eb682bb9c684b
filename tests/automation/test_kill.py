"""SIGKILL at seeded moments: the process that works on a run dies, another goes on, nothing is lost or doubled."""

import multiprocessing
import os
import random
import signal
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.automation.models import Run, RunItem
from apps.automation.services import engine
from apps.automation.services.runs import run_start
from apps.billing.models import CreditUsage
from apps.core import jobs
from apps.core.models import Job
from apps.publisher.models import HostedPage
from apps.writer.models import Content, Image, Task
from tests.automation.test_engine import assert_ledger_is_exact

KILLS = int(os.environ.get("KILLS", "10"))


def _work(job_id) -> None:
    connections.close_all()
    jobs.execute(job_id)


@pytest.mark.django_db(transaction=True)
def test_killed_at_random_moments(walker, monkeypatch, settings):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    monkeypatch.setattr(engine, "MAX_ATTEMPTS", 100)  # one item may be hit again and again
    settings.JOB_LEASE_SECONDS, settings.JOB_RENEW_SECONDS = 2, 0.5
    chance = random.Random(20261122)
    run = run_start(site=walker.site)
    kills = 0
    until = time.monotonic() + 100
    while time.monotonic() < until:
        connections.close_all()
        process = multiprocessing.get_context("fork").Process(target=_work, args=[run.job_id])
        process.start()
        process.join(timeout=chance.uniform(0.03, 0.3) if kills < KILLS else 60)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            # What the lease would do in its own time.
            Job.objects.filter(pk=run.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
        run.refresh_from_db()
        if run.status != Run.Status.RUNNING and run.status != Run.Status.PENDING:
            break
    assert run.status == "completed", (run.status, run.error_message, kills)
    assert kills >= min(KILLS, 3)
    assert not RunItem.objects.exclude(state="done").exists()
    assert Content.objects.count() == Task.objects.count() == HostedPage.objects.count() >= 3
    assert not Image.objects.exclude(status="generated").exists()
    references = list(CreditUsage.objects.values_list("reference", flat=True))
    assert len(references) == len(set(references))
    assert_ledger_is_exact(walker.account)
