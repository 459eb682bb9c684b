"""What editors do to clusters by hand. All of it waits for a clustering of the site that is just being stored."""

from django.db import models, transaction
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import Conflict, Invalid, NotFound
from apps.planner.clustering import split_keywords
from apps.planner.models import Cluster, Keyword
from apps.planner.services.cluster_groups import clusters_tidy

SPLIT_AT_MOST = 2000


def clusters_delete(*, account_id: int, ids: list[int]) -> int:
    """Deletes clusters; their keywords that have no idea yet are new again. Returns how many there were."""
    with transaction.atomic():
        # Locked before their keywords are looked for: a clustering may be putting further ones in.
        rows = Cluster.objects.filter(account_id=account_id).among(ids)
        list(rows.select_for_update().order_by("pk").values_list("pk"))
        Keyword.objects.filter(
            account_id=account_id, cluster_id__in=ids, status=Keyword.Status.CLUSTERED
        ).update(status=Keyword.Status.NEW, cluster=None, updated_at=timezone.now())
        _, by_model = rows.delete()
    return by_model.get(Cluster._meta.label, 0)


def clusters_merge(*, account_id: int, ids: list[int], into: int | None = None, name: str = "") -> int:
    """Puts everything of the clusters into one of them, `into` or the first, and deletes the others.

    Their keywords, ideas, tasks and articles go with them. Returns the id of the one that is left. Raises NotFound
    for one that is gone, Invalid where they are of several sites or sectors, or hubs and others together.
    """
    with transaction.atomic():
        clusters = _locked(account_id, ids)
        target = clusters[into or ids[0]]
        others = [pk for pk in ids if pk != target.pk]
        for what, values in (
            ("sites", {c.site_id for c in clusters.values()}),
            ("sectors", {c.sector_id for c in clusters.values()}),
        ):
            if len(values) > 1:
                raise Invalid("cluster_ids", f"They belong to several {what}: merge those of one.")
        if len({c.is_hub for c in clusters.values()}) > 1:
            raise Invalid("cluster_ids", "Hubs and clusters with keywords can not be merged with each other.")
        hubs = {c.parent_id for c in clusters.values() if c.parent_id}
        target.name = name or target.name
        target.is_edited = True
        if any(c.status == Cluster.Status.MAPPED for c in clusters.values()):
            target.status = Cluster.Status.MAPPED
        target.save(update_fields=["name", "is_edited", "status", "updated_at"])
        keywords = Keyword.objects.filter(account_id=account_id, cluster_id__in=others)
        _move(keywords, target)
        _move(Keyword.objects.filter(cluster=target), target)  # it may have become mapped
        for relation in Cluster._meta.related_objects:
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": others})
            rows.update(**{relation.field.name: target.pk})
        Cluster.objects.filter(pk__in=others).delete()
        clusters_tidy(hubs)
    return target.pk


def cluster_split(
    *,
    account_id: int,
    cluster_id: int,
    keyword_ids: list[int] | None = None,
    name: str = "",
    fine: float = 0.5,
) -> list[int]:
    """Takes keywords out of a cluster into a new one beside it; without `keyword_ids` the words decide which.

    `fine`, 0 to 1: how many parts the words make. What stays keeps the ideas. Returns the ids of the cluster and of
    the new ones. Raises NotFound, Invalid for keywords of another cluster, Conflict where nothing parts or all would
    go.
    """
    with transaction.atomic():
        cluster = _locked(account_id, [cluster_id])[cluster_id]
        members = list(cluster.keywords.order_by("-volume", "pk"))
        if keyword_ids is None:
            parts = _parts(cluster, members, fine)
        else:
            wanted = set(keyword_ids)
            parts = [[k for k in members if k.pk in wanted]]
            if missing := wanted - {k.pk for k in parts[0]}:
                raise Invalid("keyword_ids", f"The keyword {min(missing)} is not in this cluster.")
            if len(parts[0]) == len(members):
                raise Conflict("These are all keywords of the cluster: leave some of them in it.")
        cluster.is_edited = True
        cluster.save(update_fields=["is_edited", "updated_at"])
        made = Cluster.objects.bulk_create(
            Cluster(
                account_id=account_id,
                site_id=cluster.site_id,
                sector_id=cluster.sector_id,
                parent_id=cluster.parent_id,
                name=name if name and len(parts) == 1 else part[0].keyword,
                is_edited=True,
            )
            for part in parts
        )
        for part, row in zip(parts, made, strict=True):
            _move(Keyword.objects.among([k.pk for k in part]), row)
    return [cluster.pk, *(row.pk for row in made)]


