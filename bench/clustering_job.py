"""The clustering job of a large site as a worker does it: reading the rows, clustering, storing.

    make bench-clustering-job        (ROWS=100000)

Each job runs in a process of its own, so that its peak memory is its own: all keywords at once, a preview of them, a
hundredth more that joins what is there, and all cut again. In a scratch database beside the configured one, which is
dropped at the end. `ratio gigabytes` is the largest peak, `ratio seconds_<job>` what each took, loading included.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time

from bench.clustering import recombined

ROWS = int(os.environ.get("ROWS", 100_000))
DATABASE = "bench_igny8_clustering"
JOBS = {"all": {}, "joining": {}, "preview": {"preview": True, "recut": True}, "recut": {"recut": True}}


def prepare():
    """A site without keywords, and what a keyword's row needs besides its text."""
    from apps.accounts.models import Account, Industry, IndustrySector, Plan, Sector, Site, Subscription

    plan = Plan.objects.create(name="Bench", slug="bench", monthly_credits=1_000_000)
    account = Account.objects.create(name="Bench")
    Subscription.objects.create(account=account, plan=plan)
    site = Site.objects.create(account=account, name="Bench", slug="bench", domain="bench.example")
    industry = Industry.objects.create(name="Bench", slug="bench")
    catalogue = IndustrySector.objects.create(industry=industry, name="Bench", slug="bench")
    return Sector.objects.create(account=account, site=site, industry_sector=catalogue, name="Bench")


def add(sector, texts: list[str]) -> None:
    from apps.planner.models import Keyword

    rng = random.Random(3)
    Keyword.objects.bulk_create(
        (
            Keyword(
                account_id=sector.site.account_id,
                site_id=sector.site_id,
                sector=sector,
                keyword=text,
                key=text,
                volume=int(10 ** rng.uniform(0, 5)),
            )
            for text in texts
        ),
        batch_size=5000,
    )


def start(sector, name: str) -> str:
    from apps.core.jobs import job_start

    payload = {"site_id": sector.site_id, "sector_id": None, "keyword_ids": None, "granularity": 0.5, "recut": False,
               "preview": False, "polish_names": False} | JOBS[name]  # fmt: skip
    return str(job_start(kind="clusters.auto", account_id=sector.site.account_id, payload=payload).pk)


def work(job_id: str) -> None:
    """In a process of its own; prints one JSON line."""
    _connect()
    from apps.core.jobs import execute
    from apps.core.models import Job

    began = time.perf_counter()
    execute(job_id)
    job = Job.objects.get(pk=job_id)
    if job.state != "succeeded":
        raise SystemExit(f"{job.state}: {job.error or job.message}")
    counts = {name: job.result[name] for name in ("clusters", "clustered", "unclustered")}
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                **counts,
            }
        )
    )


def main() -> None:
    connection = _connect()
    from apps.core import jobs

    jobs.enqueue = lambda job_id, kind: None  # no worker of somebody else shall take them
    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    peaks, took = [], {}
    try:
        sector = prepare()
        texts = recombined(ROWS + ROWS // 100)
        random.Random(9).shuffle(texts)
        add(sector, texts[:ROWS])
        for name in JOBS:
            if name == "joining":
                add(sector, texts[ROWS:])
            command = [sys.executable, "-m", "bench.clustering_job", "work", start(sector, name)]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode:
                raise SystemExit(answer.stderr[-2000:])
            told = json.loads(answer.stdout.splitlines()[-1])
            peaks.append(told["megabytes"])
            took[name] = told["seconds"]
            print(
                "{name:8} {seconds:6.1f} s, {megabytes:,.0f} MiB peak, {clusters:,} clusters, {clustered:,} together, "
                "{unclustered:,} by themselves".format(name=name, **told),
                flush=True,
            )
    finally:
        connection.close()
        connection.creation.destroy_test_db(configured, verbosity=0)
    print(f"ratio gigabytes {max(peaks) * 2**20 / 1e9:.3f}")
    for name, seconds in took.items():
        print(f"ratio seconds_{name} {seconds:.1f}")


def _connect():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    if sys.argv[1:2] == ["work"]:
        connection.settings_dict["NAME"] = DATABASE
    return connection


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["work"] else main()
