from apps.intelligence.models.ai import AIModel, PromptVersion, ProviderSettings
from apps.intelligence.models.categories import MAPS, CategoryMapping, InternalCategory
from apps.intelligence.models.products import (
    ProductScore,
    ProductSearch,
    ScoringLease,
    SearchState,
    SearchWord,
)

__all__ = [
    "MAPS",
    "AIModel",
    "CategoryMapping",
    "InternalCategory",
    "ProductScore",
    "ProductSearch",
    "PromptVersion",
    "ProviderSettings",
    "ScoringLease",
    "SearchState",
    "SearchWord",
]
