"""Categories and tags: found by their name, made when missing."""

from html import escape, unescape

from apps.integration.clients.wordpress import WordPress, WordPressError


def terms_put(site: WordPress, taxonomy: str, names: list[str]) -> dict[str, int]:
    """The ids of these names, in `categories` or `tags`; a name that this user may not make is not among them.

    Two that make the same name at once get the same term: WordPress refuses the second and names the first.
    """
    found: dict[str, int] = {}
    for name in names:
        # Names are stored with their entities, and searched as they are stored.
        stored = escape(name, quote=False)
        term = _found(site, taxonomy, name, name)
        if term is None and stored != name:
            term = _found(site, taxonomy, name, stored)
        term = term or _made(site, taxonomy, name)
        if term:
            found[name] = term
    return found


def _found(site: WordPress, taxonomy: str, name: str, search: str) -> int | None:
    terms = site.get(f"/wp/v2/{taxonomy}", search=search, per_page=100, _fields="id,name,parent")
    same = [term for term in terms if _same(term["name"], name)]
    # The same name may stand under several parents: the one on top, then the oldest.
    same.sort(key=lambda term: (term.get("parent", 0) != 0, term["id"]))
    return same[0]["id"] if same else None


def _made(site: WordPress, taxonomy: str, name: str) -> int | None:
    try:
        return site.post(f"/wp/v2/{taxonomy}", {"name": name})["id"]
    except WordPressError as error:
        if error.code == "term_exists" and isinstance(error.data.get("term_id"), int):
            return error.data["term_id"]
        if error.cause in ("capability", "rejected", "not_logged_in") and error.status in (400, 401, 403):
            return None
        raise


def _same(stored: str, name: str) -> bool:
    return unescape(stored).casefold().strip() == name.casefold().strip()
