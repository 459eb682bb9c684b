"""Ideas for articles: made of a cluster's keywords or by hand, each on a topic that the site has not taken."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.contrib.postgres.search import TrigramSimilarity
from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Site
from apps.billing.services.ledger import Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import Conflict, NotFound
from apps.intelligence.services import TextResult, text_call
from apps.planner.keyword_files import keyword_key
from apps.planner.models import ClaimedTopic, Cluster, ContentIdea, Keyword
from apps.planner.services.collisions import Proposal, TopicTaken, collisions_find
from apps.planner.services.topics import Topic, one_line, topics_claim, topics_release

KEYWORDS_SHOWN = 100
TITLES_SHOWN = 60


def idea_create(
    *, account_id: int, allow_duplicate: bool = False, keywords: Sequence[Keyword] = (), **fields
) -> ContentIdea:
    """An idea by hand; its cluster becomes mapped. Raises TopicTaken where the site has the topic, unless
    `allow_duplicate`."""
    idea = ContentIdea(account_id=account_id, **fields)
    with transaction.atomic():
        _site_locked(idea.site_id)
        if not allow_duplicate:
            [taken] = collisions_find(site_id=idea.site_id, proposals=[_proposal(idea)])
            if taken:
                raise TopicTaken(taken)
        idea.save()
        idea.keywords.set(keywords)
        idea_changed(idea)
        if idea.cluster_id:
            _mapped(idea.cluster_id)
    return idea


def idea_changed(idea: ContentIdea) -> None:
    """Its topic, and that of its task, which is written for the idea's keyword, follow what it is called now. Call it
    in the transaction that stores the change."""
    topics = [_topic(idea)]
    task = getattr(idea, "task", None)  # by the relation alone: tasks belong to an app above this one
    if task and idea.primary_keyword:
        topics.append(
            replace(topics[0], source=ClaimedTopic.Source.TASK, source_id=task.pk, title=task.title)
        )
    topics_claim(topics)


def ideas_delete(*, account_id: int, ids: list[int]) -> int:
    """Deletes ideas and frees their topics; tasks that were made of them stay. Returns how many there were."""
    with transaction.atomic():
        topics_release(account_id=account_id, source=ClaimedTopic.Source.IDEA, source_ids=ids)
        _, by_model = ContentIdea.objects.filter(account_id=account_id, pk__in=ids).delete()
    return by_model.get(ContentIdea._meta.label, 0)


def ideas_generate(
    *,
    account_id: int,
    cluster_id: int,
    reference: str,
    count: int = 1,
    allow_duplicate: bool = False,
    testing: bool = False,
    user_id: int | None = None,
    run_id: int | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Asks for `count` ideas of a cluster and stores those whose topic the site has not taken.

    Returns {"idea_ids", "credits", "skipped": [{title, reason, sentence, similarity, topic}]}: what is stored is what
    is paid. The cluster and its keywords become mapped. With `allow_duplicate` only a title may not be there twice.
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
            ids, skipped = _store(cluster, keywords, answer, count, allow_duplicate)
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
            result = {"idea_ids": ids, "credits": used, "skipped": skipped}
            if finish:
                finish(result)
    return result


def _keywords(cluster: Cluster) -> list[Keyword]:
    """Those that people search for most; a hub's are those of its clusters."""
    rows = Keyword.objects.filter(Q(cluster=cluster) | Q(cluster__parent=cluster))
    return list(rows.exclude(status=Keyword.Status.DISABLED).order_by("-volume", "pk")[:KEYWORDS_SHOWN])


def _titles_like(cluster: Cluster) -> list[str]:
    """Titles of the site that a new idea could repeat, the nearest first: a site may have thousands."""
    rows = ClaimedTopic.objects.filter(account_id=cluster.account_id, site_id=cluster.site_id)
    rows = rows.annotate(nearness=TrigramSimilarity("title", cluster.name)).order_by("-nearness", "-pk")
    # An idea, its task and its article are one title.
    return list(dict.fromkeys(rows.values_list("title", flat=True)[: 3 * TITLES_SHOWN]))[:TITLES_SHOWN]


def _site_locked(site_id: int) -> None:
    """Who makes ideas for a site waits for the others here: two may be about to take the same topic."""
    if not Site.objects.select_for_update(no_key=True).filter(pk=site_id).exists():
        raise NotFound("The site was deleted meanwhile.")


def _store(
    cluster: Cluster, keywords: list[Keyword], answer: TextResult, count: int, allow_duplicate: bool
) -> tuple[list[int], list[dict]]:
    _site_locked(cluster.site_id)
    if not Cluster.objects.select_for_update(no_key=True).filter(pk=cluster.pk).exists():
        raise NotFound(f"The cluster {cluster.pk} was deleted meanwhile.")
    # Mapped also when all topics are taken: asked again, the model would hardly know better.
    _mapped(cluster.pk)
    asked = [(idea, _idea(cluster, idea, answer.is_offline)) for idea in answer.data["ideas"]]
    asked = [(idea, row) for idea, row in asked if row.title]
    taken = collisions_find(
        site_id=cluster.site_id,
        proposals=[_proposal(row) for _, row in asked],
        titles_only=allow_duplicate,
    )
    skipped = [
        {"title": row.title, **some[0].shown()} for (_, row), some in zip(asked, taken, strict=True) if some
    ]
    wanted = [pair for pair, some in zip(asked, taken, strict=True) if not some][:count]
    if not wanted:
        return [], skipped
    ideas = ContentIdea.objects.bulk_create(row for _, row in wanted)
    topics_claim(_topic(row) for row in ideas)
    by_key = {k.key: k for k in keywords}
    # A keyword deleted meanwhile is no reason to fail.
    alive = set(Keyword.objects.filter(pk__in=[k.pk for k in keywords]).values_list("pk", flat=True))
    links = []
    for idea, row in wanted:
        targets = (
            by_key.get(keyword_key(text)) for text in [idea["primary_keyword"], *idea["target_keywords"]]
        )
        ids = {k.pk for k in targets if k and k.pk in alive}
        links += [ContentIdea.keywords.through(contentidea_id=row.pk, keyword_id=pk) for pk in sorted(ids)]
    ContentIdea.keywords.through.objects.bulk_create(links)
    return [row.pk for row in ideas], skipped


def _mapped(cluster_id: int) -> None:
    Cluster.objects.filter(pk=cluster_id, status=Cluster.Status.NEW).move_to(Cluster.Status.MAPPED)
    keywords = Keyword.objects.filter(cluster_id=cluster_id, status=Keyword.Status.CLUSTERED)
    keywords.move_to(Keyword.Status.MAPPED)


def _proposal(idea: ContentIdea) -> Proposal:
    return Proposal(idea.primary_keyword, idea.title)


def _topic(idea: ContentIdea) -> Topic:
    return Topic(
        account_id=idea.account_id,
        site_id=idea.site_id,
        source=ClaimedTopic.Source.IDEA,
        source_id=idea.pk,
        phrase=idea.primary_keyword,
        title=idea.title,
    )


def _idea(cluster: Cluster, idea: dict, is_offline: bool) -> ContentIdea:
    return ContentIdea(
        account_id=cluster.account_id,
        site_id=cluster.site_id,
        sector_id=cluster.sector_id,
        cluster=cluster,
        title=_line(idea["title"], 300),
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
    return one_line(text)[:length]
