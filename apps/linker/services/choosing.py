"""A model that ranks the links an article could have. It can take one of ours or leave it, nothing else."""

from apps.intelligence.services import TextResult, text_call
from apps.linker.services.ranking import Candidate, Found, links_choose
from apps.writer.models import Content

# What is shown to it, the best ones.
SHOWN = 40


def links_ask(content: Content, found: Found) -> tuple[list[Candidate], TextResult]:
    """The candidates that the account's model chose, its favourites first where they stand too near to each other.

    Raises UpstreamFailed, PromptOutdated. No transaction may be open.
    """
    shown = found.candidates[:SHOWN]
    answer = text_call(
        function="linking",
        inputs={
            "title": content.title,
            "count": found.allowed,
            "candidates": [
                {
                    "id": number,
                    "anchor": found.prose.shown(c.first, c.last),
                    "sentence": found.prose.around(c.first, c.last, 120),
                    "page": c.target.title,
                }
                for number, c in enumerate(shown, 1)
            ],
        },
        account_id=content.account_id,
        site_id=content.site_id,
    )
    chosen = [shown[row["id"] - 1] for row in answer.data["links"] if 0 < row["id"] <= len(shown)]
    return links_choose(chosen, found.allowed), answer
