"""The keywords library: filling it from files, and taking keywords of it into a site's workflow."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from django.db import connection, transaction

from apps.accounts.models import IndustrySector
from apps.accounts.services.limits import limit_room, limit_take
from apps.billing.services.charges import Charge, credits_charge_each
from apps.planner.keyword_files import Refusal, read_keywords
from apps.planner.services.staging import merge, staged

MANY = 50_000
ADD = """
WITH candidate AS MATERIALIZED (
  SELECT s.*, sector.id AS sector_id,
    CASE WHEN s.id IS NULL THEN 'not_found' WHEN sector.id IS NULL THEN 'other_sector'
         -- Two sectors of the library may hold the same keyword: the cheaper is taken.
         WHEN k.id IS NOT NULL OR row_number() OVER (
           PARTITION BY sector.id IS NULL, s.country, s.key ORDER BY s.credit_cost, s.id) > 1
         THEN 'already_there' END AS reason
  FROM unnest(%(ids)s::bigint[]) AS asked (id)
  LEFT JOIN planner_seedkeyword s ON s.id = asked.id
  LEFT JOIN accounts_sector sector
    ON sector.site_id = %(site_id)s AND sector.industry_sector_id = s.industry_sector_id
    AND sector.is_active AND (%(sector_id)s::bigint IS NULL OR sector.id = %(sector_id)s)
  LEFT JOIN planner_keyword k ON k.site_id = %(site_id)s AND k.country = s.country AND k.key = s.key
),
chosen AS (
  SELECT * FROM candidate WHERE reason IS NULL AND (credit_cost > 0) = %(paid)s
  ORDER BY volume DESC, id LIMIT %(room)s
),
added AS (
  INSERT INTO planner_keyword (account_id, site_id, sector_id, seed_keyword_id, industry_sector_id, keyword, key,
    country, volume, volume_is_estimate, difficulty, intent, status, created_at, updated_at)
  SELECT %(account_id)s, %(site_id)s, sector_id, id, industry_sector_id, keyword, key,
    country, volume, volume_is_estimate, difficulty, intent, 'new', now(), now()
  FROM chosen
  ON CONFLICT (site_id, country, key) DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM chosen),
  count(*) FILTER (WHERE reason = 'not_found'), count(*) FILTER (WHERE reason = 'other_sector'),
  count(*) FILTER (WHERE reason = 'already_there'), count(*) FILTER (WHERE reason IS NULL AND credit_cost = 0),
  array_agg(id ORDER BY volume DESC, id) FILTER (WHERE reason IS NULL AND credit_cost > 0),
  array_agg(credit_cost ORDER BY volume DESC, id) FILTER (WHERE reason IS NULL AND credit_cost > 0)
FROM candidate
"""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Rows of the file by what became of them; `refused` tells each one that was not taken."""

    added: int
    updated: int
    unchanged: int
    refused: list[Refusal]


def keywords_import(
    *,
    file: BinaryIO,
    name: str,
    industry_sector: IndustrySector,
    country: str | None = None,
    progress: Callable[[int], None] | None = None,
    dry_run: bool = False,
) -> ImportResult:
    """Merges a keyword file into the library's sector; all or nothing.

    `country` is for rows that name none; without it the one in the file's name counts, else US. `progress` is told
    the number of rows read. Raises UnreadableKeywordFile, and CellError for an unknown country.
    """
    table = read_keywords(file, name=name, country=country)
    with (
        staged(table.rows(), country="US", progress=progress) as (taken, refused),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        added, updated = merge(
            cursor,
            table="planner_seedkeyword",
            owner={"industry_sector_id": industry_sector.pk},
            conflict="industry_sector_id, country, key",
            fixed={"high_opportunity_by_staff": "false", "credit_cost": "0", "created_at": "now()"},
            cpc=True,
            intents="intent" in table.columns,
        )
        if dry_run:
            transaction.set_rollback(True)
    return ImportResult(added, updated, taken - added - updated, refused)


def library_tidy(*, changed: int) -> None:
    """After a large import: what was changed is made known to the indexes, which then answer without the table.

    PostgreSQL does it by itself some minutes later. Not in a transaction.
    """
    if changed >= MANY and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) planner_seedkeyword")


def keywords_add(
    *,
    account_id: int,
    site_id: int,
    seed_keyword_ids: list[int],
    sector_id: int | None = None,
    user_id: int | None = None,
) -> dict:
    """Takes keywords of the library into the site's workflow, the largest volumes first.

    Skips and counts what is there already, what is of no sector of the site (or not of `sector_id`'s), what does
    not exist, what cannot be paid and what the plan does not allow. A paid keyword is charged once per account,
    however often it is added. Returns {"added", "skipped", "reasons": {code: count}, "credits_charged"}.
    """
    ids = list(dict.fromkeys(seed_keyword_ids))
    charged, reasons = 0, Counter()
    asked = {"account_id": account_id, "site_id": site_id, "sector_id": sector_id}
    with transaction.atomic(), connection.cursor() as cursor:
        room = limit_room(account_id=account_id, resource="keywords")
        cursor.execute(ADD, {**asked, "ids": ids, "paid": False, "room": room})
        added, chosen, missing, elsewhere, there, free, paid, costs = cursor.fetchone()
        reasons.update(
            not_found=missing,
            other_sector=elsewhere,
            already_there=there + chosen - added,
            plan_limit=free - chosen,
        )
        if paid:
            credits = credits_charge_each(
                account_id=account_id,
                charges=[
                    Charge(_reference(pk), cost, object_id=pk) for pk, cost in zip(paid, costs, strict=True)
                ],
                operation="keyword",
                object_type="seed_keyword",
                site_id=site_id,
                user_id=user_id,
                most=room - added,
            )
            payable = [pk for pk in paid if _reference(pk) in credits]
            charged = sum(credits.values())
            # What comes after as many as there is room for was not asked to be paid.
            looked_at = paid.index(payable[-1]) + 1 if payable else 0
            beyond = len(paid) - looked_at if len(payable) == room - added else 0
            reasons["plan_limit"] += beyond
            reasons["insufficient_credits"] = len(paid) - len(payable) - beyond
            cursor.execute(ADD, {**asked, "ids": payable, "paid": True, "room": len(payable)})
            added += cursor.fetchone()[0]
        limit_take(account_id=account_id, resource="keywords", n=added)
    return {
        "added": added,
        "skipped": len(ids) - added,
        "reasons": {code: n for code, n in reasons.items() if n},
        "credits_charged": charged,
    }


def _reference(seed_id: int) -> str:
    return f"seed:{seed_id}"