def keywords_move(*, account_id: int, keyword_ids: list[int], cluster_id: int | None) -> int:
    """Puts keywords into a cluster, or out of theirs with None; then they are new again. Returns how many moved.

    Raises NotFound, and Invalid where the cluster is a hub or one of another site.
    """
    with transaction.atomic():
        keywords = Keyword.objects.filter(account_id=account_id).among(keyword_ids)
        sites = set(keywords.values_list("site_id", flat=True))
        _sites_locked(sites)
        left = set(keywords.exclude(cluster=None).values_list("cluster_id", flat=True))
        if cluster_id is None:
            kept = models.Case(
                models.When(status=Keyword.Status.DISABLED, then="status"), default=models.Value("new")
            )
            moved = keywords.exclude(cluster=None).update(
                cluster=None, status=kept, updated_at=timezone.now()
            )
        else:
            cluster = _locked(account_id, [cluster_id])[cluster_id]
            if cluster.is_hub:
                raise Invalid("cluster_id", "This is a hub: choose one of the clusters under it.")
            if sites - {cluster.site_id}:
                raise Invalid("keyword_ids", f"They must belong to site {cluster.site_id}.")
            Cluster.objects.filter(pk=cluster.pk).update(is_edited=True, updated_at=timezone.now())
            moved = _move(keywords.exclude(cluster=cluster), cluster)
            left.discard(cluster.pk)
        clusters_tidy(left)
    return moved


def cluster_lock(*, account_id: int, cluster_id: int, locked: bool) -> None:
    """Whether clustering leaves the cluster alone. Raises NotFound."""
    with transaction.atomic():
        _locked(account_id, [cluster_id])
        Cluster.objects.filter(pk=cluster_id).update(is_locked=locked, updated_at=timezone.now())


def _locked(account_id: int, ids: list[int]) -> dict[int, Cluster]:
    """The clusters, their sites locked first, as a clustering does it."""
    rows = Cluster.objects.filter(account_id=account_id).among(ids)
    _sites_locked(set(rows.values_list("site_id", flat=True)))
    found = {row.pk: row for row in rows.select_for_update(no_key=True, of=("self",)).order_by("pk")}
    for pk in ids:
        if pk not in found:
            raise NotFound(f"The cluster {pk} does not exist any more.")
    return found


def _sites_locked(ids: set[int]) -> None:
    list(Site.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))


def _move(keywords: models.QuerySet, cluster: Cluster) -> int:
    """Into the cluster, as far as it is: what is disabled stays so."""
    as_it = "mapped" if cluster.status == Cluster.Status.MAPPED else "clustered"
    status = models.Case(
        models.When(status=Keyword.Status.DISABLED, then="status"), default=models.Value(as_it)
    )
    return keywords.update(cluster=cluster, status=status, updated_at=timezone.now())


def _parts(cluster: Cluster, members: list[Keyword], fine: float) -> list[list[Keyword]]:
    """The parts that go, without the largest, which stays."""
    if len(members) > SPLIT_AT_MOST:
        raise Conflict(
            f"It has more than {SPLIT_AT_MOST:,} keywords. Cluster them again: auto_cluster with recut and keyword_ids."
        )
    parts = split_keywords([k.keyword for k in members], granularity=fine)
    if len(parts) < 2:
        raise Conflict(
            f"The keywords of “{cluster.name}” ask the same: nothing parts them. Name the ones in keyword_ids."
        )
    return [[members[i] for i in part] for part in parts[1:]]
