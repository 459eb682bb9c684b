"""Keywords of a site's workflow: made by hand, read from a file, deleted."""

from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

from django.db import connection, transaction

from apps.accounts.models import Sector
from apps.accounts.services.limits import limit_give, limit_room, limit_take
from apps.core.errors import Conflict
from apps.planner.clustering import search_intent
from apps.planner.keyword_files import read_keywords
from apps.planner.models import Keyword
from apps.planner.services.cluster_edits import keywords_move
from apps.planner.services.staging import merge, staged

REFUSED_SHOWN = 1000
# What the plan has no room for: new keywords beyond it, those with the smallest volume first.
CUT = """
DELETE FROM incoming WHERE line IN (
  SELECT line FROM incoming i
  WHERE NOT EXISTS (
    SELECT FROM planner_keyword k WHERE k.site_id = %s AND k.country = i.country AND k.key = i.key
  )
  ORDER BY volume DESC, line OFFSET %s
)
RETURNING line, left(keyword, 100)
"""


def keyword_create(*, account_id: int, sector: Sector, keyword: str, **fields) -> Keyword:
    """One keyword, within the plan (PlanLimitReached). Without an intent it gets the one its words tell.

    With a `cluster` it is as far as that, so that no clustering takes it out again.
    """
    cluster = fields.pop("cluster", None)
    with transaction.atomic():
        limit_take(account_id=account_id, resource="keywords")
        row = Keyword.objects.create(
            account_id=account_id,
            sector=sector,
            industry_sector_id=sector.industry_sector_id,
            keyword=keyword,
            **fields | {"intent": fields.get("intent") or search_intent(keyword)},
        )
        if cluster is not None:
            keywords_move(account_id=account_id, keyword_ids=[row.pk], cluster_id=cluster.pk)
            row.refresh_from_db()
    return row


def keywords_delete(*, account_id: int, ids: list[int]) -> int:
    """Deletes keywords of the account and gives their places in the plan back. Returns how many there were.

    Nothing but the links of ideas and tasks hangs on a keyword, so no row has to be loaded to find what else goes.
    """
    # The constraints look at the end of the transaction: the links may go with the rows.
    links = [
        f", link{n} AS (DELETE FROM {relation.through._meta.db_table}"  # noqa: S608
        f" WHERE {relation.field.m2m_reverse_name()} IN (SELECT id FROM gone))"
        for n, relation in enumerate(Keyword._meta.related_objects)
    ]
    # `= ANY` takes the ids as one array; Django's IN with 10,000 parameters costs more than the deletion.
    gone = "DELETE FROM planner_keyword WHERE account_id = %s AND id = ANY(%s) RETURNING id"
    statement = f"WITH gone AS ({gone}){''.join(links)} SELECT count(*) FROM gone"  # noqa: S608  names of models
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [account_id, ids])
        n = cursor.fetchone()[0]
        limit_give(account_id=account_id, resource="keywords", n=n)
    return n


def keywords_upload(
    *,
    account_id: int,
    site_id: int,
    sector_id: int,
    file: BinaryIO,
    name: str,
    country: str | None = None,
    progress: Callable[[int], None] | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Merges a keyword file into the site's workflow; all or nothing.

    Returns {"imported", "updated", "skipped", "reasons": {code: count}, "refused": [{line, keyword, code, reason}]},
    the first 1,000 of them. `country` is for rows that name none; without it the one in the file's name counts, else
    US. Raises UnreadableKeywordFile, and CellError for an unknown country.
    """
    table = read_keywords(file, name=name, country=country)
    with (
        staged(table.rows(), country="US", progress=progress) as (taken, refusals),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        sector = Sector.objects.filter(account_id=account_id, site_id=site_id, pk=sector_id).first()
        if sector is None:
            raise Conflict("The sector was deleted meanwhile. Choose another one and upload the file again.")
        refused = [
            {"line": r.line, "keyword": r.keyword, "code": r.code, "reason": r.reason}
            for r in refusals[:REFUSED_SHOWN]
        ]
        reasons = Counter(r.code for r in refusals)
        cursor.execute(CUT, [site_id, limit_room(account_id=account_id, resource="keywords")])
        cut = sorted(cursor.fetchall())
        reasons["plan_limit"] = len(cut)
        refused += [
            {
                "line": line,
                "keyword": keyword,
                "code": "plan_limit",
                "reason": "Your plan has no room for it.",
            }
            for line, keyword in cut[: REFUSED_SHOWN - len(refused)]
        ]
        added, updated = merge(
            cursor,
            table="planner_keyword",
            owner={
                "account_id": account_id,
                "site_id": site_id,
                "sector_id": sector_id,
                "industry_sector_id": sector.industry_sector_id,
            },
            conflict="site_id, country, key",
            fixed={"status": "'new'", "created_at": "now()", "updated_at": "now()"},
            cpc=False,
            intents="intent" in table.columns,
        )
        limit_take(account_id=account_id, resource="keywords", n=added)
        reasons["already_there"] = taken - len(cut) - added - updated
        result = {
            "imported": added,
            "updated": updated,
            "skipped": sum(reasons.values()),
            "reasons": {code: n for code, n in reasons.items() if n},
            "refused": refused,
        }
        if finish:
            finish(result)
    return result
