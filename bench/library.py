"""The keywords library at a million keywords, over HTTP on loopback, and page by page in SQL.

    make bench-library        (ROWS=1000000 ROUNDS=9 SECONDS=1)

Three ways to serve it, each in one server process under granian with the same options, on the same database with the
same indexes and tokens, in turns:

  ours   the product
  plain  DRF as it comes: ModelViewSet, ModelSerializer, select_related, django-filter, simplejwt, DRF's throttle
  floor  the product's own statements in a plain Django view behind the same middleware (bench.library_plain_urls)

`ratio page20` and `page200` are requests a second of ours over those of plain for pages of a sector, the largest and
the smallest of 60 in turn; `floor` is ours over the floor, the smaller of the two sizes; `unfiltered` is of the page
of 20 without a filter, which plain counts in full; `stats` is sector_stats/ of 20 accounts with 2,000 keywords each.
Medians of the rounds' ratios. Before them stand the milliseconds of library_page, in the worst ordering of each
filter, and of library_count; and what a request costs of the CPU, in the server and in the database, which says the
same on a machine that has other things to do. The last column compares that.
"""

import contextlib
import os
import random
import statistics
import tempfile
import time

from bench.library_data import ROWS, fill
from bench.serving import WSGI, cpu_seconds, database_process, environment, load, scratch_database, served
from config.embedded.state import free_ports

DATABASE = "bench_library"
ACCOUNTS, ADDED = 20, 2000
ROUNDS, SECONDS = int(os.environ.get("ROUNDS", 9)), float(os.environ.get("SECONDS", 1))
SETTINGS = {"ours": "config.settings", "plain": "bench.library_plain", "floor": "bench.library_floor"}
API = "/api/v1/keywords-library/"


def main() -> None:
    server = environment(DATABASE)
    with contextlib.ExitStack() as stack:
        os.environ["STATIC_ROOT"] = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(scratch_database(server, DATABASE))
        began = time.perf_counter()
        tokens, sectors = prepare()
        print(
            f"{ROWS:,} keywords in {time.perf_counter() - began:.0f} s, {ROUNDS} rounds of {SECONDS:g} s\n",
            flush=True,
        )
        ports, processes = {}, {}
        for (name, settings), port in zip(SETTINGS.items(), free_ports(len(SETTINGS)), strict=True):
            processes[name] = stack.enter_context(served([*WSGI, "config.wsgi:application"], port, settings))
            ports[name] = port
        found = rounds(ports, processes, database_process(server), tokens, sectors)
        in_sql(sectors)
    report(*found)


def prepare() -> tuple[list[str], list[int]]:
    """Makes the tables and the rows; returns an access token per account, and the sectors, the largest first."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from apps.accounts.models import Account, Site, User
    from apps.accounts.services.sessions import session_open

    call_command("migrate", interactive=False, verbosity=0)
    sectors = fill()
    accounts = Account.objects.bulk_create(Account(name=f"Account {i}") for i in range(ACCOUNTS))
    users = User.objects.bulk_create(
        User(account=account, email=f"user{i}@example.com", role="owner", password="!")
        for i, account in enumerate(accounts)
    )
    Site.objects.bulk_create(
        Site(account=account, name="Site", slug=f"site-{account.pk}", domain=f"site{account.pk}.example.com")
        for account in accounts
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO planner_keyword (account_id, site_id, seed_keyword_id, industry_sector_id, keyword, key,
              country, volume, volume_is_estimate, intent, status, created_at, updated_at)
            SELECT site.account_id, site.id, k.id, k.industry_sector_id, keyword, key, country, volume, false, intent,
              'new', now(), now()
            FROM accounts_site site, LATERAL (
              SELECT * FROM planner_seedkeyword WHERE id > site.id * 1000 ORDER BY id LIMIT %s) AS k""",
            [ADDED],
        )
        cursor.execute("VACUUM ANALYZE planner_keyword")
    tokens = [session_open(user=user)["access"] for user in users]
    connection.close()
    return tokens, sectors


Found = dict[tuple[str, str], list[float]]


