"""The offline provider: honest drafts out of keywords, without a language model."""

from .provider import OfflineProvider

__all__ = ["OfflineProvider"]
