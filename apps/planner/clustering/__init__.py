"""Grouping keywords into articles, without a model call and without Django. Importing it is cheap: numpy and the
rest are loaded by the first call."""

from .engine import Cluster, Clustering, cluster_keywords, split_keywords
from .intent import search_intent
from .joining import join_keywords
from .likeness import Phrases
from .tiers import TierMissing, tier_of

__all__ = [
    "Cluster",
    "Clustering",
    "Phrases",
    "TierMissing",
    "cluster_keywords",
    "join_keywords",
    "search_intent",
    "split_keywords",
    "tier_of",
]
