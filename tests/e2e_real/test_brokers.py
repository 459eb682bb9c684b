"""The same run by two workers, on the embedded Valkey and on RabbitMQ; one of them hangs in the middle of it."""

import os
import signal
import time

import pytest

from scripts.e2e import rabbitmq as rabbit
from scripts.e2e.state import load
from tests.e2e_real.books import check_books
from tests.e2e_real.product import running

ARTICLES = 6
DONE = "SELECT count(*)::int FROM automation_runitem WHERE state = 'done'"
LATER = "from apps.core.tasks import sweep_jobs; sweep_jobs.apply_async(countdown=45)"


@pytest.fixture(params=["embedded", "rabbitmq"])
def broker(request) -> dict[str, str]:
    """What names the broker to the product: nothing for the embedded one."""
    if request.param == "embedded":
        return {}
    return {"CELERY_BROKER_URL": request.getfixturevalue("rabbitmq")}


@pytest.mark.timeout(600)
def test_a_run_goes_on_when_one_of_two_workers_hangs(wordpress, llm, broker):
    environment = llm.environment | broker
    environment["OUTBOUND_ALLOW_PRIVATE"] += f",{wordpress.address}"
    with running(environment) as product:
        site = product.connected_site(wordpress)
        with product.second_worker():
            run = product.run_begin(site, articles=ARTICLES)
            until = time.monotonic() + 120
            while product.one(DONE) < 3:
                assert time.monotonic() < until
                time.sleep(0.1)
            hanging = product.processes("worker")
            _signal(hanging, signal.SIGSTOP)
            try:
                product.run_end(run, seconds=150)
            finally:
                _signal(hanging, signal.SIGCONT)
            check_books(product, wordpress, articles=ARTICLES)
        # The one that hung is as good as before, now that it is alone.
        product.run_end(product.run_begin(site, articles=ARTICLES), seconds=120)
        check_books(product, wordpress, articles=2 * ARTICLES)
        if broker:
            product.manage("shell", code=LATER)
            _check_queues(broker["CELERY_BROKER_URL"].rpartition("/")[2])


def _check_queues(vhost: str) -> None:
    """All queues of work are quorum queues, empty by now; what has a countdown waits in the broker."""
    until = time.monotonic() + 15
    while True:
        listed = rabbit.control(
            load(), "list_queues", "-p", vhost, "name", "type", "messages", "--no-table-headers"
        )
        queues = {name: (kind, int(n)) for name, kind, n in (line.split() for line in listed.splitlines())}
        work = {queues[name] for name in ("default", "ai", "images", "publish", "sync", "parsing")}
        # 45 seconds are 32 and the rest: the message begins in the queue of 2 to the 5th.
        if work == {("quorum", 0)} and queues["celery_delayed_5"] == ("quorum", 1):
            return
        assert time.monotonic() < until, queues
        time.sleep(0.5)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)
