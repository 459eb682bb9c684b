"""Keywords of a site into clusters: new ones join the clusters that are there, the rest form clusters of their own."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.billing.services.ledger import Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import AppError
from apps.planner.clustering import TierMissing, cluster_keywords, join_keywords, tier_of
from apps.planner.models import Cluster, Keyword
from apps.planner.services.cluster_groups import Group, groups_shown, groups_store
from apps.planner.services.naming import BATCH, names_of

Progress = Callable[[int, int, str], None]


class ClusteringUnavailable(AppError):
    """What the settings ask for is not installed."""

    status = 503
    code = "SERVICE_UNAVAILABLE"


class Row(NamedTuple):
    """A keyword as it stood when clustering began; a model's instance takes four times the memory."""

    pk: int
    keyword: str
    volume: int
    sector_id: int | None
    cluster_id: int | None
    updated_at: datetime


def keywords_to_cluster(
    *,
    account_id: int,
    site_id: int,
    sector_id: int | None = None,
    keyword_ids: list[int] | None = None,
    recut: bool = False,
) -> QuerySet[Keyword]:
    """The new keywords of the site, of the sector or of the ids, the most searched for first.

    With `recut` also those in clusters that are free to be cut again.
    """
    wanted = Q(status=Keyword.Status.NEW)
    if recut:
        free = Cluster.objects.filter(account_id=account_id, site_id=site_id).free()
        wanted |= Q(status=Keyword.Status.CLUSTERED, cluster__in=free)
    rows = Keyword.objects.filter(wanted, account_id=account_id, site_id=site_id)
    if sector_id is not None:
        rows = rows.filter(sector_id=sector_id)
    if keyword_ids is not None:
        rows = rows.among(keyword_ids)
    return rows.order_by("-volume", "pk")


def clusters_build(
    *,
    account_id: int,
    site_id: int,
    reference: str,
    sector_id: int | None = None,
    keyword_ids: list[int] | None = None,
    granularity: float = 0.5,
    recut: bool = False,
    polish_names: bool = False,
    limit: int = 0,
    testing: bool = False,
    naming_batch: int = BATCH,
    user_id: int | None = None,
    run_id: int | None = None,
    progress: Progress | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Clusters new keywords, each sector by itself; `limit` above 0 takes only the most searched for.

    A keyword that fits nowhere gets a cluster of its own: it can become an article too. Locked clusters are left
    alone. `recut` clusters again what was clustered, but for what editors have locked or edited and what has ideas.
    What somebody changes meanwhile stays as they left it. `polish_names` has a model better the names; the keywords'
    places are never its.
    Returns {"clusters": those that took keywords, "clustered": keywords in company, "unclustered": keywords by
    themselves, "credits"}. Nothing to do costs nothing. Raises NotFound, InsufficientCredits, AlreadySettled,
    ClusteringUnavailable.
    """
    keywords = _read(account_id, site_id, sector_id, keyword_ids, recut, limit)
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
        usage = {"provider": "local"}
        if polish_names:
            usage = names_of(
                account_id=account_id,
                site_id=site_id,
                testing=testing,
                batch_size=naming_batch,
                groups=[group for group in groups if group.samples],
            )
        if progress:
            progress(100, 100, "storing")
        with transaction.atomic():
            result = groups_store(
                account_id=account_id,
                site_id=site_id,
                groups=groups,
                before={row.pk: (row.cluster_id, row.updated_at) for row in keywords if row.cluster_id},
            )
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


def clusters_preview(
    *,
    account_id: int,
    site_id: int,
    sector_id: int | None = None,
    keyword_ids: list[int] | None = None,
    granularity: float = 0.5,
    recut: bool = False,
    progress: Progress | None = None,
) -> dict:
    """What `clusters_build` would make of the keywords now. It stores nothing, asks no model and costs nothing.

    Returns its counts and "groups", the largest first, of which the first 1,000 are shown with 200 ids each.
    """
    keywords = _read(account_id, site_id, sector_id, keyword_ids, recut, limit=0)
    return groups_shown(site_id=site_id, groups=_groups(site_id, keywords, granularity, progress))


def _read(
    account_id: int,
    site_id: int,
    sector_id: int | None,
    keyword_ids: list[int] | None,
    recut: bool,
    limit: int,
) -> list[Row]:
    rows = keywords_to_cluster(
        account_id=account_id, site_id=site_id, sector_id=sector_id, keyword_ids=keyword_ids, recut=recut
    )
    rows = rows.values_list(*Row._fields)[: limit or None]
    return [Row(*row) for row in rows.iterator(chunk_size=5000)]


def _groups(site_id: int, keywords: list[Row], granularity: float, progress: Progress | None) -> list[Group]:
    try:
        tier_of(settings.CLUSTERING_TIER)
    except TierMissing as error:
        raise ClusteringUnavailable(str(error)) from None
    sectors: dict[int | None, list[Row]] = {}
    for keyword in keywords:
        sectors.setdefault(keyword.sector_id, []).append(keyword)
    found: list[Group] = []
    # In one order, so that the same keywords give the same rows whichever of them is searched for most.
    for number, sector_id in enumerate(sorted(sectors, key=lambda pk: pk or 0)):

        def tell(done: int, total: int, stage: str, number: int = number) -> None:
            if progress:
                progress((number * 100 + done * 100 // total) // len(sectors), 100, stage)

        found += _groups_of_sector(site_id, sector_id, sectors[sector_id], granularity, tell)
    return found


def _groups_of_sector(
    site_id: int,
    sector_id: int | None,
    keywords: list[Row],
    granularity: float,
    progress: Progress,
) -> Iterator[Group]:
    tier = settings.CLUSTERING_TIER
    progress(0, 100, "joining")
    existing = _there(site_id, sector_id)
    joined: dict[int, list[Row]] = {}
    rest = keywords
    fresh = [k for k in keywords if not k.cluster_id]
    if existing and fresh:
        # New ones alone join, and what is cut again competes for them as it stands: the few clusters that stay would
        # else take in all that is a little like them.
        texts = [(keyword, cluster_id) for keyword, cluster_id, _ in existing]
        homes = join_keywords(texts, [k.keyword for k in fresh], granularity=granularity, tier=tier)
        cut_again = {k.pk for k in keywords if k.cluster_id}
        staying = {cluster_id for _, cluster_id, pk in existing if pk not in cut_again}
        for keyword, home in zip(fresh, homes, strict=True):
            if home in staying:
                joined.setdefault(home, []).append(keyword)
        taken = {k.pk for members in joined.values() for k in members}
        rest = [k for k in keywords if k.pk not in taken]
    for cluster_id, members in joined.items():
        yield Group("", sector_id, [k.pk for k in members], cluster_id=cluster_id)
    if not rest:
        return
    clustering = cluster_keywords(
        [k.keyword for k in rest],
        [k.volume for k in rest],
        granularity=granularity,
        tier=tier,
        progress=progress,
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


def _there(site_id: int, sector_id: int | None) -> list[tuple[str, int, int]]:
    """(keyword, cluster, its id) of the open clusters of the sector, and of those of no sector."""
    rows = Keyword.objects.filter(
        Q(cluster__sector_id=sector_id) | Q(cluster__sector=None),
        site_id=site_id,
        sector_id=sector_id,
        cluster__is_locked=False,
    )
    rows = rows.exclude(status=Keyword.Status.DISABLED).values_list("keyword", "cluster_id", "pk")
    return list(rows.order_by("pk").iterator(chunk_size=5000))
