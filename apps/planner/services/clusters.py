"""Keywords of a site into clusters: new ones join the clusters that are there, the rest form clusters of their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Site
from apps.billing.services.ledger import Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import NotFound
from apps.planner.clustering import cluster_keywords, join_keywords
from apps.planner.models import Cluster, Keyword
from apps.planner.services.naming import BATCH, names_of

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


def keywords_to_cluster(
    *, account_id: int, site_id: int, sector_id: int | None = None, keyword_ids: list[int] | None = None
) -> QuerySet[Keyword]:
    """The new keywords of the site, of the sector or of the ids, the most searched for first."""
    rows = Keyword.objects.filter(account_id=account_id, site_id=site_id, status=Keyword.Status.NEW)
    if sector_id is not None:
        rows = rows.filter(sector_id=sector_id)
    if keyword_ids is not None:
        rows = rows.filter(pk__in=keyword_ids)
    return rows.order_by("-volume", "pk")


def clusters_build(
    *,
    account_id: int,
    site_id: int,
    reference: str,
    sector_id: int | None = None,
    keyword_ids: list[int] | None = None,
    granularity: float = 0.5,
    limit: int = 0,
    testing: bool = False,
    naming_batch: int = BATCH,
    user_id: int | None = None,
    run_id: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Clusters new keywords, each sector by itself; `limit` above 0 takes only the most searched for.

    A keyword that fits nowhere gets a cluster of its own: it can become an article too. Locked clusters are left
    alone. Returns {"clusters": those that took keywords, "clustered": keywords in company, "unclustered": keywords
    by themselves, "credits"}. Nothing to do costs nothing. Raises NotFound, InsufficientCredits, AlreadySettled.
    """
    rows = keywords_to_cluster(
        account_id=account_id, site_id=site_id, sector_id=sector_id, keyword_ids=keyword_ids
    )
    keywords = list(rows.only("pk", "keyword", "volume", "sector_id")[: limit or None])
    if not keywords:
        result = {"clusters": 0, "clustered": 0, "unclustered": 0, "credits": 0}
        with transaction.atomic():
            if finish:
                finish(result)
        return result
    with reserved(
        account_id=account_id,
        amount=price_of(operation="clustering", items=len(keywords)),
        operation="clustering",
        reference=reference,
        user_id=user_id,
    ) as attempt:
        groups = _groups(site_id, keywords, granularity, progress)
        usage = names_of(
            account_id=account_id,
            site_id=site_id,
            testing=testing,
            batch_size=naming_batch,
            groups=[group for group in groups if group.samples],
        )
        with transaction.atomic():
            result = _store(account_id, site_id, groups)
            done = result["clustered"] + result["unclustered"]
            result["credits"] = credits_settle(
                account_id=account_id,
                reference=reference,
                attempt=attempt,
                used=price_of(operation="clustering", items=done) if done else 0,
                usage=Usage(
                    **usage,
                    object_type="site",
                    object_id=site_id,
                    site_id=site_id,
                    user_id=user_id,
                    run_id=run_id,
                ),
            )
            if finish:
                finish(result)
    return result


def clusters_delete(*, account_id: int, ids: list[int]) -> int:
    """Deletes clusters; their keywords that have no idea yet are new again. Returns how many there were."""
    with transaction.atomic():
        Keyword.objects.filter(
            account_id=account_id, cluster_id__in=ids, status=Keyword.Status.CLUSTERED
        ).update(status=Keyword.Status.NEW, cluster=None, updated_at=timezone.now())
        _, by_model = Cluster.objects.filter(account_id=account_id, pk__in=ids).delete()
    return by_model.get(Cluster._meta.label, 0)


