"""The queues, by nature of the work. The one place that names them."""

from enum import StrEnum


class Queue(StrEnum):
    DEFAULT = "default"
    AI = "ai"
    IMAGES = "images"
    PUBLISH = "publish"
    SYNC = "sync"
    PARSING = "parsing"
