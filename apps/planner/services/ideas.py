"""Ideas for articles, made of a cluster's keywords."""

from collections.abc import Callable

from django.contrib.postgres.search import TrigramSimilarity
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from apps.accounts.models import Site
from apps.billing.services.ledger import Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import Conflict, NotFound
from apps.intelligence.services import TextResult, text_call
from apps.planner.keyword_files import keyword_key
from apps.planner.models import Cluster, ContentIdea, Keyword

KEYWORDS_SHOWN = 100
TITLES_SHOWN = 60


def ideas_generate(
    *,
    account_id: int,
    cluster_id: int,
    reference: str,
    count: int = 1,
    testing: bool = False,
    user_id: int | None = None,
    run_id: int | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Asks for `count` ideas of a cluster and stores those with a title that the site does not have.

    Returns {"idea_ids", "credits"}: what is stored is what is paid. The cluster and its keywords become mapped.
    Raises NotFound, Conflict for a cluster without keywords, InsufficientCredits, AlreadySettled, UpstreamFailed.
    """
    cluster = Cluster.objects.filter(account_id=account_id, pk=cluster_id).first()
    if cluster is None:
        raise NotFound(f"The cluster {cluster_id} does not exist any more.")
    keywords = _keywords(cluster)
    if not keywords:
        raise Conflict(f"The cluster {cluster_id} has no keywords to make ideas of. Add some, or delete it.")
    with reserved(
        account_id=account_id,
        amount=price_of(operation="idea", items=count),
        operation="idea",
        reference=reference,
        user_id=user_id,
    ) as attempt:
        answer = text_call(
            function="ideas",
            inputs={
                "cluster": cluster.name,
                "keywords": [
                    {"keyword": k.keyword, "volume": k.volume, "intent": k.intent} for k in keywords
                ],
                "count": count,
                "language": Site.objects.values_list("language", flat=True).get(pk=cluster.site_id),
                "existing_titles": _titles_like(cluster),
            },
            account_id=account_id,
            site_id=cluster.site_id,
            testing=testing,
        )
        with transaction.atomic():
            ids = _store(cluster, keywords, answer, count)
            used = credits_settle(
                account_id=account_id,
                reference=reference,
                attempt=attempt,
                used=price_of(operation="idea", items=len(ids)) if ids else 0,
                usage=Usage(
                    provider=answer.provider,
                    model=answer.model,
                    tokens_in=answer.tokens_in,
                    tokens_out=answer.tokens_out,
                    cost=answer.cost,
                    object_type="cluster",
                    object_id=cluster.pk,
                    site_id=cluster.site_id,
                    user_id=user_id,
                    run_id=run_id,
                ),
            )
            result = {"idea_ids": ids, "credits": used}
            if finish:
                finish(result)
    return result


def _keywords(cluster: Cluster) -> list[Keyword]:
    """Those that people search for most; a hub's are those of its clusters."""
    rows = Keyword.objects.filter(Q(cluster=cluster) | Q(cluster__parent=cluster))
    return list(rows.exclude(status=Keyword.Status.DISABLED).order_by("-volume", "pk")[:KEYWORDS_SHOWN])


def _titles_like(cluster: Cluster) -> list[str]:
    """Titles of the site that a new idea could repeat, the nearest first: a site may have thousands."""
    rows = ContentIdea.objects.filter(account_id=cluster.account_id, site_id=cluster.site_id)
    rows = rows.annotate(nearness=TrigramSimilarity("title", cluster.name)).order_by("-nearness", "-pk")
    return list(rows.values_list("title", flat=True)[:TITLES_SHOWN])


def _store(cluster: Cluster, keywords: list[Keyword], answer: TextResult, count: int) -> list[int]:
    # The clusters of a site wait for each other here: two of them may have been given the same title.
    if not Site.objects.select_for_update(no_key=True).filter(pk=cluster.site_id).exists():
        raise NotFound("The site was deleted meanwhile.")
    if not Cluster.objects.select_for_update(no_key=True).filter(pk=cluster.pk).exists():
        raise NotFound(f"The cluster {cluster.pk} was deleted meanwhile.")
    by_key = {k.key: k for k in keywords}
    new: dict[str, dict] = {}
    for idea in answer.data["ideas"]:
        title = _line(idea["title"], 300)
        if title:
            new.setdefault(title.lower(), {**idea, "title": title})
    rows = ContentIdea.objects.filter(account_id=cluster.account_id, site_id=cluster.site_id)
    for title in (
        rows.annotate(lower=Lower("title")).filter(lower__in=list(new)).values_list("lower", flat=True)
    ):
        new.pop(title, None)
    # Mapped also when all titles are known: asked again, the model would hardly know better.
    Cluster.objects.filter(pk=cluster.pk, status=Cluster.Status.NEW).move_to(Cluster.Status.MAPPED)
    Keyword.objects.filter(cluster=cluster, status=Keyword.Status.CLUSTERED).move_to(Keyword.Status.MAPPED)
    wanted = list(new.values())[:count]
    if not wanted:
        return []
    # A keyword deleted meanwhile is no reason to fail.
    alive = set(Keyword.objects.filter(pk__in=[k.pk for k in keywords]).values_list("pk", flat=True))
    ideas = ContentIdea.objects.bulk_create(_idea(cluster, idea, answer.is_offline) for idea in wanted)
    links = []
    for row, idea in zip(ideas, wanted, strict=True):
        targets = (
            by_key.get(keyword_key(text)) for text in [idea["primary_keyword"], *idea["target_keywords"]]
        )
        ids = {k.pk for k in targets if k and k.pk in alive}
        links += [ContentIdea.keywords.through(contentidea_id=row.pk, keyword_id=pk) for pk in sorted(ids)]
    ContentIdea.keywords.through.objects.bulk_create(links)
    return [row.pk for row in ideas]


def _idea(cluster: Cluster, idea: dict, is_offline: bool) -> ContentIdea:
    return ContentIdea(
        account_id=cluster.account_id,
        site_id=cluster.site_id,
        sector_id=cluster.sector_id,
        cluster=cluster,
        title=idea["title"],
        description=_clean(idea["description"]),
        content_type=idea["content_type"],
        structure=idea["structure"],
        intent=idea["intent"],
        primary_keyword=_line(idea["primary_keyword"], 500),
        outline=[
            {"heading": _line(part["heading"], 300), "points": [_clean(point) for point in part["points"]]}
            for part in idea["outline"]
        ],
        word_count=idea["word_count"],
        is_offline_draft=is_offline,
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "")


def _line(text: str, length: int) -> str:
    return " ".join(_clean(text).split())[:length]