def _groups(
    site_id: int,
    keywords: list[Keyword],
    granularity: float,
    progress: Callable[[int, int, str], None] | None,
) -> list[Group]:
    sectors: dict[int | None, list[Keyword]] = {}
    for keyword in keywords:
        sectors.setdefault(keyword.sector_id, []).append(keyword)
    found: list[Group] = []
    for number, (sector_id, members) in enumerate(sectors.items()):

        def tell(done: int, total: int, stage: str, number: int = number) -> None:
            if progress:
                progress(number * 100 + done * 100 // total, len(sectors) * 100, stage)

        found += _groups_of_sector(site_id, sector_id, members, granularity, tell)
    return found


def _groups_of_sector(
    site_id: int,
    sector_id: int | None,
    keywords: list[Keyword],
    granularity: float,
    progress: Callable[[int, int, str], None],
) -> Iterator[Group]:
    there = Keyword.objects.filter(site_id=site_id, sector_id=sector_id, cluster__is_locked=False)
    existing = list(
        there.exclude(status=Keyword.Status.DISABLED).values_list("keyword", "cluster_id").order_by("pk")
    )
    joined: dict[int, list[int]] = {}
    rest = keywords
    if existing:
        homes = join_keywords(existing, [k.keyword for k in keywords], granularity=granularity)
        rest = [k for k, home in zip(keywords, homes, strict=True) if home is None]
        for keyword, home in zip(keywords, homes, strict=True):
            if home is not None:
                joined.setdefault(home, []).append(keyword.pk)
    for cluster_id, ids in joined.items():
        yield Group("", sector_id, ids, cluster_id=cluster_id)
    if not rest:
        return
    clustering = cluster_keywords(
        [k.keyword for k in rest], [k.volume for k in rest], granularity=granularity, progress=progress
    )
    groups: list[Group] = []
    for cluster in clustering.clusters:
        members = [rest[i] for i in cluster.members]
        members.sort(key=lambda k: (-k.volume, k.pk))
        group = Group(
            cluster.name[:500],
            sector_id,
            [k.pk for k in members],
            parent=None if cluster.parent is None else groups[cluster.parent],
            is_hub=not members,
            samples=[k.keyword for k in members[:10]],
        )
        if group.parent:
            group.parent.samples = (group.parent.samples + group.samples[:2])[:10]
        groups.append(group)
    yield from groups
    yield from (Group(rest[i].keyword, sector_id, [rest[i].pk]) for i in clustering.alone)


def _store(account_id: int, site_id: int, groups: list[Group]) -> dict:
    # Two clusterings of a site wait for each other here; what the first one took is no longer new for the second.
    if not Site.objects.select_for_update(no_key=True).filter(account_id=account_id, pk=site_id).exists():
        raise NotFound("The site was deleted meanwhile.")
    wanted = [pk for group in groups for pk in group.keyword_ids]
    rows = Keyword.objects.select_for_update(no_key=True).order_by("pk")
    free = set(rows.filter(pk__in=wanted, status=Keyword.Status.NEW).values_list("pk", flat=True))
    for group in groups:
        group.keyword_ids = [pk for pk in group.keyword_ids if pk in free]
    hubs_needed = {id(group.parent) for group in groups if group.keyword_ids and group.parent}
    groups = [group for group in groups if group.keyword_ids or id(group) in hubs_needed]

    open_clusters = Cluster.objects.filter(account_id=account_id, site_id=site_id, is_locked=False)
    alive = set(
        open_clusters.filter(pk__in=[g.cluster_id for g in groups if g.cluster_id]).values_list(
            "pk", flat=True
        )
    )
    groups = [group for group in groups if not group.cluster_id or group.cluster_id in alive]
    new = [group for group in groups if not group.cluster_id]
    same = open_clusters.filter(name__in={group.name for group in new}).order_by("-pk")
    known = {(sector, is_hub, name): pk for sector, is_hub, name, pk in
             same.values_list("sector_id", "is_hub", "name", "pk")}  # fmt: skip
    for group in new:
        group.cluster_id = known.get((group.sector_id, group.is_hub, group.name))
    for is_hub in (True, False):  # the hubs first: the others name them
        missing = [group for group in new if group.is_hub == is_hub and not group.cluster_id]
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
    moved = [(pk, group.cluster_id) for group in groups for pk in group.keyword_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE,
            {"now": timezone.now(), "keywords": [k for k, _ in moved], "clusters": [c for _, c in moved]},
        )
    touched = {cluster_id for _, cluster_id in moved}
    with_company = Keyword.objects.filter(cluster_id__in=touched).exclude(pk__in=[k for k, _ in moved])
    joined = set(with_company.values_list("cluster_id", flat=True))
    alone = sum(
        len(group.keyword_ids) == 1 and group.cluster_id not in joined
        for group in groups
        if group.keyword_ids
    )
    return {"clusters": len(touched), "clustered": len(moved) - alone, "unclustered": alone}
