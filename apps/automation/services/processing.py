"""What the workers of a run are on, cheap enough to be asked every second."""

from django.db.models import Count, Q

from apps.accounts.models import Site
from apps.automation.models import Run, RunItem
from apps.automation.services.stages import STAGES
from apps.planner.models import Cluster, ContentIdea
from apps.writer.models import Content, Image, Task

# Stage -> what its items are, and where their title stands.
OBJECTS = {
    1: ("site", Site, "name"),
    2: ("cluster", Cluster, "name"),
    3: ("idea", ContentIdea, "title"),
    4: ("task", Task, "title"),
    5: ("content", Content, "title"),
    6: ("image", Image, "content__title"),
    7: ("content", Content, "title"),
}


def run_processing(*, site_id: int) -> dict | None:
    """The site's active run, its stage with counts, and the items in work with their titles; None without a run.

    Four queries at most, whatever is at work.
    """
    run = Run.objects.filter(site_id=site_id, status__in=Run.ACTIVE).first()
    if run is None:
        return None
    number = run.current_stage
    items = RunItem.objects.filter(run=run, stage=number)
    counts = items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=RunItem.State.DONE)),
        failed=Count("pk", filter=Q(state__in=[RunItem.State.FAILED, RunItem.State.SKIPPED])),
        waiting=Count(
            "pk", filter=Q(state__in=[RunItem.State.PENDING, RunItem.State.CLAIMED], claimed_at=None)
        ),
    )
    # Claimed ahead is not yet begun.
    at_work = list(
        items.filter(state=RunItem.State.CLAIMED, claimed_at__isnull=False).order_by("claimed_at", "pk")
    )
    kind, model, title = OBJECTS[number]
    ids = [item.object_id for item in at_work]
    titles = dict(model.objects.filter(pk__in=ids).values_list("pk", title)) if ids else {}
    return {
        "run_id": run.pk,
        "status": run.status,
        "pause_asked": run.pause_asked,
        "stage": number,
        "stage_name": STAGES[number - 1].name,
        **counts,
        "items": [
            {
                "item_id": item.pk,
                "stage": number,
                "object_type": kind,
                "object_id": item.object_id,
                "title": titles.get(item.object_id, ""),
                "since": item.claimed_at,
                "attempt": item.attempts,
            }
            for item in at_work
        ],
    }
