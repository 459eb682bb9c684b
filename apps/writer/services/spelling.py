"""The names that articles give their categories and tags, held against the site's terms."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from psycopg.types.json import Json

from apps.core.tenancy import Tenant
from apps.writer.models import Content, Taxonomy
from apps.writer.models.taxonomies import CATEGORY, SEPARATOR, TAG, name_clean, name_key, path_split

# The list of an article that names terms of it; other taxonomies stand in none.
LISTS = {CATEGORY: "categories", TAG: "tags"}
# As WordPress and its REST API call them.
ALIASES = {"post_tag": TAG, "tags": TAG, "categories": CATEGORY}

NAMES = """
SELECT DISTINCT name FROM writer_content, jsonb_array_elements_text({column}) AS name WHERE site_id = %(site)s
"""
# Each new name once, where the first of those that became it stood.
RESPELL = """
UPDATE writer_content SET updated_at = now(), {column} = (
  SELECT jsonb_agg(name ORDER BY place) FROM (
    SELECT coalesce(%(new)s::jsonb ->> old, old) AS name, min(n) AS place
    FROM jsonb_array_elements_text({column}) WITH ORDINALITY AS t (old, n) GROUP BY 1) AS named)
WHERE site_id = %(site)s AND {column} ?| %(old)s::text[]
"""


class Terms:
    """The terms of one taxonomy of one site that have one of these keys, and all above them."""

    def __init__(self, *, site_id: int, taxonomy: str, keys: Collection[str]):
        rows = Taxonomy.objects.filter(site_id=site_id, taxonomy=taxonomy, key__in=keys).with_path()
        # On top first, then the oldest: what a name means that stands under several parents.
        self.rows = sorted(rows, key=lambda row: (len(row.path_names), row.pk))
        self.by_id = {row.pk: row for row in self.rows}
        self._by_key: dict[str, list[Taxonomy]] = defaultdict(list)
        for row in self.rows:
            self._by_key[row.key].append(row)

    def meant(self, name: str) -> Taxonomy | None:
        """The term that `name`, or the path that it is, means."""
        if whole := self._by_key.get(name_key(name)):
            return whole[0]
        path = [name_key(part) for part in path_split(name)]
        for row in self._by_key.get(path[-1], ()) if len(path) > 1 else ():
            if [name_key(part) for part in row.path_names[-len(path) :]] == path:
                return row
        return None


def spelled(term: Taxonomy, name: str, terms: Terms) -> str:
    """`name` as the term is spelled: its whole path where `name` is a path, or where its name means another term."""
    is_path = len(path_split(name)) > 1 or terms.meant(term.name) != term
    return SEPARATOR.join(term.path_names) if is_path else term.name


def terms_meant(*, site_id: int, taxonomy: str, names: Sequence[str]) -> dict[str, Taxonomy]:
    """The site's terms that these names of an article mean, with their `path_names`. One query."""
    taxonomy = ALIASES.get(taxonomy, taxonomy)
    terms = Terms(site_id=site_id, taxonomy=taxonomy, keys=_keys(names)) if names else None
    return {name: term for name in names if (term := terms.meant(name))}


def names_of_external(*, site_id: int, paths: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """How articles name terms of the site's WordPress that stand under others: by id, given their paths, the name alone
    where that means this very term, else its path. Two queries."""
    known = Taxonomy.objects.filter(site_id=site_id, external_id__in=map(str, paths))
    rows = {int(row.external_id): row for row in known}
    found = {pk: SEPARATOR.join(path) for pk, path in paths.items()}
    for taxonomy in {row.taxonomy for row in rows.values()}:
        names = {pk: paths[pk][-1] for pk, row in rows.items() if row.taxonomy == taxonomy}
        meant = terms_meant(site_id=site_id, taxonomy=taxonomy, names=list(names.values()))
        found |= {pk: name for pk, name in names.items() if meant.get(name) == rows[pk]}
    return found


def names_spelled(*, site_id: int, taxonomy: str, names: Sequence[str]) -> list[str]:
    """The names of an article as the site's terms are spelled; those of no term stay as they are. One query."""
    if not names:
        return []
    terms = Terms(site_id=site_id, taxonomy=taxonomy, keys=_keys(names))
    found = [spelled(term, name, terms) if (term := terms.meant(name)) else name for name in names]
    return list(dict.fromkeys(found))


def names_meant(*, site_id: int, taxonomy: str, keys: Collection[str]) -> dict[str, int]:
    """The names in the site's articles that have to do with one of the keys, with the ids of the terms they mean."""
    names = _names_with(site_id, taxonomy, keys)
    terms = Terms(site_id=site_id, taxonomy=taxonomy, keys=_keys(names)) if names else None
    return {name: term.pk for name in names if (term := terms.meant(name))}


def content_named(rows: QuerySet[Content], *, tenant: Tenant, taxonomy: str, name: str) -> QuerySet[Content]:
    """The articles that name this category or tag, however they spell it: a term's name finds its paths too."""
    name = name_clean(name)
    if not name_key(name):
        return rows.none()
    path = [name_key(part) for part in path_split(name)]
    terms = Taxonomy.objects.for_tenant(tenant).filter(taxonomy=taxonomy, key__in={name_key(name), path[-1]})
    forms = {name}
    for term in terms.with_path():
        if term.key == name_key(name) or [name_key(part) for part in term.path_names[-len(path) :]] == path:
            forms |= {term.name, SEPARATOR.join(term.path_names)}
    wanted = Q()
    for form in forms:
        # As the list is written in JSON: the quotes are the ends of a name.
        wanted |= Q(names_text__icontains=json.dumps(form, ensure_ascii=False))
    return rows.alias(names_text=Cast(LISTS[taxonomy], TextField())).filter(wanted)


def names_respell(
    *, site_id: int, taxonomy: str, keys: Collection[str], meant: dict[str, int] | None = None
) -> int:
    """Writes the names in the site's articles as their terms are spelled now, in the caller's transaction.

    `meant` says which term a name stood for before a change. Returns how many articles were changed.
    """
    names = set(_names_with(site_id, taxonomy, keys)) | set(meant or ())
    if not names:
        return 0
    terms = Terms(site_id=site_id, taxonomy=taxonomy, keys=_keys(names) | set(keys))
    new = {}
    for name in names:
        term = terms.by_id.get(meant[name]) if meant and name in meant else terms.meant(name)
        if term and (now := spelled(term, name, terms)) != name:
            new[name] = now
    if not new:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            RESPELL.format(column=LISTS[taxonomy]), {"new": Json(new), "old": list(new), "site": site_id}
        )
        return cursor.rowcount


def _names_with(site_id: int, taxonomy: str, keys: Collection[str]) -> list[str]:
    if taxonomy not in LISTS:
        return []
    with connection.cursor() as cursor:
        cursor.execute(NAMES.format(column=LISTS[taxonomy]), {"site": site_id})
        return [name for (name,) in cursor if _keys([name]) & set(keys)]


def _keys(names: Collection[str]) -> set[str]:
    return {name_key(part) for name in names for part in (name, *path_split(name))}
