"""Ten thousand keywords at a time: what the routes cost beside the bare SQL that does the same.

    make bench-bulk        (ROWS=10000 ROUNDS=11)

Each variant does the work of the view from the list of ids to the commit, in turns, in a scratch database that is
dropped at the end:

  add     keywords_add: plan limit, what is there already, other sectors, credits; raw: one INSERT … SELECT
  status  move_to of the ids: by rule; raw: one UPDATE
  delete  own_ids and keywords_delete: whose they are, the links of ideas and tasks, places of the plan; raw: one DELETE

`ratio <name>` is the time of ours over that of raw SQL: the median of the rounds' ratios. `loop` is what a loop over
the keywords takes: one round, a fiftieth of them, times fifty.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

ROWS = int(os.environ.get("ROWS", 10_000))
ROUNDS = int(os.environ.get("ROUNDS", 11))
LIBRARY = 100_000
LOOPED = 50
DATABASE = "bench_igny8_bulk"
INSERT = """
INSERT INTO planner_keyword (account_id, site_id, sector_id, seed_keyword_id, industry_sector_id, keyword, key,
  country, volume, volume_is_estimate, difficulty, intent, status, created_at, updated_at)
SELECT %s, %s, %s, id, industry_sector_id, keyword, key, country, volume, volume_is_estimate, difficulty, intent,
  'new', now(), now()
FROM planner_seedkeyword WHERE id = ANY(%s) ON CONFLICT DO NOTHING
"""


def prepare() -> dict:
    from django.db import connection

    from apps.accounts.models import Account, Industry, IndustrySector, Plan, Sector, Site, Subscription
    from apps.planner.models import SeedKeyword

    industry = Industry.objects.create(name="Bench", slug="bench")
    catalogue = IndustrySector.objects.create(industry=industry, name="Bench", slug="bench")
    plan = Plan.objects.create(name="Bench", slug="bench", monthly_credits=1000, max_keywords=10**8)
    account = Account.objects.create(name="Bench")
    Subscription.objects.create(account=account, plan=plan, status="active")
    site = Site.objects.create(account=account, name="Bench", slug="bench", domain="bench.example.com")
    sector = Sector.objects.create(account=account, site=site, industry_sector=catalogue, name="Bench")
    SeedKeyword.objects.bulk_create(
        (
            SeedKeyword(
                industry_sector=catalogue, keyword=f"keyword number {n}", key=f"keyword number {n}", volume=n
            )
            for n in range(LIBRARY)
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE planner_seedkeyword")
    seeds = list(SeedKeyword.objects.order_by("pk").values_list("pk", flat=True)[:ROWS])
    return {"account_id": account.pk, "site_id": site.pk, "sector_id": sector.pk, "seeds": seeds}


def variants(ids_of: dict) -> dict[str, dict[str, Callable[[], int]]]:
    from django.db import connection, transaction
    from django.utils import timezone

    from apps.core.tenancy import Tenant
    from apps.planner.models import Keyword
    from apps.planner.services.keywords import keywords_delete
    from apps.planner.services.library import keywords_add
    from apps.planner.views.keywords import KeywordViewSet

    account_id, site_id, sector_id, seeds = ids_of.values()
    view = KeywordViewSet()
    view.request = SimpleNamespace(
        tenant=Tenant(account_id=account_id, account_status="active", role="owner")
    )
    mine = Keyword.objects.filter(account_id=account_id)

    def raw(statement: str, *params) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.rowcount

    def add_loop() -> int:
        for pk in seeds[: ROWS // LOOPED]:
            keywords_add(account_id=account_id, site_id=site_id, seed_keyword_ids=[pk])
        return ROWS

    def status_loop(there: list[int]) -> int:
        for pk in there[: ROWS // LOOPED]:
            mine.filter(pk=pk).move_to("disabled")
        return ROWS

    def delete_loop(there: list[int]) -> int:
        for pk in there[: ROWS // LOOPED]:
            keywords_delete(account_id=account_id, ids=[pk])
        return ROWS

    def nothing() -> list[int]:
        raw("DELETE FROM planner_keyword")
        raw("UPDATE accounts_limitcounter SET used = 0")
        return []

    def added() -> list[int]:
        nothing()
        raw(INSERT, account_id, site_id, sector_id, seeds)
        raw("ANALYZE planner_keyword")
        return list(mine.values_list("pk", flat=True))

    return {
        "add": {
            "before": nothing,
            "ours": lambda _: keywords_add(account_id=account_id, site_id=site_id, seed_keyword_ids=seeds)[
                "added"
            ],
            "raw": lambda _: raw(INSERT, account_id, site_id, sector_id, seeds),
            "loop": lambda _: add_loop(),
        },
        "status": {
            "before": added,
            "ours": lambda there: mine.among(there).move_to("disabled", expected=len(there)),
            "raw": lambda there: raw(
                "UPDATE planner_keyword SET status = 'disabled', updated_at = %s "
                "WHERE account_id = %s AND id = ANY(%s)",
                timezone.now(),
                account_id,
                there,
            ),
            "loop": status_loop,
        },
        "delete": {
            "before": added,
            "ours": lambda there: keywords_delete(account_id=account_id, ids=view.own_ids("ids", there)),
            "raw": lambda there: raw(
                "DELETE FROM planner_keyword WHERE account_id = %s AND id = ANY(%s)", account_id, there
            ),
            "loop": delete_loop,
        },
    }


def measure(found: dict[str, dict[str, Callable]]) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {
        name: {variant: [] for variant in ways if variant != "before"} for name, ways in found.items()
    }
    for turn in range(ROUNDS + 1):  # the first warms up
        for name, ways in found.items():
            # Who is first has another cache: they change places.
            for variant in sorted(times[name], reverse=bool(turn % 2)):
                if variant == "loop" and turn != 1:
                    continue
                there = ways["before"]()
                began = time.perf_counter()
                done = ways[variant](there)
                took = (time.perf_counter() - began) * 1000
                assert done == ROWS, (name, variant, done)
                if turn:
                    times[name][variant].append(took * (LOOPED if variant == "loop" else 1))
    return times


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        times = measure(variants(prepare()))
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0)
    print(f"{ROWS:,} keywords, {ROUNDS} rounds; medians in milliseconds\n")
    print(f"{'':8}{'ours':>9}{'raw SQL':>9}{'loop':>11}{'loop ÷ ours':>13}")
    for name, ways in times.items():
        mine, bare, loop = (statistics.median(ways[v]) for v in ("ours", "raw", "loop"))
        print(f"{name:8}{mine:9.0f}{bare:9.0f}{loop:11,.0f}{loop / mine:13.0f}")
    print()
    for name, ways in times.items():
        pairs = zip(ways["ours"], ways["raw"], strict=True)
        print(f"ratio {name} {statistics.median(mine / bare for mine, bare in pairs):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
