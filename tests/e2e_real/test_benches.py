"""Each benchmark of bench/ still runs and prints its ratios: a few rows, whatever the ratios are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = {
    "bulk": {"ROWS": 50, "ROUNDS": 2},
    "claims": {"ROUNDS": 1, "SECONDS": 0.05, "WAVES": 1, "LATENCY": 0.05},
    "clustering_job": {"ROWS": 2000},
    "ingest": {"ROWS": 500, "ROUNDS": 1},
    "ledger": {"ROUNDS": 1, "SECONDS": 0.1, "SPENDERS": 8, "PROCESSES": 2},
    "library": {"ROWS": 5000, "ROUNDS": 2, "SECONDS": 0.3},
    "links": {"ARTICLES": 60, "WORDS": 200, "PAGES": 60},
    "optimizer": {"ROUNDS": 1},
    "products": {"ROWS": 3000, "ROUNDS": 1},
    "request": {"ROUNDS": 2, "SECONDS": 0.1},
}
NOT_HERE = {"clustering"}  # its sizes are the figures; the tests hold its quality


def test_all_are_here():
    commands = {p.stem for p in (ROOT / "bench").glob("*.py") if "__main__" in p.read_text()}
    assert commands == set(SMALL) | NOT_HERE


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SMALL)
def test_it_runs(name):
    env = {**os.environ, **{key: str(value) for key, value in SMALL[name].items()}}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert re.search(r"^ratio \w+ \d", done.stdout, re.MULTILINE), done.stdout[-2000:]
