"""The categories, tags and other terms of a WordPress, as terms of the site; their names where only ids are given."""

from collections.abc import Collection, Mapping
from html import unescape
from typing import Any

from apps.core.errors import AppError
from apps.core.jobs import JobRun
from apps.integration.clients.wordpress import WordPress
from apps.integration.models import SiteIntegration, SiteStructure
from apps.integration.services.sync.texts import Remote
from apps.writer.models import Content
from apps.writer.models.taxonomies import SEPARATOR
from apps.writer.services.spelling import names_of_external
from apps.writer.services.taxonomies import taxonomy_ensure

FIELDS = "id,name,slug,parent,count,description"
# Taxonomies that say how a theme shows a post, and nothing of what it is about.
NO_TOPIC = {
    "post_format",
    "product_type",
    "product_visibility",
    "product_shipping_class",
    "wp_pattern_category",
}


class TermNames(Mapping[int, str]):
    """How articles name terms, by id; asked for when a post names one that is not known yet.

    Of a tree it is the name alone where that means this very term, else its path: the same name may stand under several
    parents.
    """

    def __init__(self, site: WordPress, site_id: int):
        self._site, self._site_id = site, site_id
        self._rows: dict[int, dict] = {}
        self._names: dict[int, str] = {}
        self._paths: dict[str, str] = {}

    def __getitem__(self, pk: int) -> str:
        return self._names[pk]

    def __iter__(self):
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def load(self, remotes: Collection[Remote]) -> None:
        """Raises WordPressError."""
        wanted: dict[str, set[int]] = {}
        for remote in remotes:
            for name in remote.kind.terms.values():
                wanted.setdefault(name, set()).update(remote.fields[name])
        new: set[int] = set()
        for name, ids in wanted.items():
            new |= ids - self._names.keys()
            while missing := sorted(ids - self._rows.keys()):
                for start in range(0, len(missing), 100):
                    self._read(name, missing[start : start + 100])
                ids = {self._rows[pk].get("parent") or 0 for pk in missing} - {0}
        paths = {pk: self._path(pk) for pk in sorted(new) if self._rows[pk]}
        self._names |= {pk: path[0] for pk, path in paths.items() if len(path) == 1}
        nested = {pk: path for pk, path in paths.items() if len(path) > 1}
        if nested:
            named = names_of_external(site_id=self._site_id, paths=nested)
            self._names |= named
            self._paths |= {named[pk]: SEPARATOR.join(path) for pk, path in nested.items()}

    def as_in(self, content: Content, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a post with its terms named as the article names the same ones."""
        found = dict(fields)
        for name in ("categories", "tags"):
            own = {o.casefold(): o for o in getattr(content, name)}
            found |= {name: [self._own(n, own) for n in found[name]]} if name in found else {}
        return found

    def _own(self, name: str, own: Mapping[str, str]) -> str:
        forms = (name.casefold(), self._paths.get(name, name).casefold())
        return next((own[form] for form in forms if form in own), name)

    def _read(self, name: str, ids: list[int]) -> None:
        part = ",".join(map(str, ids))
        rows, _ = self._site.listed(f"/wp/v2/{name}", include=part, per_page=100, _fields="id,name,parent")
        # One that is not shown is not asked for again.
        self._rows |= {pk: {} for pk in ids} | {r["id"]: r for r in rows if isinstance(r.get("id"), int)}

    def _path(self, pk: int) -> list[str]:
        path: list[str] = []
        seen: set[int] = set()
        while (row := self._rows.get(pk)) and pk not in seen:
            seen.add(pk)
            path.insert(0, _name(row))
            pk = row.get("parent") or 0
        return path


def terms_take(site: WordPress, integration: SiteIntegration, structure: SiteStructure, run: JobRun) -> int:
    """Brings the terms of the site's post types in. Returns how many there are. Raises WordPressError."""
    used = {name for kind in structure.post_types for name in kind["taxonomies"]}
    count = 0
    for taxonomy in structure.taxonomies:
        if taxonomy["name"] not in used or taxonomy["name"] in NO_TOPIC:
            continue
        rows = _all(site, taxonomy["rest_base"], run)
        here: dict[int, int] = {}
        for row in _parents_first(rows):
            try:
                term = taxonomy_ensure(
                    account_id=integration.account_id,
                    site_id=integration.site_id,
                    taxonomy=taxonomy["name"],
                    name=_name(row),
                    parent_id=here.get(row.get("parent") or 0),
                    external_id=str(row["id"]),
                    slug=str(row.get("slug") or ""),
                    description=str(row.get("description") or "").replace("\x00", ""),
                    count=row["count"] if isinstance(row.get("count"), int) else None,
                )
            except AppError:
                continue  # a name that can not stand here: its posts come in without it
            here[row["id"]] = term.pk
            count += 1
    return count


def _all(site: WordPress, rest_base: str, run: JobRun) -> list[dict]:
    found: list[dict] = []
    while True:
        run.check()
        rows, total = site.listed(
            f"/wp/v2/{rest_base}", per_page=100, offset=len(found), _fields=FIELDS, orderby="id", order="asc"
        )
        found += rows
        if not rows or (total is not None and len(found) >= total):
            return [row for row in found if isinstance(row.get("id"), int)]


def _parents_first(rows: list[dict]) -> list[dict]:
    """In an order in which each parent comes before what stands under it; those in a circle come last."""
    by_id = {row["id"]: row for row in rows}

    def depth(row: dict) -> int:
        steps, seen = 0, set()
        while (parent := by_id.get(row.get("parent") or 0)) and parent["id"] not in seen:
            seen.add(parent["id"])
            row, steps = parent, steps + 1
        return steps

    return sorted(rows, key=lambda row: (depth(row), row["id"]))


def _name(row: Mapping[str, Any]) -> str:
    return " ".join(unescape(str(row.get("name", ""))).replace("\x00", "").split())
