"""WordPress's REST API: requests, what their failures mean, and a diagnosis of a connection. Knows no ORM."""

from .api import Answer, WordPress
from .diagnosis import Diagnosis, diagnose
from .errors import WordPressError

__all__ = ["Answer", "Diagnosis", "WordPress", "WordPressError", "diagnose"]
