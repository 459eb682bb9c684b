"""The items of a job that wait for a provider, several at a time."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from apps.core.errors import AppError
from apps.core.jobs import JobCancelled, JobRun, LeaseLost, TemporaryError
from apps.core.models import Job
from apps.intelligence.services import UpstreamFailed

log = logging.getLogger(__name__)


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

    A failed item does not fail the others. TemporaryError when the provider is down: what was done stays,
    and the next execution goes on with the rest. `verb` is what the progress says was done.
    """
    done: dict[int, Any] = {}
    failed: dict[int, AppError] = {}
    run.progress(0, len(ids), force=True)
    with ThreadPoolExecutor(max(1, min(workers, len(ids)))) as pool:
        futures = {pool.submit(_in_thread, work, item): item for item in ids}
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
                except (LeaseLost, JobCancelled, TemporaryError, OperationalError, InterfaceError):
                    raise
                except Exception:
                    log.exception("item %s of job %s failed", item, run.job.pk)
                    failed[item] = ItemFailed(
                        f"Something went wrong on our side. Tell us this job id: {run.job.pk}"
                    )
                count = len(done) + len(failed)
                run.progress(count, len(ids), f"{len(done)} of {len(ids)} {verb}")
        except BaseException:
            # What waits is not begun; what is in hand ends, and is stored or gives its credits back.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return done, failed


def _in_thread(work: Callable[[int], Any], item: int) -> Any:
    try:
        return work(item)
    finally:
        connection.close()
