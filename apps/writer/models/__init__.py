"""Writing tasks, the articles, their images, and the terms that they name."""

from apps.writer.models.content import CONTENT_MOVES, Content, ContentVersion
from apps.writer.models.images import Image, image_path
from apps.writer.models.parts import DraftPart
from apps.writer.models.tasks import WRITING_TIME, Task, TaskQuerySet
from apps.writer.models.taxonomies import Taxonomy

__all__ = [
    "CONTENT_MOVES",
    "WRITING_TIME",
    "Content",
    "ContentVersion",
    "DraftPart",
    "Image",
    "Task",
    "TaskQuerySet",
    "Taxonomy",
    "image_path",
]
