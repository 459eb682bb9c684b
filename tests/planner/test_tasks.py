"""The planner's jobs, run as a worker runs them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from apps.accounts.models import LimitCounter
from apps.billing.services.ledger import credits_balance
from apps.core.models import Job
from apps.notifications.models import Notification
from apps.planner import tasks as planner_tasks
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.planner.services import ideas as ideas_service
from tests.factories import PlanFactory
from tests.factories.planner import ClusterFactory, KeywordFactory

KEYWORDS = "/api/v1/planner/keywords/"
CLUSTERS = "/api/v1/planner/clusters/"
# The jobs read the database from threads of their own, so nothing may hang in a test's transaction.
pytestmark = pytest.mark.django_db(transaction=True)


def upload(actor, text, headers=None, **fields):
    file = SimpleUploadedFile("list.csv", text.encode())
    body = {"file": file, "site_id": actor.site.pk, "sector_id": actor.sector.pk, **fields}
    answer = actor.client.post(KEYWORDS + "upload/", body, format="multipart", headers=headers or {})
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]["task_id"]


def told(actor) -> Notification:
    return Notification.objects.get(account=actor.account)


def stored_uploads(actor) -> list[str]:
    folder = f"keyword-uploads/{actor.account.pk}"
    return default_storage.listdir(folder)[1] if default_storage.exists(folder) else []


def test_upload_imports_skips_and_tells_why(alice, run_jobs):
    KeywordFactory(sector=alice.sector, keyword="Known", volume=50, intent="informational")
    KeywordFactory(sector=alice.sector, keyword="better", volume=5, volume_is_estimate=True)
    task_id = upload(alice, "Keyword,Volume\nnew one,10\nknown,50\nbetter,4\n,1\n", country="UK")
    (job,) = run_jobs()
    assert str(job.pk) == task_id and job.state == "succeeded", job.error
    # Another country is another keyword.
    assert (job.result["imported"], job.result["skipped"]) == (3, 1)
    upload(alice, "Keyword,Volume\nnew two,10\nknown,50\nbetter,4\n,1\n")
    (job,) = run_jobs()
    assert job.result == {
        "imported": 1,
        "updated": 1,
        "skipped": 2,
        "reasons": {"empty_keyword": 1, "already_there": 1},
        "refused": [{"line": 5, "keyword": "", "code": "empty_keyword", "reason": "The keyword is empty."}],
    }
    better = Keyword.objects.get(keyword="better", country="US")
    assert (better.volume, better.volume_is_estimate) == (4, False)
    row = Keyword.objects.get(keyword="new two")
    assert (row.sector, row.industry_sector, row.status) == (
        alice.sector,
        alice.sector.industry_sector,
        "new",
    )
    assert LimitCounter.objects.get(account=alice.account, resource="keywords").used == 4
    assert stored_uploads(alice) == []
    assert set(Notification.objects.values_list("notification_type", "severity")) == {
        ("keywords_imported", "success")
    }


def test_upload_stops_at_the_plan(alice, run_jobs):
    PlanFactory._meta.model.objects.update(max_keywords=2)
    upload(alice, "Keyword,Volume\nsmall,1\nlarge,100\nmiddle,50\n")
    (job,) = run_jobs()
    assert job.result["imported"] == 2 and job.result["reasons"] == {"plan_limit": 1}
    assert [(r["line"], r["keyword"], r["code"]) for r in job.result["refused"]] == [
        (2, "small", "plan_limit")
    ]
    assert set(Keyword.objects.values_list("keyword", flat=True)) == {"large", "middle"}


def test_same_upload_sent_twice_is_one_job(alice, run_jobs):
    header = {"Idempotency-Key": "upload-1"}
    first = upload(alice, "Keyword\none\n", header)
    assert upload(alice, "Keyword\none\n", header) == first and len(stored_uploads(alice)) == 1
    run_jobs()
    assert upload(alice, "Keyword\none\n", header) == first and stored_uploads(alice) == []
    file = SimpleUploadedFile("list.csv", b"Keyword\nother\n")
    body = {"file": file, "site_id": alice.site.pk, "sector_id": alice.sector.pk}
    assert (
        alice.client.post(KEYWORDS + "upload/", body, format="multipart", headers=header).status_code == 409
    )


def test_upload_that_fails_stores_nothing_and_says_so(alice, run_jobs):
    upload(alice, "Keyword\none\n")
    alice.sector.delete()
    (job,) = run_jobs()
    assert job.state == "failed" and job.error_code == "CONFLICT" and "sector" in job.error
    assert told(alice).severity == "error" and stored_uploads(alice) == []
    assert not Keyword.objects.exists()


def test_upload_whose_file_is_gone(alice, run_jobs):
    upload(alice, "Keyword\none\n")
    default_storage.delete(Job.objects.get().payload["path"])
    (job,) = run_jobs()
    assert job.state == "failed" and "Upload it again" in job.error


def test_large_upload_is_told_in_steps(alice, run_jobs, monkeypatch):
    from apps.core.jobs import JobRun

    seen = []
    progress = JobRun.progress
    monkeypatch.setattr(
        JobRun, "progress", lambda run, *a, **k: (seen.append(a), progress(run, *a, force=True))[1]
    )
    upload(alice, "Keyword\n" + "".join(f"keyword number {n}\n" for n in range(12_000)))
    (job,) = run_jobs()
    assert job.state == "succeeded" and job.result["imported"] == 12_000 and job.current == 12_000
    assert [step[0] for step in seen] == [5000, 10_000, 12_000]


def test_auto_cluster_job(alice, bob, run_jobs):
    for text in ("cold brew ratio", "cold brew coffee ratio", "mountain bike tyres"):
        KeywordFactory(sector=alice.sector, keyword=text)
    KeywordFactory(sector=bob.sector)
    answer = alice.client.post(CLUSTERS + "auto_cluster/", {"site_id": alice.site.pk, "granularity": 0.4})
    assert answer.status_code == 200, answer.content
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    assert job.result == {"clusters": 2, "clustered": 2, "unclustered": 1, "credits": 1}
    assert told(alice).notification_type == "ai_cluster_complete"
    assert Keyword.objects.get(account=bob.account).status == "new"


def test_auto_cluster_with_nothing_new_is_done_and_free(alice, run_jobs):
    alice.client.post(CLUSTERS + "auto_cluster/", {"site_id": alice.site.pk})
    (job,) = run_jobs()
    assert job.state == "succeeded" and job.result["credits"] == 0


def test_auto_cluster_that_fails_gives_back_and_says_so(alice, run_jobs):
    KeywordFactory(sector=alice.sector)
    alice.client.post(CLUSTERS + "auto_cluster/", {"site_id": alice.site.pk})
    PlanFactory._meta.model.objects.update(monthly_credits=0)
    (job,) = run_jobs()
    assert job.state == "failed" and job.error_code == "INSUFFICIENT_CREDITS"
    assert told(alice).notification_type == "ai_cluster_failed" and not Cluster.objects.exists()


def test_generate_ideas_job(alice, run_jobs):
    clusters = ClusterFactory.create_batch(3, sector=alice.sector)
    for number, cluster in enumerate(clusters):
        KeywordFactory(
            sector=alice.sector, keyword=f"topic {number} guide", cluster=cluster, status="clustered"
        )
    before = credits_balance(account_id=alice.account.pk)["available"]
    body = {"cluster_ids": [c.pk for c in clusters], "ideas_per_cluster": 2, "allow_duplicate": True}
    answer = alice.client.post(CLUSTERS + "generate_ideas/", body)
    assert answer.status_code == 200, answer.content
    # One is gone when its turn comes: the others are made all the same.
    clusters[0].delete()
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    assert (job.result["ideas"], job.result["clusters"], job.result["credits"]) == (4, 2, 4)
    assert [item["cluster_id"] for item in job.result["failed"]] == [body["cluster_ids"][0]]
    assert (job.current, job.total) == (3, 3)
    assert ContentIdea.objects.count() == 4
    assert credits_balance(account_id=alice.account.pk)["available"] == before - 4
    note = told(alice)
    assert (note.notification_type, note.severity) == ("ai_ideas_complete", "warning")


def test_generate_ideas_goes_on_where_a_killed_worker_stopped(alice, run_jobs):
    from apps.planner.services.ideas import ideas_generate

    clusters = ClusterFactory.create_batch(2, sector=alice.sector)
    for number, cluster in enumerate(clusters):
        KeywordFactory(sector=alice.sector, keyword=f"topic {number}", cluster=cluster, status="clustered")
    answer = alice.client.post(CLUSTERS + "generate_ideas/", {"cluster_ids": [c.pk for c in clusters]})
    task_id = answer.json()["data"]["task_id"]
    ideas_generate(
        account_id=alice.account.pk, cluster_id=clusters[0].pk, reference=f"job:{task_id}:{clusters[0].pk}"
    )
    (job,) = run_jobs()
    assert job.state == "succeeded" and job.result["ideas"] == 2 and ContentIdea.objects.count() == 2
    assert job.result["credits"] == 2


def test_generate_ideas_that_fails_says_so(alice, run_jobs):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    alice.client.post(CLUSTERS + "generate_ideas/", {"cluster_ids": [cluster.pk]})
    cluster.delete()
    (job,) = run_jobs()
    assert job.state == "failed" and job.error_code == "NOT_FOUND"
    assert told(alice).notification_type == "ai_ideas_failed"


def test_a_bug_in_one_cluster_does_not_fail_the_others(alice, run_jobs, monkeypatch):
    good, bad = ClusterFactory.create_batch(2, sector=alice.sector)
    for cluster in (good, bad):
        KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    make = planner_tasks.ideas_generate

    def broken(*, cluster_id, **asked):
        return 1 / 0 if cluster_id == bad.pk else make(cluster_id=cluster_id, **asked)

    monkeypatch.setattr(planner_tasks, "ideas_generate", broken)
    alice.client.post(CLUSTERS + "generate_ideas/", {"cluster_ids": [bad.pk, good.pk]})
    (job,) = run_jobs()
    assert job.state == "succeeded" and job.result["ideas"] == 1 == ContentIdea.objects.count()
    [failed] = job.result["failed"]
    assert (
        failed["cluster_id"] == bad.pk
        and str(job.pk) in failed["error"]
        and "division" not in failed["error"]
    )


def test_two_clusters_given_the_same_title_store_it_once(alice, monkeypatch):
    one, two = ClusterFactory.create_batch(2, sector=alice.sector)
    for cluster in (one, two):
        KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    common = {"account_id": alice.account.pk, "count": 1}
    inputs = {"cluster": "x", "keywords": [], "count": 1, "language": "en", "existing_titles": []}
    answer = ideas_service.text_call(function="ideas", inputs=inputs, account_id=alice.account.pk)
    both_paid, first_stored = threading.Barrier(2, timeout=10), threading.Event()

    def ask(*, inputs: dict, **asked):
        both_paid.wait()
        if inputs["cluster"] == two.name:
            assert first_stored.wait(10)
        return answer

    def second() -> dict:
        try:
            return ideas_service.ideas_generate(cluster_id=two.pk, reference="two", **common)
        finally:
            connection.close()

    def hold(result: dict) -> None:
        # Inside the first one's transaction: the second one must wait for its end, not read past it.
        first_stored.set()
        time.sleep(0.5)

    monkeypatch.setattr(ideas_service, "text_call", ask)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second)
        made = ideas_service.ideas_generate(cluster_id=one.pk, reference="one", finish=hold, **common)
        second_made = waiting.result()
    assert (second_made["idea_ids"], second_made["credits"]) == ([], 0)
    assert [item["topic"]["source_id"] for item in second_made["skipped"]] == made["idea_ids"]
    assert list(ContentIdea.objects.values_list("pk", flat=True)) == made["idea_ids"]


def test_the_same_key_again_is_its_job_though_the_credits_are_gone(alice, run_jobs):
    cluster = ClusterFactory(sector=alice.sector)
    KeywordFactory(sector=alice.sector, cluster=cluster, status="clustered")
    KeywordFactory(sector=alice.sector)
    asked = [
        ("auto_cluster/", {"site_id": alice.site.pk}),
        ("generate_ideas/", {"cluster_ids": [cluster.pk]}),
    ]

    def ask(key: str) -> list:
        return [
            alice.client.post(CLUSTERS + action, body, headers={"Idempotency-Key": f"{key}-{action}"})
            for action, body in asked
        ]

    first = [answer.json()["data"]["task_id"] for answer in ask("k")]
    PlanFactory._meta.model.objects.update(monthly_credits=0)
    assert [answer.json()["data"]["task_id"] for answer in ask("k")] == first
    assert [answer.status_code for answer in ask("other")] == [402, 402]
