"""Everything that asks a model goes through here."""

from apps.intelligence.services.calls import (
    ImageResult,
    TextResult,
    UpstreamFailed,
    concurrency,
    image_call,
    is_offline,
    text_ask,
    text_call,
    text_question,
)
from apps.intelligence.services.choice import Choice, model_choose

__all__ = [
    "Choice",
    "ImageResult",
    "TextResult",
    "UpstreamFailed",
    "concurrency",
    "image_call",
    "is_offline",
    "model_choose",
    "text_ask",
    "text_call",
    "text_question",
]
