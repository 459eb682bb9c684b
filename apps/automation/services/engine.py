"""Works a run off: stage by stage, item by item. All that it knows stands in rows.

Who dies here leaves claimed items behind; the next execution of the job finds them by their claim, which is not
its own, and takes them up again. An item ends in the transaction that stores its result, and only for the claim
that holds it.
"""

import contextlib
import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.services.limits import PlanLimitReached
from apps.automation.models import Run, RunItem, RunLog, RunStage
from apps.automation.services.approval import held_back
from apps.automation.services.costs import Budget
from apps.automation.services.pausing import PauseRun, run_stop
from apps.automation.services.stages import STAGES, Stage, Work, content_with_images_to_review
from apps.automation.services.telling import run_tell_finished, stage_tell
from apps.billing.services.ledger import AlreadySettled, InsufficientCredits
from apps.core.errors import AppError
from apps.core.jobs import GoOnLater, JobRun, LeaseLost
from apps.core.locks import Busy
from apps.integration.models import SiteSettings
from apps.integration.services.settings import site_settings
from apps.intelligence.services import UpstreamFailed
from apps.publisher.services.wordpress import TargetFailed
from apps.system.services.modules import modules_of

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
SHIFT_SECONDS = 20 * 60
MAX_DELAY_SECONDS = 60
# How often a stage at work looks whether it is still wanted, and tells its progress.
CHECK_SECONDS = 0.25
PROGRESS_SECONDS = 0.5
# The threads of a stage begin one after the other: side by side they would wait for each other's work of ours, and at
# the end of their calls all at once again.
APART_SECONDS = 0.02

CLAIM = """
UPDATE automation_runitem SET state = 'claimed', claim_token = %s, claimed_at = NULL
WHERE id = ANY (ARRAY(
  SELECT id FROM automation_runitem WHERE run_id = %s AND stage = %s AND state = 'pending'
  ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id, object_id
"""
BEGIN = """
UPDATE automation_runitem SET claimed_at = %s, attempts = attempts + 1
WHERE id = %s AND state = 'claimed' AND claim_token = %s RETURNING attempts
"""


class Ended(Exception):
    """The run was paused, cancelled or is over: nothing more is to be done."""


