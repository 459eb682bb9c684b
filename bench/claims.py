"""What 16 workers claim side by side, and how near a stage comes to what its provider allows.

    make bench-claims        (ROUNDS=9 SECONDS=1 WAVES=20 LATENCY=1)

claims  4 processes of 4 threads claim pending items of a run (the statement of the engine) and products to score
        (`products_claim`), one or 20 at a time, in turns; `lock` is the same for 20 items without SKIP LOCKED.
        Nothing may be handed out twice.
stage   the engine writes articles with a provider that takes LATENCY seconds a call, 16 calls at a time. The bound is
        16 x 60 / LATENCY a minute; the rate is that of a whole run, its begin and end included. No model writes an
        article faster than in some seconds; below that our own work on it, some 25 ms of one core, becomes the bound.

All in a scratch database beside the configured one, which is dropped at the end. `ratio claims` and `ratio leases` are
medians of 20 at a time over one at a time, in items a second; `ratio lock` of `lock` over 20 with SKIP LOCKED;
`ratio stage` of the rate over the bound.
"""

import json
import multiprocessing
import os
import re
import statistics
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUNDS = int(os.environ.get("ROUNDS", 9))
SECONDS = float(os.environ.get("SECONDS", 1))
WAVES = int(os.environ.get("WAVES", 20))
LATENCY = float(os.environ.get("LATENCY", 1))
PROCESSES, THREADS = 4, 4
CONCURRENCY = 16
ITEMS = 60_000
DATABASE = "bench_igny8_claims"
VARIANTS = {"one": 1, "twenty": 20, "lock": 20, "lease_one": 1, "lease_twenty": 20}

ARTICLE = {
    "title": "Cold brew",
    "slug": "cold-brew",
    "excerpt": "How to make it.",
    "meta_title": "Cold brew",
    "meta_description": "How to make cold brew.",
    "primary_keyword": "cold brew",
    "secondary_keywords": [],
    "categories": [],
    "tags": [],
    "html": "<p>Cold brew takes one part of coffee to eight parts of water.</p>" * 20,
}


def claim(variant: str, run_id: int) -> list[int]:
    """The ids that one claim of a variant gives."""
    from django.db import connection

    from apps.automation.services.engine import CLAIM
    from apps.intelligence.services.leases import products_claim

    n = VARIANTS[variant]
    if variant.startswith("lease"):
        return products_claim(worker="bench", limit=n)
    statement = CLAIM if variant != "lock" else CLAIM.replace(" SKIP LOCKED", "")
    with connection.cursor() as cursor:
        cursor.execute(statement, [uuid.uuid4(), run_id, 4, n])
        return [row[0] for row in cursor.fetchall()]


def claimer(turns: list[str], run_id: int, start, end, counts, errors) -> None:
    """One process. Its threads meet the others before and after each turn, and claim in between."""
    import django

    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = DATABASE

    def work() -> None:
        connection.ensure_connection()
        for turn, variant in enumerate(turns):
            taken = 0
            start.wait()
            until = time.monotonic() + SECONDS
            try:
                while time.monotonic() < until:
                    taken += len(claim(variant, run_id))
            except Exception as error:
                errors.put(f"{variant}: {error!r}")
            with counts.get_lock():
                counts[turn] += taken
            end.wait()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def prepare_claims() -> int:
    """Pending items of a run, and products without a score. Returns the run's id."""
    from django.db import connection

    from apps.accounts.models import Account, Site
    from apps.automation.models import Run, RunItem

    account = Account.objects.create(name="Bench")
    site = Site.objects.create(account=account, name="Bench", slug="bench-claims", domain="claims.example")
    run = Run.objects.create(account=account, site=site, status=Run.Status.CANCELLED)
    RunItem.objects.bulk_create(
        (RunItem(account=account, run=run, stage=4, object_id=n) for n in range(ITEMS)), batch_size=5000
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO parsing_product (gift_id, site_key, product_url, title, description, currency, image_url,"
            " merchant) SELECT 'shop:' || n, 'shop', 'https://shop.example/' || n, 'Mug ' || n,"
            " repeat('A mug of stoneware. ', 20), 'EUR', '', '' FROM generate_series(1, %s) AS n",
            [ITEMS],
        )
        cursor.execute("VACUUM ANALYZE parsing_product")
        cursor.execute("VACUUM ANALYZE automation_runitem")
    return run.pk


def reset(run_id: int) -> None:
    """All is pending again, without the dead rows that the last turn left behind."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE automation_runitem SET state = 'pending' WHERE state = 'claimed'")
        cursor.execute("TRUNCATE intelligence_scoringlease")
        cursor.execute("VACUUM automation_runitem")


def count_taken(variant: str) -> int:
    """What stands in the database as handed out: more was counted where something was handed out twice."""
    from apps.automation.models import RunItem
    from apps.intelligence.models import ScoringLease

    if variant.startswith("lease"):
        return ScoringLease.objects.count()
    return RunItem.objects.filter(state="claimed").count()


def measure_claims(run_id: int) -> tuple[dict[str, list[float]], list[str]]:
    """Items a second of each variant by round, and what went wrong."""
    turns = [*VARIANTS] * (ROUNDS + 1)  # the first round warms up
    context = multiprocessing.get_context("spawn")
    parties = PROCESSES * THREADS + 1
    start, end = context.Barrier(parties), context.Barrier(parties)
    counts, errors = context.Array("q", len(turns)), context.Queue()
    workers = [
        context.Process(target=claimer, args=(turns, run_id, start, end, counts, errors))
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    rates: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    wrong = []
    for turn, variant in enumerate(turns):
        reset(run_id)
        start.wait(timeout=120)
        began = time.monotonic()
        end.wait(timeout=120)
        elapsed = time.monotonic() - began
        if counts[turn] != (stands := count_taken(variant)):
            wrong.append(f"{variant}: {counts[turn]} were handed out, {stands} are")
        if turn >= len(VARIANTS):
            rates[variant].append(counts[turn] / elapsed)
    for worker in workers:
        worker.join()
    while not errors.empty():
        wrong.append(errors.get())
    return rates, wrong


class Handler(BaseHTTPRequestHandler):
    """A provider that speaks OpenAI's API and takes LATENCY seconds."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        began = time.monotonic()
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Each article has the title that was asked for: no two of them want one slug.
        title = re.search(r"Article \d+-\d+", sent["messages"][-1]["content"])[0]
        article = {**ARTICLE, "title": title, "slug": title.lower().replace(" ", "-")}
        message = {"role": "assistant", "content": json.dumps(article)}
        body = json.dumps(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": sent["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
            }
        ).encode()
        time.sleep(max(0, began + LATENCY - time.monotonic()))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def serve(port) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port.value = server.server_port
    server.serve_forever()


