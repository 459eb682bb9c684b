"""From the library of search keywords to the ideas for articles."""

from apps.planner.models.ideas import ClaimedTopic, ContentIdea, ContentType, Structure
from apps.planner.models.keywords import Cluster, Keyword, WorkflowQuerySet
from apps.planner.models.library import (
    BANDS,
    DIFFICULTY_LABELS,
    Intent,
    LibraryCell,
    LibraryCount,
    LibraryImport,
    LibraryState,
    SeedKeyword,
    difficulty_label,
)

__all__ = [
    "BANDS",
    "DIFFICULTY_LABELS",
    "ClaimedTopic",
    "Cluster",
    "ContentIdea",
    "ContentType",
    "Intent",
    "Keyword",
    "LibraryCell",
    "LibraryCount",
    "LibraryImport",
    "LibraryState",
    "SeedKeyword",
    "Structure",
    "WorkflowQuerySet",
    "difficulty_label",
]
