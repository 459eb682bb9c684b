"""An article at a WordPress: one post, one medium for each picture, whatever happens on the way."""

from .errors import TargetFailed
from .fields import Written
from .kinds import term_texts_check
from .posts import post_tidy, post_write

__all__ = ["TargetFailed", "Written", "post_tidy", "post_write", "term_texts_check"]
