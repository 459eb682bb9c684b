"""Whether the posts of one type can be read, made, changed, published and sorted, without making one."""

from apps.integration.clients.wordpress.api import WordPress
from apps.integration.clients.wordpress.diagnosis import Diagnosis
from apps.integration.clients.wordpress.errors import WordPressError

# What is done, the key of the type's capability for it.
_OF_POSTS = (("create", "create_posts"), ("edit", "edit_posts"), ("publish", "publish_posts"))
# WordPress's own taxonomies name capabilities that no role has by itself, and that stand for these.
_STANDS_FOR = {
    **dict.fromkeys(("edit_categories", "edit_post_tags", "manage_post_tags"), "manage_categories"),
    **dict.fromkeys(("assign_categories", "assign_post_tags"), "edit_posts"),
}


def diagnose_collection(site: WordPress, *, post_type: str = "", taxonomy: str = "") -> Diagnosis:
    """Looks into a post type with its taxonomies, or into a taxonomy alone. All steps are taken; `cause` and
    `message` are those of the first that failed. What can be done without is in `missing`."""
    found = Diagnosis(rest_root=site.root)
    try:
        user = site.get("/wp/v2/users/me", context="edit")
    except WordPressError as error:
        return found.failed("login", error)
    found.user, found.roles = str(user.get("username", "")), list(user.get("roles", []))
    may = user.get("capabilities") or {}
    if taxonomy:
        _taxonomy(site, taxonomy, may, found, is_asked=True)
    else:
        _post_type(site, post_type, may, found)
    if not found.cause:
        found.connected = True
        found.message = f"{found.user} may publish to {taxonomy or post_type}" + (
            f", but not {', '.join(found.missing)}." if found.missing else "."
        )
    return found


def _post_type(site: WordPress, name: str, may: dict, found: Diagnosis) -> None:
    kind = _described(site, "types", name, found)
    if kind is None:
        return
    path = f"/wp/v2/{kind['rest_base']}"
    _reads(site, path, found)
    for what, key in _OF_POSTS:
        _may(what, kind.get("capabilities", {}).get(key, key), may, found)
    _takes_posts(site, path, found)
    for taxonomy in kind.get("taxonomies", []):
        _taxonomy(site, taxonomy, may, found, is_asked=False)


def _taxonomy(site: WordPress, name: str, may: dict, found: Diagnosis, *, is_asked: bool) -> None:
    kind = _described(site, "taxonomies", name, found if is_asked else Diagnosis())
    if kind is None:
        if not is_asked:
            found.missing.append(f"use {name}, which the REST API does not show")
        return
    _reads(site, f"/wp/v2/{kind['rest_base']}", found, context="view")
    # Whoever may tag a post may make a tag; a tree is not everybody's to grow.
    making = "edit_terms" if kind.get("hierarchical") else "assign_terms"
    for what, key in (("create", making), ("assign", "assign_terms")):
        _may(f"{what} {name}", kind.get("capabilities", {}).get(key, key), may, found, is_needed=is_asked)


def _described(site: WordPress, kind: str, name: str, found: Diagnosis) -> dict | None:
    try:
        described = site.get(f"/wp/v2/{kind}/{name}", context="edit")
    except WordPressError as error:
        if error.status == 404 or error.code in ("rest_cannot_read_type", "rest_forbidden"):
            noun = "post type" if kind == "types" else "taxonomy"
            error = WordPressError("type_missing", f"The REST API of {site.host} shows no {noun} “{name}”.")
        found.failed(name, error)
        return None
    found.step(name, f"It stands at /wp/v2/{described['rest_base']}.")
    return described


def _reads(site: WordPress, path: str, found: Diagnosis, *, context: str = "edit") -> None:
    try:
        site.get(path, per_page=1, context=context, _fields="id")
    except WordPressError as error:
        _first_failed(found, f"read {path}", error)
    else:
        found.step(f"read {path}", "It can be read.")


def _may(what: str, capability: str, may: dict, found: Diagnosis, *, is_needed: bool = True) -> None:
    if may.get(_STANDS_FOR.get(capability, capability)):
        found.step(what, f"{found.user} may do this.")
    elif is_needed:
        sentence = f"The user {found.user} may not {what} there: the capability {capability} is missing."
        _first_failed(found, what, WordPressError("capability", sentence))
    else:
        found.missing.append(what)


def _takes_posts(site: WordPress, path: str, found: Diagnosis) -> None:
    """Whether a POST arrives: one that WordPress itself refuses before it does anything."""
    try:
        site.post(path, {"status": "igny8-probe"}, once=True)
    except WordPressError as error:
        if error.code != "rest_invalid_param":
            _first_failed(found, "write", error)
            return
    found.step("write", "What is sent arrives.")


def _first_failed(found: Diagnosis, name: str, error: WordPressError) -> None:
    cause, message = found.cause, found.message
    found.failed(name, error)
    if cause:
        found.cause, found.message = cause, message