def measure_stage() -> list[float]:
    """Articles a minute of each round."""
    from django.conf import settings
    from django.utils import timezone

    from apps.accounts.models import Account, Plan, Site, Subscription
    from apps.automation.models import RunItem
    from apps.automation.services.runs import run_start
    from apps.billing.services.ledger import credits_balance
    from apps.core import jobs
    from apps.core.models import Job
    from apps.integration.services.settings import site_settings
    from apps.writer.models import Task

    context = multiprocessing.get_context("spawn")
    port = context.Value("i", 0)
    provider = context.Process(target=serve, args=(port,), daemon=True)
    provider.start()
    while not port.value:
        time.sleep(0.05)
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-bench", f"http://127.0.0.1:{port.value}/v1"
    settings.OUTBOUND_ALLOW_PRIVATE = [f"127.0.0.1:{port.value}"]
    settings.AI_TEXT_MODEL = "bench"
    settings.AI_CONCURRENCY = {**settings.AI_CONCURRENCY, "openai": CONCURRENCY}
    plan = Plan.objects.create(name="Bench", slug="bench", monthly_credits=1_000_000)
    account = Account.objects.create(name="Stage")
    Subscription.objects.create(account=account, plan=plan)
    credits_balance(account_id=account.pk)
    site = Site.objects.create(account=account, name="Stage", slug="bench-stage", domain="stage.example")
    record = site_settings(site_id=site.pk, account_id=account.pk)
    record.delay_within_stage = record.delay_between_stages = 0
    for stage in record.stages:
        stage["enabled"] = stage["number"] == 4
    record.save()
    jobs.enqueue = lambda job_id, kind: None  # the job is done here
    rates = []
    for turn in range(ROUNDS + 1):
        n = WAVES * CONCURRENCY if turn else CONCURRENCY  # the first round warms up
        Task.objects.bulk_create(
            Task(account=account, site=site, title=f"Article {turn}-{i}", word_count=300) for i in range(n)
        )
        run = run_start(site=site)
        began = time.monotonic()
        jobs.execute(run.job_id)
        elapsed = time.monotonic() - began
        run.refresh_from_db()
        done = RunItem.objects.filter(run=run, state="done").count()
        if done != n or run.status != "completed":
            job = Job.objects.get(pk=run.job_id)
            raise SystemExit(
                f"{done} of {n} done at {timezone.now()}: {run.status} {run.error_message} {job.error}"
            )
        if turn:
            rates.append(n / elapsed * 60)
    provider.terminate()
    return rates


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        claims, wrong = measure_claims(prepare_claims())
        stage = measure_stage()
    finally:
        connection.close()
        connection.creation.destroy_test_db(configured, verbosity=0)
    print(f"{PROCESSES * THREADS} workers, {ROUNDS} rounds of {SECONDS} s\n")
    print(f"{'':14} {'items/s':>9} {'lowest':>9} {'highest':>9}")
    for variant, rates in claims.items():
        print(f"{variant:14} {statistics.median(rates):9,.0f} {min(rates):9,.0f} {max(rates):9,.0f}")
    bound = CONCURRENCY * 60 / LATENCY
    print(f"\nstage: {statistics.median(stage):,.0f} articles a minute, the bound is {bound:,.0f}\n")
    for sentence in wrong:
        print("WRONG:", sentence)
    print("nothing was handed out twice\n" if not wrong else "")
    for name, ours, theirs in (
        ("claims", "twenty", "one"),
        ("leases", "lease_twenty", "lease_one"),
        ("lock", "lock", "twenty"),
    ):
        ratios = [a / b for a, b in zip(claims[ours], claims[theirs], strict=True)]
        print(f"ratio {name} {statistics.median(ratios):.2f}")
    print(f"ratio stage {statistics.median(stage) / bound:.2f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
