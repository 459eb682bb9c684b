"""SIGKILL at seeded moments of web server, worker, scheduler and database while a run publishes to WordPress.

make e2e ARGS="-k kill"        20 kills
make soak-kill KILLS=200       the long one
"""

import os
import random
import time

import pytest

from tests.e2e_real.books import check_books
from tests.e2e_real.product import running

KILLS = int(os.environ.get("KILLS", "20"))
ARTICLES = 30
PROGRAMS = ("web", "worker", "beat", "postgres")
# Longest time without progress after a kill.
STANDSTILL = 60.0
PROGRESS = "SELECT count(*)::int FROM automation_runitem WHERE state = 'done'"


@pytest.mark.timeout(600 + 20 * KILLS)
def test_nothing_is_lost_doubled_or_paid_twice(tmp_path, wordpress, llm, capsys):
    chance = random.Random(int(os.environ.get("SEED", "20261123")))
    environment = llm.environment
    environment["OUTBOUND_ALLOW_PRIVATE"] += f",{wordpress.address}"
    kills, articles, longest = dict.fromkeys(PROGRAMS, 0), 0, 0.0
    with running(tmp_path, environment) as product:
        site = product.connected_site(wordpress)
        while sum(kills.values()) < KILLS:
            articles += ARTICLES
            run = product.run_begin(site, articles=ARTICLES)
            longest = max(longest, _killed(product, run, kills, chance))
        figures = check_books(product, wordpress, articles=articles)
    with capsys.disabled():
        print(f"\n{sum(kills.values())} kills {kills}, longest standstill {longest:.1f} s; {figures}")


def _killed(product, run: int, kills: dict, chance: random.Random) -> float:
    """Kills at random until the run has ended or there were enough. Returns the longest time without progress."""
    done, since, longest, again = product.one(PROGRESS), time.monotonic(), 0.0, 0.0
    while True:
        status, error = product.rows(f"SELECT status, error_message FROM automation_run WHERE id = {run}")[0]
        if status not in ("pending", "running"):
            assert status == "completed", (status, error)
            return longest
        now, count = time.monotonic(), product.one(PROGRESS)
        if count != done:
            done, since = count, now
        longest = max(longest, now - since)
        assert now - since < STANDSTILL, f"no progress for {now - since:.0f} s; {kills}"
        # Not before there is something to interrupt, and with time between two for the work to go on.
        if sum(kills.values()) < KILLS and now > again and done > 1:
            program = chance.choice(PROGRAMS)
            kills[program] += product.kill(program, chance)
            again = now + chance.uniform(0.5, 6.0)
        time.sleep(0.2)
