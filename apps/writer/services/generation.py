"""Having an article written: paid for, checked, stored once."""

from collections import Counter
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from apps.accounts.services.limits import PlanLimitReached, limit_check, limit_take
from apps.billing.services.ledger import (
    AlreadySettled,
    InsufficientCredits,
    Usage,
    credits_balance,
    credits_settle,
)
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import AppError, Conflict, NotFound
from apps.core.jobs import JobCancelled, LeaseLost, job_start
from apps.intelligence.services import TextResult, UpstreamFailed, model_choose
from apps.planner.models import ContentIdea
from apps.writer.models import Content, DraftPart, Task
from apps.writer.services.content import content_insert, names_clean, slug_of
from apps.writer.services.html import cut, html_clean, words_count
from apps.writer.services.links import links_abroad, links_keep
from apps.writer.services.versions import version_keep
from apps.writer.services.writing import UnusableAnswer, article_write, links_given, writing_inputs

__all__ = ["UnusableAnswer", "content_generate", "generation_check"]


def generation_check(*, account_id: int, task_ids: list[int]) -> None:
    """Whether all of the tasks may be written. Raises Conflict, InsufficientCredits, PlanLimitReached."""
    tasks = Task.objects.filter(account_id=account_id, pk__in=task_ids)
    busy = [
        (
            tasks.filter(status=Task.Status.COMPLETED),
            "is written already. To have it written anew, delete its article and set it to queued",
        ),
        (tasks.being_written(), "is being written already"),
    ]
    for rows, problem in busy:
        if task_id := rows.order_by("pk").values_list("pk", flat=True).first():
            raise Conflict(f"Task {task_id} {problem}.")
    counted = Counter(tasks.values_list("site_id", "word_count"))
    models = {
        site_id: model_choose(kind="text", account_id=account_id, site_id=site_id).model
        for site_id in {site_id for site_id, _ in counted}
    }
    needed = sum(_estimate(words, models[site_id]) * n for (site_id, words), n in counted.items())
    available = credits_balance(account_id=account_id)["available"]
    if needed > available:
        raise InsufficientCredits(needed, available)
    limit_check(account_id=account_id, resource="content")