def rounds(
    ports: dict[str, int], processes: dict[str, int], database: int, tokens: list[str], sectors: list[int]
) -> tuple[Found, Found]:
    """Requests a second and CPU milliseconds a request of each (route, server), one number a round."""
    ends = [sector for pair in zip(sectors, reversed(sectors), strict=True) for sector in pair][
        : len(sectors)
    ]
    asked: dict[tuple[str, str], list[str]] = {}
    for size in (20, 200):
        filters = [f"?sector_ids={sector}&page_size={size}" for sector in ends]
        asked |= {(f"page{size}", name): [API + f for f in filters] for name in ("ours", "plain")}
        asked[f"page{size}", "floor"] = ["/api/v1/floor/" + f for f in filters]
    for name in ("ours", "plain"):
        asked["unfiltered", name] = [API + "?page_size=20"]
        asked["stats", name] = [API + "sector_stats/"]
    rates: Found = {key: [] for key in asked}
    costs: Found = {key: [] for key in asked}
    order = list(asked)
    for key in order:  # warm: connections, plans, counts that are kept
        load(ports[key[1]], asked[key], tokens, 2)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for key in order:
            used = cpu_seconds(processes[key[1]], database)
            rates[key].append(load(ports[key[1]], asked[key], tokens, SECONDS))
            used = cpu_seconds(processes[key[1]], database) - used
            costs[key].append(used * 1000 / (rates[key][-1] * SECONDS))
    return rates, costs


def in_sql(sectors: list[int]) -> None:
    """Prints how long page 1 takes in the worst ordering, and the count when it is not kept yet."""
    from django.db import connection

    from apps.planner.services.library_pages import ORDERINGS, LibraryQuery, library_count, library_page

    singles = {
        "nothing": {},
        "largest sector": {"sector_ids": (sectors[0],)},
        "smallest sector": {"sector_ids": (sectors[-1],)},
        "country US": {"country": "US"},
        "country BR": {"country": "BR"},
        "volume from 1,000": {"volume_min": 1000},
        "volume to 10": {"volume_max": 10},
        **{band: {"difficulty": (band,)} for band in ("easy", "medium", "hard", "very_hard")},
        "intent": {"intent": ("navigational",)},
        "high opportunity": {"is_high_opportunity": True},
        "paid": {"is_paid": True},
        "free": {"is_paid": False},
    }
    several = {
        "sector, easy": {"sector_ids": (sectors[30],), "difficulty": ("easy",)},
        "US, easy, volume": {"country": "US", "difficulty": ("easy",), "volume_min": 1000},
        "high and paid": {"is_high_opportunity": True, "is_paid": True},
        "3 sectors, medium and hard": {"sector_ids": tuple(sectors[5:8]), "difficulty": ("hard", "medium")},
        "word of a third": {"words": ("coffee",)},
        "word of a hundredth": {"words": ("zither",)},
        "two words": {"words": ("best", "coffee")},
        "word, sector, US": {"words": ("coffee",), "sector_ids": (sectors[3],), "country": "US"},
    }
    connection.ensure_connection()
    for title, queries, goal in (("one filter", singles, 5), ("several filters, words", several, 50)):
        print(
            f"\n{title:28}{'found':>10}{'page ms':>9}  in the ordering  {'first count ms':>15}   (goal {goal} ms)"
        )
        for name, fields in queries.items():
            query = LibraryQuery(**fields)
            began = time.perf_counter()
            counts = library_count(query)
            counting = (time.perf_counter() - began) * 1000
            times = {}
            for ordering in ORDERINGS:
                took = []
                for _ in range(9):
                    began = time.perf_counter()
                    library_page(query, ordering=ordering, offset=0, limit=20, counts=counts, site_id=None)
                    took.append((time.perf_counter() - began) * 1000)
                times[ordering] = statistics.median(took)
            worst = max(times, key=times.get)
            print(f"{name:28}{counts[0]:10,}{times[worst]:9.1f}  {worst:16}{counting:15.1f}", flush=True)
    connection.close()


def report(rates: Found, costs: Found) -> None:
    print(
        f"\n{'route':12}{'server':8}{'requests/s':>12}{'spread':>9}{'ours/it':>9}{'CPU ms':>9}{'it/ours':>9}"
    )
    ratios = {}
    for (route, name), found in rates.items():
        pairs = zip(rates[route, "ours"], found, strict=True)
        ratios[route, name] = statistics.median(mine / theirs for mine, theirs in pairs)
        quarters, middle = statistics.quantiles(found, n=4), statistics.median(found)
        spread = (quarters[2] - quarters[0]) / middle
        cost, ours = statistics.median(costs[route, name]), statistics.median(costs[route, "ours"])
        print(
            f"{route:12}{name:8}{middle:12.1f}{spread:9.0%}{ratios[route, name]:9.2f}{cost:9.2f}{cost / ours:9.2f}"
        )
    print()
    for route in ("page20", "page200", "unfiltered"):
        print(f"ratio {route} {ratios[route, 'plain']:.2f}")
    print(f"ratio floor {min(ratios['page20', 'floor'], ratios['page200', 'floor']):.2f}")
    print(f"ratio stats {ratios['stats', 'plain']:.2f}")


if __name__ == "__main__":
    main()
