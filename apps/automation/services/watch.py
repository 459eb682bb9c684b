"""Progress of a run in a terminal, read from its rows: whoever works on it."""

import threading
import time

from django.db import connection
from django.db.models import Count, Q
from tqdm import tqdm

from apps.automation.models import Run, RunItem, RunStage
from apps.automation.services.stages import STAGES
from apps.core import jobs

WORKER_PATIENCE_SECONDS = 8


def run_watch(*, run: Run, here: bool = True, timeout: float = 24 * 3600) -> Run:
    """Shows a bar for each stage until the run ends or pauses.

    No worker takes it within some seconds, or `here` says so at once: it is done in this process.
    """
    bars: dict[int, tqdm] = {}
    began = time.monotonic()
    worker: threading.Thread | None = None
    try:
        while time.monotonic() - began < timeout:
            run.refresh_from_db()
            _draw(run, bars)
            if run.status not in (Run.Status.PENDING, Run.Status.RUNNING):
                return run
            if worker and not worker.is_alive():
                worker = None
            waited = time.monotonic() - began > WORKER_PATIENCE_SECONDS
            if worker is None and (here or (waited and run.status == Run.Status.PENDING)):
                worker = threading.Thread(target=_work_here, args=[run.job_id], daemon=True)
                worker.start()
            time.sleep(0.3)
        return run
    finally:
        if worker:
            worker.join(timeout=60)
        for bar in bars.values():
            bar.close()


def _work_here(job_id) -> None:
    try:
        jobs.execute(job_id)
    finally:
        connection.close()


def _draw(run: Run, bars: dict[int, tqdm]) -> None:
    counts = {
        row["stage"]: row
        for row in RunItem.objects.filter(run=run)
        .order_by()
        .values("stage")
        .annotate(total=Count("pk"), ended=Count("pk", filter=Q(state__in=["done", "failed"])))
    }
    reached = set(RunStage.objects.filter(run=run).exclude(state="pending").values_list("number", flat=True))
    for stage in STAGES:
        if stage.number not in reached:
            continue
        row = counts.get(stage.number, {"total": 0, "ended": 0})
        bar = bars.get(stage.number)
        if bar is None:
            label = f"{stage.number}/7 {stage.name}"
            bar = bars[stage.number] = tqdm(
                total=row["total"],
                desc=f"{label:<32}",
                unit="",
                leave=True,
                dynamic_ncols=True,
                mininterval=0.2,
            )
        if bar.disable:
            continue  # closed: a later stage was reached before
        changed = bar.total != row["total"]
        bar.total = row["total"]
        if bar.update(row["ended"] - bar.n) is None and changed:
            bar.refresh()
        if stage.number + 1 in reached:
            bar.close()
