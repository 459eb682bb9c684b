"""Categories and tags: found by their name, made when missing."""

from html import escape, unescape

from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.publisher.services.wordpress.kinds import Taxonomy


def terms_put(site: WordPress, taxonomy: Taxonomy, names: list[str]) -> dict[str, int]:
    """The ids of these names; one that this user may not make is not among them. In a tree "Drinks > Coffee" is Coffee
    under Drinks.

    Two that make the same name at once get the same term: WordPress refuses the second and names the first.
    """
    found: dict[str, int] = {}
    for name in names:
        parts = [part.strip() for part in name.split(">")] if taxonomy.is_tree else [name]
        if len(parts) > 1 and all(parts):
            term = _path(site, taxonomy, parts)
        else:
            term = _found(site, taxonomy, name) or _made(site, taxonomy, name)
        if term:
            found[name] = term
    return found


def _path(site: WordPress, taxonomy: Taxonomy, parts: list[str]) -> int | None:
    """The last one of a way down the tree, all of which is made where it is missing."""
    at: int | None = 0
    for part in parts:
        at = _found(site, taxonomy, part, parent=at) or _made(site, taxonomy, part, parent=at)
        if at is None:
            break
    return at


def _found(site: WordPress, taxonomy: Taxonomy, name: str, *, parent: int | None = None) -> int | None:
    # Names are stored with their entities, and searched as they are stored.
    for search in dict.fromkeys((name, escape(name, quote=False))):
        asked = {"search": search, "per_page": 100, "_fields": "id,name,parent"}
        if parent is not None:
            asked["parent"] = parent
        same = [t for t in site.get(f"/wp/v2/{taxonomy.rest_base}", **asked) if _same(t["name"], name)]
        if same:
            # The same name may stand under several parents: the one on top, then the oldest.
            return min(same, key=lambda term: (term.get("parent", 0) != 0, term["id"]))["id"]
    return None


def _made(site: WordPress, taxonomy: Taxonomy, name: str, *, parent: int | None = None) -> int | None:
    try:
        fields = {"name": name, **({"parent": parent} if parent else {})}
        return site.post(f"/wp/v2/{taxonomy.rest_base}", fields)["id"]
    except WordPressError as error:
        if error.code == "term_exists" and isinstance(error.data.get("term_id"), int):
            return error.data["term_id"]
        if error.cause in ("capability", "rejected", "not_logged_in") and error.status in (400, 401, 403):
            return None
        raise


def _same(stored: str, name: str) -> bool:
    return unescape(stored).casefold().strip() == name.casefold().strip()
