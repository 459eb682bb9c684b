"""Writing tasks, the articles, and their images."""

from apps.writer.models.content import CONTENT_MOVES, Content, ContentVersion
from apps.writer.models.images import Image, image_path
from apps.writer.models.tasks import WRITING_TIME, Task, TaskQuerySet

__all__ = [
    "CONTENT_MOVES",
    "WRITING_TIME",
    "Content",
    "ContentVersion",
    "Image",
    "Task",
    "TaskQuerySet",
    "image_path",
]
