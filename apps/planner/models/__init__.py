"""From the library of search keywords to the ideas for articles."""

from apps.planner.models.ideas import ClaimedTopic, ContentIdea, ContentType, Structure
from apps.planner.models.keywords import (
    DIFFICULTY_LABELS,
    Cluster,
    Intent,
    Keyword,
    LibraryImport,
    SeedKeyword,
    WorkflowQuerySet,
    difficulty_label,
)

__all__ = [
    "DIFFICULTY_LABELS",
    "ClaimedTopic",
    "Cluster",
    "ContentIdea",
    "ContentType",
    "Intent",
    "Keyword",
    "LibraryImport",
    "SeedKeyword",
    "Structure",
    "WorkflowQuerySet",
    "difficulty_label",
]
