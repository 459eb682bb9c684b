from apps.core.errors import AppError, Conflict
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


class TakenOff(TargetFailed):
    """People took an article off the site."""

    def __init__(self, synced_id: int, content_id: int, status: str):
        super().__init__(
            f"In WordPress the article is “{status}” now: somebody took it off the site. Publish it once more to put "
            "it out again."
        )
        self.what = (synced_id, content_id, status)


class EditedOnBothSides(Conflict):
    """People changed an article in WordPress and here, to different things: nothing is overwritten until they
    choose."""

    def __init__(self, title: str, fields: list[str], *, lossy: bool = False):
        named = ", ".join(name.replace("_", " ").replace("html", "text") for name in fields)
        why = (
            f"The text of “{title}” in WordPress holds more than ours can, and was changed here"
            if lossy
            else f"“{title}” was changed both in WordPress and here ({named})"
        )
        super().__init__(
            f"{why}. Nothing was overwritten: choose under integration/conflicts/ which text stays.",
            details={"fields": fields},
        )
