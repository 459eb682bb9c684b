"""Writing tasks: made by hand, in bulk and from ideas."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone

from apps.core.errors import Conflict
from apps.planner.models import ClaimedTopic, ContentIdea, Keyword
from apps.planner.services.topics import Topic, topics_claim, topics_release
from apps.system.services.content_settings import content_settings
from apps.writer.models import Content, DraftPart, Task


def article_length(*, account_id: int) -> int:
    """Words of a task that names none."""
    return content_settings(account_id=account_id, key="content_generation")["default_article_length"]


def tasks_create(*, account_id: int, rows: list[dict]) -> list[Task]:
    """Makes all tasks or none. A row holds fields of a Task by column (`site_id`, …) and `keywords`, ids."""
    length = {"word_count": article_length(account_id=account_id)}
    tasks = [
        Task(
            account_id=account_id,
            **{**length, **{name: value for name, value in row.items() if name != "keywords"}},
        )
        for row in rows
    ]
    with transaction.atomic():
        Task.objects.bulk_create(tasks)
        _link_keywords(
            [
                (task.pk, keyword_id)
                for task, row in zip(tasks, rows, strict=True)
                for keyword_id in row["keywords"]
            ]
        )
        ideas_queued([task.idea_id for task in tasks if task.idea_id])
        tasks_claim([task.pk for task in tasks])
    return tasks


def tasks_create_from_ideas(
    *, account_id: int, idea_ids: list[int], finish: Callable[[dict], None] | None = None
) -> dict:
    """Makes a task of each idea; one that has a task keeps it. Returns {"task_ids"} in the ideas' order.

    Ideas of other accounts and those that do not exist any more are left out.
    """
    with transaction.atomic():
        # In the order of the ids, so that two calls with the same ideas wait for each other instead of dying.
        ideas = {
            idea.pk: idea
            for idea in ContentIdea.objects.select_for_update()
            .filter(account_id=account_id, pk__in=idea_ids)
            .order_by("pk")
        }
        having = set(Task.objects.filter(idea_id__in=ideas).values_list("idea_id", flat=True))
        new = [
            Task(
                account_id=account_id,
                site_id=idea.site_id,
                sector_id=idea.sector_id,
                cluster_id=idea.cluster_id,
                idea=idea,
                title=idea.title,
                description=idea.description,
                content_type=idea.content_type,
                structure=idea.structure,
                outline=idea.outline,
                word_count=idea.word_count,
            )
            for pk, idea in ideas.items()
            if pk not in having
        ]
        # A task made by hand for the same idea holds no lock of ours: the constraint decides.
        Task.objects.bulk_create(new, ignore_conflicts=True)
        by_idea = dict(Task.objects.filter(idea_id__in=ideas).values_list("idea_id", "pk"))
        through = ContentIdea.keywords.through.objects.filter(contentidea_id__in=[t.idea_id for t in new])
        _link_keywords([(by_idea[row.contentidea_id], row.keyword_id) for row in through])
        ideas_queued([task.idea_id for task in new])
        tasks_claim([by_idea[task.idea_id] for task in new])
        result = {"task_ids": [by_idea[pk] for pk in idea_ids if pk in by_idea]}
        if finish:
            finish(result)
    return result


def tasks_update(*, account_id: int, ids: list[int], changes: dict) -> int:
    """Changes the same fields of several tasks. Raises Conflict as `tasks_move` does."""
    changes = dict(changes)
    status = changes.pop("status", None)
    with transaction.atomic():
        if status is not None:
            tasks_move(ids=ids, status=status)
        return Task.objects.filter(account_id=account_id, pk__in=ids).update(
            **changes, updated_at=timezone.now()
        )


def tasks_move(*, ids: list[int], status: str) -> None:
    """Sets the state by hand, in the caller's transaction: to queued, of what failed or has lost its article.

    A task that is there already stays. Raises Conflict, and moves none, when one may not move.
    """
    tasks = Task.objects.filter(pk__in=ids)
    # Locked first: what a move allows looks at the article too, which is not looked at again after a wait.
    list(tasks.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    moving = tasks.exclude(status=status)
    written = list(
        moving.filter(status=Task.Status.COMPLETED, content__isnull=False).values_list("pk", flat=True)[:10]
    )
    if written:
        raise Conflict(
            f"Task {', '.join(map(str, written))} has its article, so it stays completed. "
            "Delete the article first to have it written anew."
        )
    if tasks.move_to(status) and status == Task.Status.QUEUED:
        tasks.update(error="")


def tasks_delete(*, account_id: int, ids: list[int]) -> int:
    """Deletes tasks, whose topics are free again. Their articles stay. Returns how many there were."""
    with transaction.atomic():
        topics_release(account_id=account_id, source=ClaimedTopic.Source.TASK, source_ids=ids)
        tasks = Task.objects.filter(account_id=account_id, pk__in=ids)
        own = list(tasks.select_for_update().order_by("pk").values_list("pk", flat=True))
        # What hangs on them by hand, each in one statement: the ORM deletes a hundred at a time.
        DraftPart.objects.filter(task_id__in=own).delete()
        Task.keywords.through.objects.filter(task_id__in=own).delete()
        Content.objects.filter(task_id__in=own).update(task=None)
        return Task.objects.filter(pk__in=own)._raw_delete(tasks.db)


def tasks_claim(ids: list[int]) -> None:
    """Says which topics the tasks have taken, in the caller's transaction: of each what it wants to be found for."""
    searched = Keyword.objects.filter(tasks=OuterRef("pk")).order_by("-volume", "pk").values("keyword")[:1]
    rows = Task.objects.filter(pk__in=ids).annotate(
        phrase=Coalesce(NullIf("idea__primary_keyword", Value("")), Subquery(searched), Value(""))
    )
    topics_claim(
        Topic(
            account_id=account_id,
            site_id=site_id,
            source=ClaimedTopic.Source.TASK,
            source_id=pk,
            phrase=phrase,
            title=title,
        )
        for pk, account_id, site_id, phrase, title in rows.values_list(
            "pk", "account_id", "site_id", "phrase", "title"
        )
    )


def ideas_queued(idea_ids: list[int]) -> None:
    """Tells the ideas that they have a task."""
    ContentIdea.objects.filter(pk__in=idea_ids).exclude(status=ContentIdea.Status.QUEUED).update(
        status=ContentIdea.Status.QUEUED
    )


def _link_keywords(pairs: list[tuple[int, int]]) -> None:
    through = Task.keywords.through
    through.objects.bulk_create(
        [through(task_id=task_id, keyword_id=keyword_id) for task_id, keyword_id in pairs],
        ignore_conflicts=True,
    )
