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
def test_nothing_is_lost_doubled_or_paid_twice(wordpress, llm, capsys):
    chance = random.Random(int(os.environ.get("SEED", "20261123")))
    environment = llm.environment
    environment["OUTBOUND_ALLOW_PRIVATE"] += f",{wordpress.address}"
    kills, articles, longest = dict.fromkeys(PROGRAMS, 0), 0, 0.0
    with running(environment) as product:
        site = product.connected_site(wordpress)
        while sum(kills.values()) < KILLS:
            articles += ARTICLES
            run = product.run_begin(site, articles=ARTICLES)
            longest = max(longest, _killed(product, run, kills, chance))
        figures = check_books(product, wordpress, articles=articles)
    with capsys.disabled():
        print(f"\n{sum(kills.values())} kills {kills}, longest standstill {longest:.1f} s; {figures}")


def _killed(product, run: int, kills: dict, chance: random.Random) -> float:
    """Kills at random until the run has ended or there were enough: the next one when the work goes on after the last.
    Returns the longest time without progress."""
    done, since, longest = product.one(PROGRESS), time.monotonic(), 0.0
    again, last = None, ""
    while True:
        status, error = product.rows(f"SELECT status, error_message FROM automation_run WHERE id = {run}")[0]
        if status not in ("pending", "running"):
            assert status == "completed", (status, error)
            return longest
        now, count = time.monotonic(), product.one(PROGRESS)
        longest = max(longest, now - since)
        assert now - since < STANDSTILL, (
            f"no progress for {now - since:.0f} s; {kills}; last {last}\n{product.told()}"
        )
        if count != done:
            done, since = count, now
            if again is None and done > 1:  # stage 1 is one item, and takes its time
                again = now + chance.uniform(0.0, 4.0)
        if again is not None and now >= again and sum(kills.values()) < KILLS:
            program = last = chance.choice(PROGRAMS)
            kills[program] += product.kill(program, chance)
            again = None
        time.sleep(0.1)
