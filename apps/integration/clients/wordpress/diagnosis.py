"""Looks into a connection step by step, and names the first thing that is wrong with it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from apps.integration.clients.wordpress.api import WordPress
from apps.integration.clients.wordpress.errors import WordPressError

PLUGIN = "igny8/v1"
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
    plugin_version: str = ""
    checks: list[dict] = field(default_factory=list)

    def step(self, name: str, message: str) -> None:
        self.checks.append({"name": name, "ok": True, "message": message})

    def failed(self, name: str, error: WordPressError) -> "Diagnosis":
        self.checks.append({"name": name, "ok": False, "message": error.sentence})
        self.cause, self.message = error.cause, error.sentence
        return self


def diagnose(
    *, url: str, username: str = "", password: str = "", secret: str = "", timeout: float = 10.0
) -> Diagnosis:
    """Whether a site can be published to, and if not, why and what to do. Raises nothing for what the site does."""
    found = Diagnosis()
    credentials = {"username": username, "password": password, "secret": secret}
    # Somebody waits for the diagnosis: nothing is tried again.
    options = {"url": url, "timeout": timeout, "attempts": 1}
    try:
        index = _index(found, options, credentials)
    except WordPressError as error:
        return found.failed("rest_api", error)
    found.site_name = str(index.get("name", ""))[:200]
    found.step("rest_api", f"The REST API answers at {found.rest_root}.")
    with WordPress(rest_root=found.rest_root, **options, **credentials) as site:
        has_plugin = PLUGIN in index.get("namespaces", [])
        if secret and not has_plugin:
            return found.failed(
                "plugin", WordPressError("plugin_missing", f"The plugin does not answer at {site.host}.")
            )
        try:
            user = site.get("/wp/v2/users/me", context="edit")
        except WordPressError as error:
            return found.failed("login", error if secret else _why_refused(error, index, site, credentials))
        if has_plugin:
            _look_at_plugin(found, site)
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


def _look_at_plugin(found: Diagnosis, site: WordPress) -> None:
    """What the plugin says of itself. One that is there and does not answer is told, and in nobody's way."""
    try:
        status = site.get(f"/{PLUGIN}/status")
    except WordPressError as error:
        found.checks.append({"name": "plugin", "ok": False, "message": error.sentence})
        return
    found.plugin_version = str(status.get("version", ""))[:20]
    waiting, lost = status.get("waiting", 0), status.get("failed", 0)
    told = f"; {waiting} events wait, {lost} were not taken" if waiting or lost else ""
    found.step("plugin", f"The plugin answers, version {found.plugin_version}{told}.")


def _index(found: Diagnosis, options: dict, credentials: dict) -> dict:
    """The REST API's own description, wherever it stands."""
    url = options["url"].rstrip("/")
    pretty, plain = f"{url}/wp-json", f"{url}/index.php?rest_route="
    try:
        index, found.rest_root = _asked(pretty, options, credentials), pretty
    except WordPressError as error:
        if error.status != 404 and error.cause != "html":
            raise
        # No permalinks, or rewrite rules that lead elsewhere: the same API stands behind a parameter.
        try:
            index, found.rest_root = _asked(plain, options, credentials), plain
        except WordPressError as behind:
            same = behind.cause in ("rest_missing", "not_wordpress", "html", "redirect")
            raise (error if same else behind) from None
    if "wp/v2" not in index.get("namespaces", []):
        host = urlsplit(url).hostname
        raise WordPressError("not_wordpress", f"What answers at {host} is not the REST API of WordPress.")
    return index


def _asked(root: str, options: dict, credentials: dict) -> dict:
    path = "/" if "rest_route" not in root else ""
    with WordPress(rest_root=root, **options) as site:
        try:
            data = site.get(path)
        except WordPressError as error:
            if error.cause not in ("rest_blocked", "not_logged_in"):
                raise
            # Some sites show the API to their users alone.
            with WordPress(rest_root=root, **options, **credentials) as known:
                try:
                    data = known.get(path)
                except WordPressError:
                    raise error from None
    if not isinstance(data, dict):
        raise WordPressError("not_wordpress", f"What answers at {site.host} is not WordPress.")
    return data


def _why_refused(error: WordPressError, index: dict, site: WordPress, credentials: dict) -> WordPressError:
    """The reason behind a login that was not seen."""
    if error.cause not in ("not_logged_in", "credentials", "rest_blocked"):
        return error
    if "application-passwords" not in (index.get("authentication") or {}):
        # A site that offers none has a reason for that.
        sentence = f"{site.host} does not offer application passwords."
        return WordPressError("app_passwords_off", sentence, status=error.status)
    if error.cause == "not_logged_in":
        # The older interface takes the same password in the body, where no server strips it.
        knows = site.xmlrpc_knows(credentials["username"], credentials["password"])
        if knows:
            return WordPressError(
                "auth_stripped",
                f"{site.host} knows the user and the password, but its REST API never sees them.",
                status=error.status,
            )
        if knows is False:
            return WordPressError("credentials", f"{site.host} refuses the login.", status=error.status)
    return error
