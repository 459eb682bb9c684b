"""The items of a job that wait for a provider, several at a time."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from apps.core.errors import AppError
from apps.core.jobs import GoOnLater, JobCancelled, JobRun, LeaseLost, TemporaryError
from apps.core.models import Job
from apps.intelligence.services.calls import UpstreamFailed

log = logging.getLogger(__name__)
# Well below the worker's limit for one task: what is in hand then must still end.
SHIFT_SECONDS = 20 * 60


class ItemFailed(AppError):
    status = 500
    code = "INTERNAL_ERROR"


@contextmanager
def waiting_for_provider() -> Iterator[None]:
    """A provider that is down makes the job wait; one that refuses us (key, model) fails it."""
    try:
        yield
    except UpstreamFailed as error:
        if error.provider_down and not error.permanent:
            raise TemporaryError(error.message, retry_after=error.retry_after) from error
        raise


def still_wanted(run: JobRun) -> None:
    """For a service's `finish`: raises when the job was cancelled or another execution holds it."""
    try:
        run.check()
    except LeaseLost:
        if Job.objects.filter(pk=run.job.pk, state=Job.State.CANCELLED).exists():
            raise JobCancelled from None
        raise


def work_side_by_side(
    run: JobRun, ids: list[int], work: Callable[[int], Any], *, workers: int, verb: str
) -> tuple[dict[int, Any], dict[int, AppError]]:
    """Does `work(id)` for each id in threads and tells the progress. Returns results and failures by id.

    A failed item does not fail the others. `work` does nothing for what is done already: TemporaryError, when
    the provider is down, and GoOnLater, after SHIFT_SECONDS, leave the rest to the next execution. What failed
    in a shift is not tried again in the next one. `verb` is what the progress says was done.
    """
    done: dict[int, Any] = {}
    failed = _failed_before(run)
    until = time.monotonic() + SHIFT_SECONDS
    run.progress(len(failed), len(ids), force=True)
    with ThreadPoolExecutor(max(1, min(workers, len(ids)))) as pool:
        futures = {pool.submit(_in_thread, work, item, until): item for item in ids if item not in failed}
        try:
            for future in as_completed(futures):
                item = futures[future]
                try:
                    with waiting_for_provider():
                        done[item] = future.result()
                except UpstreamFailed as error:
                    if error.provider_down:
                        raise
                    failed[item] = error
                except AppError as error:
                    failed[item] = error
                except (LeaseLost, JobCancelled, TemporaryError, GoOnLater, OperationalError, InterfaceError):
                    raise
                except Exception:
                    log.exception("item %s of job %s failed", item, run.job.pk)
                    failed[item] = ItemFailed(
                        f"Something went wrong on our side. Tell us this job id: {run.job.pk}"
                    )
                count = len(done) + len(failed)
                run.progress(count, len(ids), f"{len(done)} of {len(ids)} {verb}")
        except BaseException as error:
            # What waits is not begun; what is in hand ends, and is stored or gives its credits back.
            pool.shutdown(wait=True, cancel_futures=True)
            if isinstance(error, GoOnLater):
                _keep_failures(run, failed)
            raise
    return done, failed


def _failed_before(run: JobRun) -> dict[int, AppError]:
    """The failures of the shifts before this one: without them many that fail slowly would have no end."""
    kept = (run.job.result or {}).get("failed_before", {})
    failed: dict[int, AppError] = {}
    for item, (code, message) in kept.items():
        failed[int(item)] = ItemFailed(message)
        failed[int(item)].code = code
    return failed


def _keep_failures(run: JobRun, failed: dict[int, AppError]) -> None:
    kept = {"failed_before": {item: (error.code, error.message) for item, error in failed.items()}}
    Job.objects.filter(pk=run.job.pk, lease_token=run.token).update(result=kept)


def _in_thread(work: Callable[[int], Any], item: int, until: float) -> Any:
    if time.monotonic() > until:
        raise GoOnLater
    try:
        return work(item)
    finally:
        connection.close()