def content_generate(
    *,
    account_id: int,
    task_id: int,
    reference: str,
    testing: bool = False,
    user_id: int | None = None,
    run_id: int | None = None,
    wanted: Callable[[], None] | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Has the article of a task written and stores it as a draft. Returns {"content_id", "credits"}.

    `wanted` is called before each question to the model, and raises when the article is not wanted any more.

    Under a reference that was stored before nothing is done, and `finish` is not called again. A failure
    gives all credits back, and the task is `failed` with the reason, or `queued` where it is not at fault.
    Raises NotFound, Conflict, InsufficientCredits, PlanLimitReached, UpstreamFailed, UnusableAnswer.
    """
    task = (
        Task.objects.select_related("site", "sector", "cluster", "idea").filter(
            account_id=account_id, pk=task_id
        )
    ).first()
    if task is None:
        raise NotFound(f"Task {task_id} does not exist any more.")
    try:
        with reserved(
            account_id=account_id,
            amount=_estimate(
                task.word_count,
                model_choose(kind="text", account_id=account_id, testing=testing, site_id=task.site_id).model,
            ),
            operation="content",
            reference=reference,
            user_id=user_id,
        ) as attempt:
            return _write(task, reference, attempt, testing, user_id, run_id, wanted, finish)
    except AlreadySettled:
        return _stored(account_id, task_id, reference)


def _write(task: Task, reference: str, attempt: int, testing: bool, user_id, run_id, wanted, finish) -> dict:
    try:
        limit_check(account_id=task.account_id, resource="content")
        inputs = writing_inputs(task)

        def go_on() -> None:
            # Before each question: a long article takes longer than a writer who is gone is waited for.
            _begin(task, reference)
            if wanted:
                wanted()

        answer = article_write(task=task, inputs=inputs, testing=testing, before_each=go_on)
        content = _content_of(task, answer, links_given(task, inputs), user_id)
        return _store(content, answer, reference, attempt, user_id, run_id, finish)
    except LeaseLost:
        raise  # another execution works on it under the same reference: the task is its own now
    except BaseException as error:
        _give_up(task, reference, error)
        raise


def _estimate(words: int, model: str) -> int:
    return price_of(operation="content", words=words, model=model)


def _stored(account_id: int, task_id: int, reference: str) -> dict:
    content_id = Content.objects.filter(task_id=task_id).values_list("pk", flat=True).first()
    if content_id is None:
        raise AlreadySettled(reference)
    return {
        "content_id": content_id,
        "credits": credits_settle(account_id=account_id, reference=reference, used=0),
    }


def _begin(task: Task, reference: str) -> None:
    """One reference writes at a time; the same one may begin again, as a job does that is taken up again."""
    begun = (
        Task.objects.filter(pk=task.pk)
        .free_for(reference)
        .update(
            status=Task.Status.IN_PROGRESS,
            writing_reference=reference,
            writing_since=timezone.now(),
            error="",
            updated_at=timezone.now(),
        )
    )
    if not begun:
        raise Conflict(f"Task {task.pk} is written already, or being written right now.")


def _give_up(task: Task, reference: str, error: BaseException) -> None:
    """The task says why it failed; where the task is not to blame it waits for the next time."""
    failed = isinstance(error, Exception) and not isinstance(error, JobCancelled | PlanLimitReached)
    if isinstance(error, UpstreamFailed) and error.provider_down:
        failed = False
    reason = error.message if isinstance(error, AppError) else "Something went wrong on our side. Try again."
    begun = Task.objects.filter(pk=task.pk, status=Task.Status.IN_PROGRESS, writing_reference=reference)
    begun.update(
        status=Task.Status.FAILED if failed else Task.Status.QUEUED,
        error=reason if failed else "",
        updated_at=timezone.now(),
    )


def _content_of(task: Task, answer: TextResult, given: set[str], user_id: int | None) -> Content:
    """The unsaved article of an answer, with the links that were given alone. Raises UnusableAnswer."""
    data = answer.data
    html, link_problems = links_keep(html_clean(data["html"]), given)
    words = words_count(html)
    if not words:
        raise UnusableAnswer("The model's answer holds no text. Try again, or choose another model.")
    title = cut(data["title"], 300) or task.title
    return Content(
        account_id=task.account_id,
        site_id=task.site_id,
        sector_id=task.sector_id,
        cluster_id=task.cluster_id,
        task=task,
        title=title,
        slug=slug_of(data["slug"] or title),
        html=html,
        link_problems=link_problems,
        excerpt=data["excerpt"].strip(),
        meta_title=cut(data["meta_title"], 60),
        meta_description=cut(data["meta_description"], 160),
        primary_keyword=cut(data["primary_keyword"], 500),
        secondary_keywords=names_clean(data["secondary_keywords"]),
        categories=names_clean(data["categories"]),
        tags=names_clean(data["tags"]),
        content_type=task.content_type,
        structure=task.structure,
        word_count=words,
        model=f"{answer.provider}/{answer.model}"[:120],
        created_by_id=user_id,
    )


def _store(content, answer, reference, attempt, user_id, run_id, finish) -> dict:
    """The article, its task and idea, the credits and the caller's own end of it: all or nothing."""
    task_id, account_id = content.task_id, content.account_id
    with transaction.atomic():
        task = Task.objects.select_for_update().filter(pk=task_id).first()
        if task is None:
            raise Conflict(f"Task {task_id} was deleted while its article was written.")
        if Content.objects.filter(task_id=task_id).exists():
            raise Conflict(f"Task {task_id} has its article already.")
        content_insert(content)
        version_keep(content, by=content.model, reason="generated", prompt_version=answer.prompt_version)
        DraftPart.objects.filter(task_id=task_id).delete()
        if links_abroad(content.html):
            job_start(
                kind="content.links",
                account_id=account_id,
                payload={"content_id": content.pk},
                idempotency_key=f"links:{content.pk}",
            )
        task.status, task.error = Task.Status.COMPLETED, ""
        task.save(update_fields=["status", "error", "updated_at"])
        if task.idea_id:
            ContentIdea.objects.filter(pk=task.idea_id).update(status=ContentIdea.Status.COMPLETED)
        limit_take(account_id=account_id, resource="content")
        credits = credits_settle(
            account_id=account_id,
            reference=reference,
            attempt=attempt,
            used=price_of(
                operation="content",
                words=content.word_count,
                tokens=answer.tokens_in + answer.tokens_out,
                model=answer.model,
            ),
            usage=Usage(
                provider=answer.provider,
                model=answer.model,
                tokens_in=answer.tokens_in,
                tokens_out=answer.tokens_out,
                cost=answer.cost,
                object_type="content",
                object_id=content.pk,
                site_id=content.site_id,
                user_id=user_id,
                run_id=run_id,
            ),
        )
        result = {"content_id": content.pk, "credits": credits}
        if finish:
            finish(result)
    return result
