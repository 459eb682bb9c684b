"""Categories and tags: found by their name, made when missing."""

from collections.abc import Mapping
from html import escape, unescape

from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.publisher.services.wordpress.kinds import Taxonomy
from apps.writer.models import Taxonomy as Term
from apps.writer.services.spelling import terms_meant


def terms_put(site: WordPress, taxonomy: Taxonomy, names: list[str], *, site_id: int) -> dict[str, int]:
    """The ids of these names; one that this user may not make is not among them. In a tree "Drinks > Coffee" is Coffee
    under Drinks, and a name alone is what it means among the terms of our site, wherever else it stands.

    Two that make the same name at once get the same term: WordPress refuses the second and names the first.
    """
    known = terms_meant(site_id=site_id, taxonomy=taxonomy.name, names=names)
    found = _by_id(site, taxonomy, known)
    for name in names:
        if name in found:
            continue
        parts = [part.strip() for part in name.split(">")] if taxonomy.is_tree else [name]
        if name in known and taxonomy.is_tree:
            parts = known[name].path_names
        if len(parts) > 1 and all(parts):
            term = _path(site, taxonomy, parts)
        else:
            term = _found(site, taxonomy, name) or _made(site, taxonomy, name)
        if term:
            found[name] = term
    return {name: found[name] for name in names if name in found}


def _by_id(site: WordPress, taxonomy: Taxonomy, known: Mapping[str, Term]) -> dict[str, int]:
    """Of the terms that a sync has seen there those that are still called so, wherever they were moved to."""
    ids = {int(term.external_id): name for name, term in known.items() if term.external_id.isdecimal()}
    if not ids:
        return {}
    asked = {"include": ",".join(map(str, ids)), "per_page": 100, "_fields": "id,name"}
    there = {row["id"]: row["name"] for row in site.get(f"/wp/v2/{taxonomy.rest_base}", **asked)}
    return {name: pk for pk, name in ids.items() if pk in there and _same(there[pk], known[name].name)}


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
