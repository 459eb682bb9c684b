import pytest

from apps.accounts.models import IndustrySector
from apps.automation.services.walk import Limits, walk_settings
from apps.billing.services.ledger import credits_balance
from apps.planner.models import Keyword

WORDS = {
    "cold brew ratio": 2400,
    "best cold brew ratio": 480,
    "how to make cold brew": 9900,
    "cold brew at home": 1900,
    "espresso machine under 200": 1300,
    "best espresso machine": 22000,
    "espresso machine review": 700,
    "how to clean an espresso machine": 1600,
    "descale espresso machine": 2900,
    "burr grinder vs blade grinder": 1000,
    "best burr grinder": 8100,
    "coffee grinder settings": 590,
}


def add_keywords(actor, words=WORDS) -> None:
    Keyword.objects.bulk_create(
        Keyword(
            account=actor.account,
            site=actor.site,
            sector=actor.sector,
            industry_sector=IndustrySector.objects.get(pk=actor.sector.industry_sector_id),
            keyword=word,
            key=word,
            volume=volume,
            difficulty=20,
        )
        for word, volume in words.items()
    )


@pytest.fixture
def walker(alice):
    """Alice, with new keywords and settings that carry a run through to published pages."""
    add_keywords(alice)
    walk_settings(site=alice.site, limits=Limits(articles=0, images=1))
    credits_balance(account_id=alice.account.pk)
    return alice
