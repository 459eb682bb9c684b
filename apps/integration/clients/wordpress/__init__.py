"""WordPress's REST API: requests, what their failures mean, and a diagnosis of a connection. Knows no ORM."""

from .api import WordPress
from .diagnosis import Diagnosis, diagnose
from .errors import WordPressError

__all__ = ["Diagnosis", "WordPress", "WordPressError", "diagnose"]
