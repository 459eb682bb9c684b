"""How long an article of 2,000 words is judged, against the 200 ms that an editor who types may wait.

    make bench-optimizer        (ROUNDS=50)

`ratio analyze` is 200 ms over the median; `first` is the first one of a process, which has read no word before.
"""

import os
import statistics
import time

ROUNDS = int(os.environ.get("ROUNDS", 50))
WORDS, ALLOWED = 2_000, 200


def main() -> None:
    from apps.optimizer.scoring import Article, analyze
    from apps.optimizer.scoring.page import Page
    from tests.e2e_real.texts import SUBJECTS

    _, _, keyphrases, sentences = SUBJECTS[0]
    html, number = "", 0
    while Page(Article("", html, "")).word_count < WORDS:
        heading = f"<h2>{sentences[number % len(sentences)]}</h2>" if number % 4 == 0 else ""
        said = " ".join(sentences[(number * 3 + n) % len(sentences)] for n in range(4))
        html += f'{heading}<p>{said} {keyphrases[0]}. <a href="/more/">More</a></p>'
        number += 1
    article = Article(title=keyphrases[0], html=html, keyphrase=keyphrases[0], meta_description=sentences[0])
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        analyze(article)
        times.append((time.perf_counter() - began) * 1000)
    median = statistics.median(times)
    print(
        f"{Page(article).word_count} words: median {median:.1f} ms, first {times[0]:.1f} ms, worst {max(times):.1f} ms"
    )
    print(f"ratio analyze {ALLOWED / median:.1f}")


if __name__ == "__main__":
    main()
