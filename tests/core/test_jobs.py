"""A job is a row: claimed once, leased, renewed, ended once, whatever the queue does."""

import os
import subprocess
import sys
import threading
import uuid
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from apps.core import jobs
from apps.core.errors import Conflict
from apps.core.jobs import JobRun, LeaseLost, TemporaryError, claim, execute, job_start, sweep
from apps.core.models import Job

DONE: list[str] = []


def work(run: JobRun) -> dict:
    DONE.append(str(run.job.pk))
    run.progress(1, 2, "half")
    return {"seen": run.payload["n"]}


def flaky(run: JobRun) -> str:
    if run.job.attempts < 3:
        raise TemporaryError("the shop is closed", retry_after=0)
    return "third time"


def broken(run: JobRun) -> None:
    raise RuntimeError("no idea")


def refused(run: JobRun) -> None:
    raise Conflict("not in this state")


def on_failed(run: JobRun) -> None:
    DONE.append(f"{run.job.error_code} {run.job.error}")


@pytest.fixture(autouse=True)
def kinds(settings, monkeypatch):
    here = "tests.core.test_jobs"
    settings.JOB_KINDS = {
        name: {"run": f"{here}.{name}", "on_failed": f"{here}.on_failed", "queue": "default"}
        for name in ("work", "flaky", "broken", "refused")
    }
    sent = []
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: sent.append(job_id))
    DONE.clear()
    return sent


def start(alice, kind="work", **fields) -> Job:
    return job_start(
        kind=kind, account_id=alice.account.pk, payload=fields.pop("payload", {"n": 7}), **fields
    )


@pytest.mark.django_db(transaction=True)
def test_it_is_enqueued_on_commit_only(alice, kinds):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        start(alice)
        1 / 0  # noqa: B018
    assert not kinds and not Job.objects.exists()
    job = start(alice)
    assert kinds == [job.pk]


def test_same_key_is_the_same_job_another_payload_a_conflict(alice):
    first = start(alice, idempotency_key="k")
    assert start(alice, idempotency_key="k").pk == first.pk
    with pytest.raises(Conflict):
        start(alice, idempotency_key="k", payload={"n": 8})
    assert start(alice, idempotency_key="other").pk != first.pk


def test_key_of_another_account_is_another_job(alice, bob):
    assert start(alice, idempotency_key="k").pk != start(bob, idempotency_key="k").pk


def test_done_once_with_its_result(alice):
    job = start(alice)
    execute(job.pk)
    execute(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, job.current, job.total) == ("succeeded", {"seen": 7}, 2, 2)
    assert [str(job.pk)] == DONE


@pytest.mark.django_db(transaction=True)
def test_sixteen_workers_claim_it_once(alice):
    job = start(alice)
    barrier, taken = threading.Barrier(16), []

    def worker():
        try:
            barrier.wait()
            if claim(job.pk):
                taken.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(taken) == 1


def test_an_expired_lease_is_taken_over_and_the_first_holder_can_not_end_it(alice):
    job = start(alice)
    first = claim(job.pk)
    assert claim(job.pk) is None
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = claim(job.pk)
    with pytest.raises(LeaseLost):
        first.finish({"by": "first"})
    with pytest.raises(LeaseLost):
        first.progress(1, force=True)
    second.finish({"by": "second"})
    job.refresh_from_db()
    assert job.result == {"by": "second"} and job.attempts == 2


def test_temporary_errors_are_tried_again_permanent_ones_not(alice):
    job = start(alice, "flaky")
    for _ in range(3):
        execute(job.pk)
        Job.objects.filter(pk=job.pk, state="pending").update(run_after=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.result, job.attempts) == ("succeeded", "third time", 3)
    other = start(alice, "refused")
    execute(other.pk)
    other.refresh_from_db()
    assert (other.state, other.error_code, other.attempts) == ("failed", "CONFLICT", 1)
    assert DONE[-1] == "CONFLICT not in this state"


def test_an_unknown_error_names_the_job_and_not_the_cause(alice):
    job = start(alice, "broken")
    for _ in range(3):
        Job.objects.update(run_after=timezone.now())
        execute(job.pk)
    job.refresh_from_db()
    assert job.state == "failed" and str(job.pk) in job.error and "no idea" not in job.error


def test_the_sweep_sends_lost_messages_and_expired_leases_again(alice, kinds):
    lost, fresh, leased, expired, later = (start(alice) for _ in range(5))
    kinds.clear()
    now = timezone.now()
    Job.objects.filter(pk=fresh.pk).update(enqueued_at=now)
    Job.objects.filter(pk=leased.pk).update(state="running", lease_until=now + timedelta(seconds=9))
    Job.objects.filter(pk=expired.pk).update(state="running", lease_until=now - timedelta(seconds=1))
    Job.objects.filter(pk=later.pk).update(run_after=now + timedelta(hours=1))
    assert sweep() == 2
    assert set(kinds) == {lost.pk, expired.pk}


def test_a_broker_that_is_away_loses_nothing(alice, monkeypatch):
    monkeypatch.undo()
    from apps.core.tasks import run_job

    def away(*args, **kwargs):
        raise OSError("connection refused")

    monkeypatch.setattr(run_job, "apply_async", away)
    job = Job.objects.create(account=alice.account, kind="work", payload={}, run_after=timezone.now())
    jobs.enqueue(job.pk, "work")
    job.refresh_from_db()
    assert job.enqueued_at is None and job.state == "pending"


def test_unknown_kind_is_a_programming_error(alice):
    with pytest.raises(LookupError):
        start(alice, "nonsense")
    assert claim(uuid.uuid4()) is None


SEND = """
import threading
import django
django.setup()
from apps.core.tasks import run_job
found = []
thread = threading.Thread(target=lambda: found.append(run_job.app.main))
thread.start()
thread.join()
print(found[0])
"""


def test_every_thread_of_a_plain_django_process_sends_through_our_app():
    """Neither a web server nor manage.py imports config.celery by itself."""
    done = subprocess.run(
        [sys.executable, "-c", SEND],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "igny8", done.stderr


@pytest.mark.django_db
def test_what_beat_sends_the_broker_takes(settings):
    """With the real broker: limits and options that Celery refuses show here, not in beat's log."""
    current_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert current_app.tasks[entry["task"]].apply_async(retry=False).id
