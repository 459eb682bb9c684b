"""How long it takes to find the links of many articles.

    make bench-links        (ARTICLES=2000 WORDS=1000 PAGES=2000 MOST=5)

Articles of WORDS words on PAGES subjects, each of which is a page of the site; no database. `read` puts the pages into
order once, `vectors` takes their meaning; `find` is an article: its words, the phrases in it, what is near by
meaning, the links put in and held against the text. `ratio pages` is the median of `find` with all the pages over
that with a tenth of them: nothing is asked for each pair of an article and a page. In seconds of the processor.
"""

import os
import random
import statistics
import time

ARTICLES = int(os.environ.get("ARTICLES", 2000))
WORDS = int(os.environ.get("WORDS", 1000))
PAGES = int(os.environ.get("PAGES", 2000))
MOST = int(os.environ.get("MOST", 5))

FIRST = "cold hot iced strong fresh dark light sweet bitter cheap best small large manual electric".split()
SECOND = "coffee tea espresso filter burr milk water kitchen garden dog car winter summer camping office travel".split()
THIRD = "grinder machine kettle beans recipe ratio temperature cup filter insurance training shoes lamp chair".split()
FILLER = (
    "the of and a you it is for with on this that need more time than before when every some good".split()
)


def subjects(count: int) -> list[str]:
    every = [f"{a} {b} {c}" for a in FIRST for b in SECOND for c in THIRD if len({a, b, c}) == 3]
    random.Random(1).shuffle(every)
    return every[:count]


def article(number: int, keywords: list[str]) -> str:
    chance = random.Random(number)
    out: list[str] = []
    while len(out) < WORDS:
        words = [
            chance.choice(FILLER if chance.random() < 0.5 else SECOND + THIRD)
            for _ in range(chance.randint(30, 80))
        ]
        words[chance.randrange(len(words))] = chance.choice(keywords)
        text = " ".join(words)
        out += text.split()
        out[-1] += ".</p>"
        out[-len(text.split())] = f"<p>{out[-len(text.split())]}"
    return " ".join(out)


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from apps.linker.services.markup import links_insert
    from apps.linker.services.ranking import links_choose, links_find
    from apps.linker.services.targets import Targets
    from apps.writer.models import Content

    keywords = subjects(PAGES)
    rows = [
        (n, f"All about {k}", f"p-{n}", k, [], f"https://example.com/{n}/", "")
        for n, k in enumerate(keywords, 1)
    ]
    texts = [
        Content(
            pk=10**6 + n,
            title=keywords[n % PAGES],
            primary_keyword=keywords[n % PAGES],
            html=article(n, keywords),
        )
        for n in range(ARTICLES)
    ]
    began = time.process_time()
    targets = Targets(rows)
    read = time.process_time()
    _ = targets.vectors
    print(f"read {len(rows)} pages {read - began:.2f} s, vectors {time.process_time() - read:.2f} s")

    def find(targets: Targets, content: Content) -> tuple[float, int]:
        begin = time.process_time()
        found = links_find(content, targets, base="https://example.com/", most=MOST, words_per_link=150)
        _, placed = links_insert(content.html, links_choose(found.candidates, found.allowed))
        return time.process_time() - begin, len(placed)

    tenth = Targets(rows[::10])
    few, every = zip(*((find(tenth, content)[0], find(targets, content)) for content in texts), strict=True)
    took = [seconds for seconds, _ in every]
    middle = statistics.median(took)
    print(
        f"find: {len(texts)} articles of {WORDS} words in {sum(took):.1f} s, median {middle * 1000:.1f} ms, "
        f"longest {max(took) * 1000:.0f} ms, {sum(n for _, n in every)} links"
    )
    print(f"ratio pages {middle / statistics.median(few):.2f}")


if __name__ == "__main__":
    main()
