"""What clustering has found, on its way into rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import NotFound
from apps.planner.models import Cluster, Keyword

GROUPS_SHOWN, IDS_SHOWN = 1000, 200
MOVE = """
UPDATE planner_keyword k SET cluster_id = c.id, updated_at = %(now)s,
  status = CASE WHEN c.status = 'mapped' THEN 'mapped' ELSE 'clustered' END
FROM unnest(%(keywords)s::bigint[], %(clusters)s::bigint[]) AS moved (keyword_id, cluster_id)
JOIN planner_cluster c ON c.id = moved.cluster_id
WHERE k.id = moved.keyword_id
"""


@dataclass(slots=True)
class Group:
    """Keywords on their way into one cluster. `cluster_id`: one that is there; else a new one, or a hub's part."""

    name: str
    sector_id: int | None
    keyword_ids: list[int]
    cluster_id: int | None = None
    parent: "Group | None" = None
    is_hub: bool = False
    samples: list[str] = field(default_factory=list)


def groups_store(
    *,
    account_id: int,
    site_id: int,
    groups: list[Group],
    before: dict[int, tuple[int, datetime]],
) -> dict:
    """Stores the groups in the caller's transaction, leaving out what somebody else has moved, locked or deleted.

    `before`: of keywords that were in a cluster, which one and when the row was last changed. Returns {"clusters",
    "clustered", "unclustered"}. Raises NotFound when the site is gone.
    """
    # Two clusterings of a site wait for each other here; what the first one took is no longer new for the second.
    if not Site.objects.select_for_update(no_key=True).filter(account_id=account_id, pk=site_id).exists():
        raise NotFound("The site was deleted meanwhile.")
    clusters = Cluster.objects.filter(account_id=account_id, site_id=site_id)
    cut_again = _locked(clusters.free(), {cluster_id for cluster_id, _ in before.values()})
    hubs = set(clusters.among(list(cut_again)).exclude(parent=None).values_list("parent_id", flat=True))
    movable = _movable(groups, before, cut_again)
    alive = _locked(clusters.filter(is_locked=False), {g.cluster_id for g in groups if g.cluster_id})
    for group in groups:
        group.keyword_ids = [pk for pk in group.keyword_ids if movable.get(pk, False) == group.sector_id]
        if group.cluster_id and group.cluster_id not in alive:
            group.keyword_ids = []
    hubs_needed = {id(group.parent) for group in groups if group.keyword_ids and group.parent}
    groups = [group for group in groups if group.keyword_ids or id(group) in hubs_needed]
    new = [group for group in groups if not group.cluster_id]
    _clusters_make(account_id, site_id, new)
    _under_hubs([group for group in new if group.cluster_id in cut_again])
    moved = [(pk, group.cluster_id) for group in groups for pk in group.keyword_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE,
            {"now": timezone.now(), "keywords": [k for k, _ in moved], "clusters": [c for _, c in moved]},
        )
    if cut_again:
        clusters_tidy(cut_again)
        clusters_tidy(hubs)
    touched = {cluster_id for _, cluster_id in moved}
    sizes = Keyword.objects.extra(where=["cluster_id = ANY(%s)"], params=[list(touched)])
    alone = sizes.order_by().values("cluster_id").annotate(n=Count("pk")).filter(n=1).count()
    return {"clusters": len(touched), "clustered": len(moved) - alone, "unclustered": alone}


def groups_shown(*, site_id: int, groups: list[Group]) -> dict:
    """The groups as a preview tells them. `cluster_id` is that of a cluster which is there, `hub` a hub's name."""
    there = [group.cluster_id for group in groups if group.cluster_id]
    names = dict(Cluster.objects.filter(site_id=site_id).among(there).values_list("pk", "name"))
    found = sorted((g for g in groups if g.keyword_ids), key=lambda g: -len(g.keyword_ids))
    alone = sum(len(g.keyword_ids) == 1 and not g.cluster_id for g in found)
    return {
        "preview": True,
        "clusters": len(found),
        "clustered": sum(len(g.keyword_ids) for g in found) - alone,
        "unclustered": alone,
        "credits": 0,
        "groups": [
            {
                "name": names.get(g.cluster_id, g.name),
                "cluster_id": g.cluster_id,
                "hub": g.parent.name if g.parent else None,
                "sector_id": g.sector_id,
                "keyword_count": len(g.keyword_ids),
                "keyword_ids": g.keyword_ids[:IDS_SHOWN],
            }
            for g in found[:GROUPS_SHOWN]
        ],
    }


def clusters_tidy(ids: Iterable[int]) -> None:
    """Deletes those of the clusters that nothing hangs on any more and no editor has touched."""
    rows = Cluster.objects.free().among(list(ids))
    for relation in Cluster._meta.related_objects:
        of_it = relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
        rows = rows.exclude(Exists(of_it))
    rows.delete()


def _locked(clusters, ids: set[int]) -> set[int]:
    rows = clusters.among(list(ids)).select_for_update(no_key=True).order_by("pk")
    return set(rows.values_list("pk", flat=True)) if ids else set()


def _movable(
    groups: list[Group], before: dict[int, tuple[int, datetime]], cut_again: set[int]
) -> dict[int, int | None]:
    """The keywords that still are as they were read, with their sector."""
    wanted = [pk for group in groups for pk in group.keyword_ids]
    rows = Keyword.objects.among(wanted).select_for_update(no_key=True, of=("self",)).order_by("pk")
    rows = rows.values_list("pk", "sector_id", "status", "cluster_id", "updated_at")
    return {
        pk: sector_id
        for pk, sector_id, status, cluster_id, changed in rows
        if (pk not in before and status == Keyword.Status.NEW)
        or (before.get(pk) == (cluster_id, changed) and cluster_id in cut_again)
    }


def _clusters_make(account_id: int, site_id: int, groups: list[Group]) -> None:
    """Gives each group its cluster: an open one of its name, else a new one."""
    same = Cluster.objects.filter(account_id=account_id, site_id=site_id, is_locked=False)
    same = same.extra(where=["planner_cluster.name = ANY(%s)"], params=[[group.name for group in groups]])
    known = {
        (sector_id, is_hub, name): pk
        for sector_id, is_hub, name, pk in same.order_by("-pk").values_list(
            "sector_id", "is_hub", "name", "pk"
        )
    }
    for group in groups:
        group.cluster_id = known.get((group.sector_id, group.is_hub, group.name))
    for is_hub in (True, False):  # the hubs first: the others name them
        missing = [group for group in groups if group.is_hub == is_hub and not group.cluster_id]
        made = Cluster.objects.bulk_create(
            [
                Cluster(
                    account_id=account_id,
                    site_id=site_id,
                    sector_id=group.sector_id,
                    name=group.name,
                    is_hub=is_hub,
                    parent_id=group.parent.cluster_id if group.parent else None,
                )
                for group in missing
            ],
            batch_size=5000,
        )
        for group, cluster in zip(missing, made, strict=True):
            group.cluster_id = cluster.pk


def _under_hubs(groups: list[Group]) -> None:
    """Clusters that kept their name when they were cut again may have come under another hub."""
    rows = [
        Cluster(pk=group.cluster_id, parent_id=group.parent.cluster_id if group.parent else None)
        for group in groups
    ]
    Cluster.objects.bulk_update(rows, ["parent"], batch_size=5000)
