"""Keyword clustering: quality on labelled sets, speed, memory, and what adding keywords later costs.

    make bench-clustering                  # ROWS=1000000 for a run over a million as well; TIER=minilm

The labelled sets (data/*.csv.gz, columns query and topic): queries that people typed for one of 125 search tasks, 20
sentences for each of 150 intents, and what people ask of four subjects, in 38 articles (written for this benchmark).
Quality is the F1 over pairs: two keywords together or apart. Each timing runs in a process of its own, so that its
peak memory is its own; loading numpy, scipy and the vectors, once a process, is told beside it."""

import csv
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from apps.planner.clustering import cluster_keywords, join_keywords
from apps.planner.clustering.text import FUNCTION_WORDS, singular, words

DATA = Path(__file__).parent / "data"
SETS = ("user_queries", "intents")
FACETS = "facets"
TIER = os.environ.get("TIER", "static")
COMPONENTS = "TF-IDF components, best cut a set"
BEFORE = (
    "best|cheap|how to|what is|buy|top 10|free|why|diy|affordable|online|local|easy|learn|history of|types of|"
    "benefits of|cost of|guide to|examples of|where to find|professional|modern|facts about|causes of|effects of|"
    "pictures of|books about"
).split("|")
AFTER = (
    "near me|2025|2026|reviews|price|for beginners|for kids|for sale|pdf|in london|in chicago|in texas|in germany|"
    "in india|explained|ideas|tips|statistics|examples|alternatives|pros and cons|tutorial|cost|course|jobs|"
    "requirements|problems|solutions|software|tools|companies|certification|at home|for seniors|template|checklist|"
    "meaning|definition"
).split("|")


