"""How well an article can be found and read: a versioned list of checks. Pure: no database, no clock, no network."""

from dataclasses import dataclass

from . import keyphrase, lengths, structure  # noqa: F401 - they register their checks, in the order of the answer
from .checks import BAD, CHECKS, GOOD, OK, Verdict
from .page import Article, Page

STATUSES = [GOOD, OK, BAD]

# Grows with every change of a check, a threshold or a weight: scores of two versions are not compared.
VERSION = "1"


@dataclass(frozen=True)
class Analysis:
    """`points` of `most` are what the checks gave; `verdicts` by the id of the check, in order."""

    verdicts: dict[str, Verdict]
    points: int
    most: int
    checks: list[dict]

    @property
    def score(self) -> int:
        """0 to 100."""
        return int(self.points * 100 / self.most + 0.5) if self.most else 0

    def failing(self) -> list[str]:
        return [id for id, verdict in self.verdicts.items() if verdict.status != GOOD]


def analyze(article: Article) -> Analysis:
    """The same article always gets the same answer."""
    page = Page(article)
    judged = [(check, verdict) for check in CHECKS if (verdict := check.judge(page)) is not None]
    return Analysis(
        verdicts={check.id: verdict for check, verdict in judged},
        points=sum(check.points(verdict) for check, verdict in judged),
        most=sum(check.max for check, _ in judged),
        checks=[
            {
                "id": check.id,
                "score": check.points(verdict),
                "max": check.max,
                "status": verdict.status,
                "reason": verdict.reason,
                "advice": verdict.advice,
            }
            for check, verdict in judged
        ],
    )


__all__ = ["CHECKS", "STATUSES", "VERSION", "Analysis", "Article", "analyze"]
