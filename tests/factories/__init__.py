from tests.factories.accounts import (
    AccountFactory,
    IndustryFactory,
    IndustrySectorFactory,
    PlanFactory,
    SectorFactory,
    SiteFactory,
    UserFactory,
)

__all__ = [
    "AccountFactory",
    "IndustryFactory",
    "IndustrySectorFactory",
    "PlanFactory",
    "SectorFactory",
    "SiteFactory",
    "UserFactory",
]