def labelled(name: str) -> tuple[list[str], list[str]]:
    with gzip.open(DATA / f"clusters_{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["query"] for row in rows], [row["topic"] for row in rows]


def recombined(count: int) -> list[str]:
    """`count` distinct keywords as a keyword tool lists them: phrases of the labelled sets, the earlier the more
    often, with what people put before and after them."""
    rng = random.Random(7)
    phrases = set()
    for name in SETS:
        for query in labelled(name)[0]:
            parts = query.split()
            phrases |= {" ".join(parts[i : i + n]) for n in (2, 3, 4) for i in range(len(parts) - n + 1)}
    heads = sorted(phrases)
    rng.shuffle(heads)
    if count > 200_000:  # more heads for more keywords
        heads += [f"{rng.choice(heads)} {rng.choice(heads)}" for _ in range(count // 8)]
    heads = heads[: max(200, count // 6)]
    found: set[str] = set()
    while len(found) < count:
        side = rng.random()
        before = rng.choice(BEFORE) if side < 0.6 else ""
        after = rng.choice(AFTER) if side > 0.3 else ""
        found.add(" ".join(f"{before} {heads[int(len(heads) * rng.random() ** 1.7)]} {after}".split()))
    return sorted(found)


def scores(truth, found) -> tuple[float, float, float]:
    """(F1, precision, recall) over pairs."""

    def pairs(counts):
        return sum(n * (n - 1) // 2 for n in counts.values())

    both, same, together = (
        pairs(Counter(zip(truth, found, strict=True))),
        pairs(Counter(truth)),
        pairs(Counter(found)),
    )
    return 2 * both / (same + together), both / max(together, 1), both / same


def labels(result, count: int) -> list[int]:
    """Cluster (leaf) of every keyword; one that stands alone has a number of its own."""
    found = [-1 - i for i in range(count)]
    for number, cluster in enumerate(result.clusters):
        for position in cluster.members:
            found[position] = number
    return found


def components(keywords, threshold):
    """Word TF-IDF, an edge from `threshold` on, connected components: what most keyword sheets do."""
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import TfidfVectorizer

    def telling(keyword):
        return [singular(word) for word in words(keyword) if word not in FUNCTION_WORDS]

    rows = TfidfVectorizer(analyzer=telling, sublinear_tf=True).fit_transform(keywords)
    return connected_components(rows @ rows.T >= threshold)[1].tolist()


def plain_hybrid(keywords):
    """The same parts without lending, local scaling and the split: .5 mean token vectors, .25 words, .25 letters,
    25 neighbours, Leiden."""
    import numpy as np
    from scipy import sparse

    from apps.planner.clustering.features import build_features
    from apps.planner.clustering.leiden import partition
    from apps.planner.clustering.tiers import STATIC

    features = build_features(keywords)
    near = STATIC.meaning * np.maximum(features.meaning @ features.meaning.T, 0)
    near += (features.wording @ features.wording.T).toarray()
    np.fill_diagonal(near, 0)
    near[near < np.sort(near, axis=1)[:, -25][:, None]] = 0
    return partition(sparse.csr_matrix(np.round(np.maximum(near, near.T), 6)), STATIC.gamma).tolist()


def ours(keywords):
    return labels(cluster_keywords(keywords, tier=TIER), len(keywords))


def added_later(keywords, topics, seed: int) -> tuple[float, float, float]:
    """(F1 of four fifths of the keywords, F1 of all once the rest has joined, share of the rest that found a
    cluster)."""
    late = set(random.Random(seed).sample(range(len(keywords)), len(keywords) // 5))
    early = [i for i in range(len(keywords)) if i not in late]
    placed = dict(zip(early, ours([keywords[i] for i in early]), strict=True))
    before = scores([topics[i] for i in early], list(placed.values()))[0]
    new = sorted(late)
    joined = join_keywords(
        [(keywords[i], number) for i, number in placed.items() if number >= 0],
        [keywords[i] for i in new],
        tier=TIER,
    )
    # Those that found no cluster are grouped among themselves and with the ones alone, as a second run would.
    left = [i for i, number in zip(new, joined, strict=True) if number is None]
    left += [i for i, number in placed.items() if number < 0]
    placed |= {i: number for i, number in zip(new, joined, strict=True) if number is not None}
    rest = ours([keywords[i] for i in left])
    placed |= {i: number + 10**6 if number >= 0 else -1 - i for i, number in zip(left, rest, strict=True)}
    after = scores(topics, [placed[i] for i in range(len(keywords))])[0]
    return before, after, 1 - joined.count(None) / len(joined)


def meaning_of(keywords, result):
    return {(c.name, frozenset(keywords[i] for i in c.members), c.parent) for c in result.clusters}


def measure(count: int) -> None:
    """Runs in a process of its own; prints one JSON line."""
    keywords = recombined(count)
    begun = time.perf_counter()
    cluster_keywords(
        labelled("user_queries")[0][:100], tier=TIER
    )  # a worker loads numpy, scipy and the vectors once
    started, busy = time.perf_counter(), time.process_time()
    result = cluster_keywords(keywords, tier=TIER)
    print(
        json.dumps(
            {
                "start": started - begun,
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - busy,
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "clusters": sum(bool(c.members) for c in result.clusters),
                "hubs": sum(not c.members for c in result.clusters),
                "alone": len(result.alone),
                "largest": max(len(c.members) for c in result.clusters),
            }
        )
    )


def main() -> None:
    sets = {name: labelled(name) for name in SETS}
    f1: dict[tuple[str, str], float] = {}
    print(f"tier {TIER}")
    print(f"{'pairwise':34}" + "".join(f"{name:>14} F     P     R  " for name in SETS))
    methods = {
        COMPONENTS: lambda keywords: (components(keywords, threshold / 20) for threshold in range(6, 17)),
        "plain hybrid": lambda keywords: [plain_hybrid(keywords)],
        "ours": lambda keywords: [ours(keywords)],
    }
    for method, run in methods.items():
        cells = []
        for name, (keywords, topics) in sets.items():
            f1[method, name], precision, recall = max(scores(topics, found) for found in run(keywords))
            cells.append(f"{f1[method, name]:16.3f} {precision:.3f} {recall:.3f}")
        print(f"{method:34}" + "  ".join(cells), flush=True)

    keywords, topics = labelled(FACETS)
    amid = keywords + sets["user_queries"][0]  # a subject among others, as keywords come
    facets = {"alone": ours(keywords), "amid": ours(amid)[: len(keywords)]}
    articles = {name: scores(topics, found) for name, found in facets.items()}
    for name, (f, precision, recall) in articles.items():
        print(f"articles of one subject, {name:5}: F {f:.3f}, precision {precision:.3f}, recall {recall:.3f}")

    losses, joined = {}, {}
    for name, (keywords, topics) in sets.items():
        later = [added_later(keywords, topics, seed) for seed in range(3)]
        whole, joined[name], alike = (sum(column) / len(later) for column in zip(*later, strict=True))
        losses[name] = whole - joined[name]
        print(
            f"a fifth added later, {name}: F {f1['ours', name]:.3f} at once; the first four fifths have {whole:.3f},"
        )
        print(
            f"    with the rest joined all have {joined[name]:.3f}; {alike:.0%} of the rest found a cluster",
            flush=True,
        )

    same = True
    for keywords, _ in sets.values():
        mixed = random.Random(5).sample(keywords, len(keywords))
        same &= meaning_of(keywords, cluster_keywords(keywords, tier=TIER)) == meaning_of(
            mixed, cluster_keywords(mixed, tier=TIER)
        )
    print(f"shuffled input gives the same clusters, names and hubs: {same}", flush=True)

    sizes = sorted({10_000, 100_000} | ({int(os.environ["ROWS"])} if os.environ.get("ROWS") else set()))
    took = {}
    for count in sizes:
        shown = subprocess.run(
            [sys.executable, "-m", "bench.clustering", "measure", str(count)],
            capture_output=True,
            text=True,
            check=True,
        )
        took[count] = json.loads(shown.stdout)
        print(
            "{count:>9,} keywords: {start:.1f} s to load, {seconds:.1f} s ({cpu:.1f} s CPU), "
            "{megabytes:,.0f} MiB peak, {clusters:,} clusters, {hubs} hubs, {alone} alone, largest {largest}".format(
                count=count, **took[count]
            ),
            flush=True,
        )

    ratios = {
        "f_user_queries": f1["ours", "user_queries"],
        "f_intents": f1["ours", "intents"],
        "f_facets": min(f for f, _, _ in articles.values()),
        "over_components": min(f1["ours", name] / f1[COMPONENTS, name] for name in SETS),
        "over_plain_hybrid": min(f1["ours", name] / f1["plain hybrid", name] for name in SETS),
        "join_loss": max(losses.values()),
        "below_at_once": max(f1["ours", name] - joined[name] for name in SETS),
        "same_when_shuffled": float(same),
        "seconds_10k": took[10_000]["seconds"],
        "seconds_100k": took[100_000]["seconds"],
        "gigabytes_100k": took[100_000]["megabytes"] * 2**20 / 1e9,
    }
    for name, value in ratios.items():
        print(f"ratio {name} {value:.3f}")


if __name__ == "__main__":
    measure(int(sys.argv[2])) if sys.argv[1:2] == ["measure"] else main()
