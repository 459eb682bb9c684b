"""Looks into a connection step by step, and names the first thing that is wrong with it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from apps.integration.clients.wordpress.api import WordPress
from apps.integration.clients.wordpress.errors import WordPressError

# What publishing needs, each with what it is needed for.
NEEDED = {
    "edit_posts": "write posts",
    "publish_posts": "publish posts",
    "upload_files": "upload images",
}
# Without them it works, with less.
WISHED = {"manage_categories": "make categories"}


@dataclass(slots=True)
class Diagnosis:
    """`cause` is "" when all is well, else a key of the errors' ADVICE; `message` is one or two sentences. `checks` are
    the steps that were taken: {"name", "ok", "message"}."""

    connected: bool = False
    cause: str = ""
    message: str = ""
    rest_root: str = ""
    site_name: str = ""
    user: str = ""
    roles: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    checks: list[dict] = field(default_factory=list)

    def step(self, name: str, message: str) -> None:
        self.checks.append({"name": name, "ok": True, "message": message})

    def failed(self, name: str, error: WordPressError) -> "Diagnosis":
        self.checks.append({"name": name, "ok": False, "message": error.sentence})
        self.cause, self.message = error.cause, error.sentence
        return self


def diagnose(*, url: str, username: str, password: str, timeout: float = 10.0) -> Diagnosis:
    """Whether a site can be published to, and if not, why and what to do. Raises nothing for what the site does."""
    found = Diagnosis()
    try:
        index = _index(url, timeout, found)
    except WordPressError as error:
        return found.failed("rest_api", error)
    found.site_name = str(index.get("name", ""))[:200]
    found.step("rest_api", f"The REST API answers at {found.rest_root}.")
    site = WordPress(
        url=url,
        username=username,
        password=password,
        rest_root=found.rest_root,
        timeout=timeout,
        attempts=1,  # somebody waits for the diagnosis
    )
    with site:
        try:
            user = site.get("/wp/v2/users/me", context="edit")
        except WordPressError as error:
            return found.failed("login", _with_index(error, index, site.host))
    found.user, found.roles = str(user.get("username", "")), list(user.get("roles", []))
    found.step("login", f"Logged in as {found.user} ({', '.join(found.roles) or 'no role'}).")
    capabilities = user.get("capabilities", {})
    lacking = [what for name, what in NEEDED.items() if not capabilities.get(name)]
    if lacking:
        sentence = f"The user {found.user} may not {', '.join(lacking)}."
        return found.failed("capabilities", WordPressError("capability", sentence))
    found.missing = [what for name, what in WISHED.items() if not capabilities.get(name)]
    found.step(
        "capabilities",
        f"The user may not {', '.join(found.missing)}: what does not exist yet is left out."
        if found.missing
        else "The user may do all that publishing needs.",
    )
    found.connected, found.message = True, f"Connected to {found.site_name or site.host} as {found.user}."
    return found


def _index(url: str, timeout: float, found: Diagnosis) -> dict:
    """The REST API's own description, wherever it stands."""
    pretty = f"{url.rstrip('/')}/wp-json"
    plain = f"{url.rstrip('/')}/index.php?rest_route="
    try:
        index, found.rest_root = _asked(url, pretty, timeout), pretty
    except WordPressError as error:
        if error.status != 404:
            raise
        # No permalinks: the same API stands behind a parameter.
        try:
            index, found.rest_root = _asked(url, plain, timeout), plain
        except WordPressError:
            raise error from None
    if "wp/v2" not in index.get("namespaces", []):
        host = urlsplit(url).hostname
        raise WordPressError("not_wordpress", f"What answers at {host} is not the REST API of WordPress.")
    return index


def _asked(url: str, root: str, timeout: float) -> dict:
    with WordPress(url=url, rest_root=root, timeout=timeout, attempts=1) as site:
        data = site.get("/" if "rest_route" not in root else "")
    if not isinstance(data, dict):
        raise WordPressError("not_wordpress", f"What answers at {site.host} is not WordPress.")
    return data


def _with_index(error: WordPressError, index: dict, host: str) -> WordPressError:
    """A refused login on a site that offers no application passwords has that for a reason."""
    refused = error.cause in ("not_logged_in", "credentials", "rest_blocked")
    if refused and "application-passwords" not in (index.get("authentication") or {}):
        return WordPressError(
            "app_passwords_off", f"{host} does not offer application passwords.", status=error.status
        )
    return error
