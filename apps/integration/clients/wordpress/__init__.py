"""WordPress's REST API: requests, what their failures mean, and a diagnosis of a connection. Knows no ORM."""

from .api import WordPress
from .collection import diagnose_collection
from .diagnosis import Diagnosis, diagnose
from .errors import WordPressError

__all__ = ["Diagnosis", "WordPress", "WordPressError", "diagnose", "diagnose_collection"]
