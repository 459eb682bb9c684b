"""What the sites have written about, or are about to: one row each, whoever it is."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.planner.keyword_files import keyword_key
from apps.planner.models import ClaimedTopic

BATCH = 5000
FIELDS = ["phrase", "key", "title", "url", "account", "updated_at"]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic on its way in. `source_id` is the id of the idea, task or content, of a post the one at WordPress."""

    account_id: int
    site_id: int
    source: str
    source_id: int
    phrase: str
    title: str
    url: str = ""


def topic_claim(
    *, account_id: int, site_id: int, source: str, source_id: int, phrase: str, title: str, url: str = ""
) -> None:
    """Says that a topic of the site is taken, or anew with what it is called now. Without a phrase the title counts.

    What is too long for a column is cut. A row of which neither says anything claims nothing.
    """
    row = Topic(
        account_id=account_id,
        site_id=site_id,
        source=source,
        source_id=source_id,
        phrase=phrase,
        title=title,
        url=url,
    )
    topics_claim([row])


def topics_claim(rows: Iterable[Topic]) -> None:
    """`topic_claim` of many, in one statement for each 5,000. Of two for one source the last counts."""
    latest = {(row.site_id, row.source, row.source_id): row for row in rows}
    # In one order for everybody, so that two who claim the same ones wait instead of killing each other.
    topics = [_topic(latest[identity]) for identity in sorted(latest)]
    ClaimedTopic.objects.bulk_create(
        [topic for topic in topics if topic.key],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["site", "source", "source_id"],
        update_fields=FIELDS,
    )
    for topic in topics:
        if not topic.key:
            topics_release(
                account_id=topic.account_id,
                source=topic.source,
                source_ids=[topic.source_id],
                site_id=topic.site_id,
            )


def topics_release(
    *, account_id: int, source: str, source_ids: Iterable[int] | QuerySet, site_id: int | None = None
) -> int:
    """The topics of what was deleted are free again. Posts are numbered by site: for them give `site_id`.

    Returns how many there were.
    """
    rows = ClaimedTopic.objects.filter(account_id=account_id, source=source, source_id__in=source_ids)
    if site_id is not None:
        rows = rows.filter(site_id=site_id)
    return rows.delete()[0]


def _topic(row: Topic) -> ClaimedTopic:
    title = one_line(row.title)[:300]
    phrase = (one_line(row.phrase) or title)[:500]
    return ClaimedTopic(
        account_id=row.account_id,
        site_id=row.site_id,
        source=row.source,
        source_id=row.source_id,
        phrase=phrase,
        key=keyword_key(phrase)[:500],
        title=title or phrase[:300],
        url=row.url.replace("\x00", "")[:600],
    )


def one_line(text: str) -> str:
    """The text as a topic holds it."""
    return " ".join(text.replace("\x00", "").split())
