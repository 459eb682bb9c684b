from apps.core.errors import AppError
from apps.integration.clients.wordpress import WordPressError

# Only this one article is concerned: its words, its size, its moment, its post. Else no other would go either.
_OF_THE_ARTICLE = {
    "firewall",
    "timeout",
    "cut",
    "server_error",
    "rejected",
    "too_large",
    "upload",
    "not_found",
}


class TargetFailed(AppError):
    """The target did not take an article. `permanent`: asking again does not help. `target_down`: nor would it take
    another one. `retry_after`: seconds."""

    status = 502
    code = "UPSTREAM_ERROR"

    def __init__(self, message: str, *, permanent: bool = True, target_down: bool = False, retry_after=None):
        super().__init__(message)
        self.permanent = permanent
        self.target_down = target_down
        self.retry_after = retry_after

    @classmethod
    def of(cls, error: WordPressError) -> "TargetFailed":
        return cls(
            error.sentence,
            permanent=error.permanent,
            target_down=error.cause not in _OF_THE_ARTICLE and not error.code.startswith("rest_cannot_edit"),
            retry_after=error.retry_after,
        )