class Engine:
    """One execution of a run's job."""

    def __init__(self, job: JobRun, run: Run):
        self.job = job
        self.run = run
        self.settings: SiteSettings = site_settings(site_id=run.site_id, account_id=run.account_id)
        self.until = time.monotonic() + SHIFT_SECONDS
        self.stopping = threading.Event()

    def log(self, message: str, *, stage: int | None = None, level: str = RunLog.Level.INFO) -> None:
        RunLog.objects.create(
            account_id=self.run.account_id, run=self.run, stage=stage, level=level, message=message[:500]
        )

    def work(self) -> dict:
        """All stages from where the run stands. Returns the job's result."""
        if self.run.job_id != self.job.job.pk:
            return {"run_id": self.run.pk, "status": self.run.status}
        began = Run.objects.filter(pk=self.run.pk, status=Run.Status.PENDING).update(
            status=Run.Status.RUNNING, started_at=timezone.now()
        )
        if began:
            self.log("The run has begun.")
        self._free_items()
        try:
            for stage in STAGES:
                self._stage(stage)
            self._complete()
        except Ended:
            pass
        except PauseRun as stop:
            self.job.check()
            if not run_stop(run=self.run, job_id=self.job.job.pk, stop=stop):
                raise GoOnLater from None
        self.run.refresh_from_db()
        return {"run_id": self.run.pk, "status": self.run.status}

    def _free_items(self) -> None:
        """What another execution held when it died is free again: the job's lease is ours alone now."""
        left = RunItem.objects.filter(run=self.run, state=RunItem.State.CLAIMED).exclude(
            claim_token=self.job.token
        )
        left.filter(attempts__gte=MAX_ATTEMPTS).update(
            state=RunItem.State.FAILED,
            error=f"The worker died {MAX_ATTEMPTS} times while it worked on this.",
            finished_at=timezone.now(),
        )
        left.update(state=RunItem.State.PENDING, claim_token=None, claimed_at=None)

    def _check(self) -> None:
        """Before anything new is begun: is the run still wanted, and the job still ours?"""
        row = Run.objects.values_list("status", "pause_asked", "job_id", "account__status")
        status, pause_asked, job_id, account = row.get(pk=self.run.pk)
        # A run that was paused and resumed has another job now.
        if status != Run.Status.RUNNING or job_id != self.job.job.pk:
            raise Ended
        if pause_asked:
            raise PauseRun("Paused by a user.", Run.Reason.USER)
        if account != Account.Status.ACTIVE:
            raise PauseRun(
                "The account is suspended: settle what is open under billing.", Run.Reason.PLAN_LIMIT
            )
        self.job.check()

    def _stage(self, stage: Stage) -> None:
        config = self.settings.stage(stage.number)
        row, _ = RunStage.objects.get_or_create(
            run=self.run, number=stage.number, defaults={"account_id": self.run.account_id}
        )
        if row.state in (RunStage.State.COMPLETED, RunStage.State.SKIPPED):
            return
        self._check()
        Run.objects.filter(pk=self.run.pk).update(current_stage=stage.number)
        if row.state == RunStage.State.PENDING:
            on = modules_of(account_id=self.run.account_id)[stage.module]
            if not (config["enabled"] and on):
                whose = f"the module {stage.module} is" if not on else "it is"
                sentence = f"{stage.name}: {whose} switched off."
                RunStage.objects.filter(pk=row.pk).update(
                    state=RunStage.State.SKIPPED, completed_at=timezone.now(), reason=sentence
                )
                self.log(sentence, stage=stage.number)
                return
            if stage.number > 1 and self.settings.delay_between_stages:
                time.sleep(min(self.settings.delay_between_stages, MAX_DELAY_SECONDS))
            self._fill(stage, row, config)
        early = self._items(stage, config)
        if stage.number == 6 and (moved := content_with_images_to_review(self.run)):
            self.log(f"{moved} articles have their images and go to review.", stage=6)
        done, failed = stage_tell(run=self.run, stage=stage)
        RunStage.objects.filter(pk=row.pk).update(
            state=RunStage.State.COMPLETED, completed_at=timezone.now(), reason=early
        )
        self.log(
            f"{stage.name}: {done} done" + (f", {failed} failed." if failed else "."), stage=stage.number
        )

    def _fill(self, stage: Stage, row: RunStage, config: dict) -> None:
        """Fixes the stage's items. Done again after a crash it adds nothing twice."""
        ids = list(stage.waiting(self.run.site_id, self.settings))
        # Stage 1 has one item; its limit counts keywords and is the service's.
        if stage.number > 1 and config["per_run_limit"]:
            ids = ids[: config["per_run_limit"]]
        RunItem.objects.bulk_create(
            [
                RunItem(account_id=self.run.account_id, run=self.run, stage=stage.number, object_id=object_id)
                for object_id in ids
            ],
            ignore_conflicts=True,
            batch_size=5000,
        )
        RunStage.objects.filter(pk=row.pk).update(state=RunStage.State.RUNNING, started_at=timezone.now())
        if (
            stage.number == 7
            and self.settings.auto_approval_enabled
            and (told := held_back(settings=self.settings))
        ):
            self.log(told, stage=7)

    def _items(self, stage: Stage, config: dict) -> str:
        """Keeps the stage's threads busy until nothing is left, or a reason to stop came up and all are idle.

        A wave of items is claimed ahead, so that no thread waits for the next. Returns why it ended early, or "".
        """
        threads = stage.threads(self.run.account_id, self.run.site_id)
        items = RunItem.objects.filter(run=self.run, stage=stage.number)
        budget = Budget.of(self.run, stage, self.settings)
        total = items.count()
        todo: SimpleQueue = SimpleQueue()
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        in_hand, checked, told = 0, 0.0, 0.0
        reason: BaseException | None = None
        self.stopping.clear()
        with ThreadPoolExecutor(threads, thread_name_prefix=f"run{self.run.pk}-{stage.number}") as pool:
            for n in range(threads):
                pool.submit(self._thread, stage, config, todo, ended, n * APART_SECONDS)
            try:
                while True:
                    now = time.monotonic()
                    if reason is None:
                        try:
                            if now - checked > CHECK_SECONDS:
                                self._check()
                                checked = now
                            if now > self.until:
                                raise GoOnLater
                            if in_hand <= threads + threads // 2:
                                for item in self._claim(stage, budget, 2 * threads, in_hand):
                                    todo.put(item)
                                    in_hand += 1
                        except (Ended, PauseRun, GoOnLater, LeaseLost) as stop:
                            reason = stop
                    if reason is not None:
                        in_hand -= self._give_back(todo)
                    if not in_hand:
                        break
                    try:
                        reason = ended.get(timeout=1.0) or reason
                        in_hand -= 1
                        while True:
                            reason = ended.get_nowait() or reason
                            in_hand -= 1
                    except Empty:
                        pass
                    if now - told > PROGRESS_SECONDS:
                        told = now
                        left = items.filter(state__in=[RunItem.State.PENDING, RunItem.State.CLAIMED]).count()
                        self.job.progress(
                            (stage.number - 1) * 100 + (total - left) * 100 // max(total, 1),
                            len(STAGES) * 100,
                            f"{stage.name}: {total - left} of {total}",
                        )
            finally:
                with contextlib.suppress(DatabaseError):  # after an error: nobody is to begin these
                    self._give_back(todo)
                for _ in range(threads):
                    todo.put(None)
        if reason:
            raise reason
        left = items.filter(state=RunItem.State.PENDING)
        if not left.exists():
            return ""
        if budget.run_is_spent:
            raise PauseRun(budget.sentence, Run.Reason.CREDITS_LIMIT)
        left.update(state=RunItem.State.SKIPPED, error=budget.sentence, finished_at=timezone.now())
        self.log(budget.sentence, stage=stage.number, level=RunLog.Level.WARNING)
        return budget.sentence

    def _give_back(self, todo: SimpleQueue) -> int:
        """What was claimed ahead and not begun is free again. Returns how many."""
        self.stopping.set()
        given = 0
        with contextlib.suppress(Empty):
            while True:
                self._back(todo.get_nowait()[0])
                given += 1
        return given

    def _thread(
        self, stage: Stage, config: dict, todo: SimpleQueue, ended: SimpleQueue, begins_after: float
    ) -> None:
        """One thread of a stage: items until it is told None. It closes the database connection that it opened.

        It rests by itself after each batch: the delay spares the provider, it does not queue the others.
        """
        worked, rest_until = 0, 0.0
        delay = min(self.settings.delay_within_stage, MAX_DELAY_SECONDS)
        time.sleep(begins_after)
        try:
            while (item := todo.get()) is not None:
                try:
                    rest = rest_until - time.monotonic()
                    if rest > 0 and self.stopping.wait(rest):
                        self._back(item[0])
                    else:
                        self._item(stage, config, *item)
                        worked += 1
                        if worked % config["batch_size"] == 0:
                            rest_until = time.monotonic() + delay
                    ended.put(None)
                except BaseException as error:
                    ended.put(error)
        finally:
            connection.close()

    def _claim(self, stage: Stage, budget: Budget, most: int, in_hand: int) -> list[tuple[int, int]]:
        n, room = most - in_hand, budget.room(in_hand)
        if room is not None:
            n = min(n, room)
        if n <= 0:
            return []
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [self.job.token, self.run.pk, stage.number, n])
            return cursor.fetchall()

    def _begin(self, item_id: int) -> int:
        """Counts the attempt: what was claimed ahead of a crash has not been tried. Raises LeaseLost."""
        with connection.cursor() as cursor:
            cursor.execute(BEGIN, [timezone.now(), item_id, self.job.token])
            begun = cursor.fetchone()
        if begun is None:
            raise LeaseLost
        return begun[0]

    def _held(self, item_id: int):
        return RunItem.objects.filter(pk=item_id, state=RunItem.State.CLAIMED, claim_token=self.job.token)

    def _item(self, stage: Stage, config: dict, item_id: int, object_id: int) -> None:
        """One item."""
        attempts = self._begin(item_id)
        finished = False

        def finish(result: dict) -> None:
            nonlocal finished
            done = self._held(item_id).update(
                state=RunItem.State.DONE,
                result=result,
                credits=result.get("credits", 0),
                finished_at=timezone.now(),
                error="",
            )
            if not done:
                raise LeaseLost
            finished = True

        work = Work(
            run=self.run,
            settings=self.settings,
            stage=config,
            object_id=object_id,
            reference=f"run:{self.run.pk}:{stage.number}:{object_id}",
            finish=finish,
        )
        try:
            stage.work(work)
            if not finished:  # a service that found its work stored before has nothing to finish
                self._held(item_id).update(state=RunItem.State.DONE, finished_at=timezone.now())
        except LeaseLost:
            raise
        except AlreadySettled:
            self._held(item_id).update(state=RunItem.State.DONE, finished_at=timezone.now())
        except InsufficientCredits as error:
            self._back(item_id)
            raise PauseRun(error.message, Run.Reason.CREDITS, needs=error.details["needed"]) from error
        except PlanLimitReached as error:
            self._back(item_id)
            raise PauseRun(error.message, Run.Reason.PLAN_LIMIT) from error
        except UpstreamFailed as error:
            if error.provider_down:
                self._back(item_id)
                raise PauseRun(error.message, Run.Reason.PROVIDER, retry_after=error.retry_after) from error
            self._failed(stage, item_id, error.message, final=error.permanent or attempts >= MAX_ATTEMPTS)
        except TargetFailed as error:
            if error.target_down:
                self._back(item_id)
                raise PauseRun(error.message, Run.Reason.TARGET, retry_after=error.retry_after) from error
            self._failed(stage, item_id, error.message, final=error.permanent or attempts >= MAX_ATTEMPTS)
        except Busy as error:
            self._failed(stage, item_id, str(error), final=attempts >= MAX_ATTEMPTS)
        except AppError as error:
            self._failed(stage, item_id, error.message, final=True)
        except Exception:
            reference = uuid.uuid4().hex[:12]
            log.exception("item %s of run %s failed (%s)", item_id, self.run.pk, reference)
            sentence = f"An error of ours; tell us this reference: {reference}"
            self._failed(stage, item_id, sentence, final=attempts >= 3)

    def _back(self, item_id: int) -> None:
        self._held(item_id).update(state=RunItem.State.PENDING, claim_token=None, claimed_at=None)

    def _failed(self, stage: Stage, item_id: int, message: str, *, final: bool) -> None:
        state = RunItem.State.FAILED if final else RunItem.State.PENDING
        moved = self._held(item_id).update(
            state=state, error=message, finished_at=timezone.now() if final else None
        )
        if moved and final:
            self.log(message, stage=stage.number, level=RunLog.Level.ERROR)

    def _complete(self) -> None:
        with transaction.atomic():
            done = Run.objects.filter(
                pk=self.run.pk, status=Run.Status.RUNNING, job_id=self.job.job.pk
            ).update(
                status=Run.Status.COMPLETED,
                completed_at=timezone.now(),
                error_message=None,
                pause_asked=False,
            )
            if done:
                self.log("The run is complete.")
                run_tell_finished(run=self.run)
