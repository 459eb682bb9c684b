"""Categories, tags and other terms: made once, moved without circles, and named in articles as they are spelled."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import AppError, Conflict, Invalid, NotFound
from apps.writer.models import Taxonomy
from apps.writer.models.taxonomies import MAX_KEY, MAX_NAME, TAG, name_clean, name_key
from apps.writer.services.content import slug_of
from apps.writer.services.spelling import ALIASES, names_meant, names_respell

MAX_DEPTH = 20

UNDER = """
WITH RECURSIVE down AS (
  SELECT id, 1 AS depth FROM writer_taxonomy WHERE id = %(id)s
  UNION ALL
  SELECT c.id, down.depth + 1 FROM writer_taxonomy c JOIN down ON c.parent_id = down.id WHERE down.depth < 100)
SELECT id, depth FROM down
"""
ABOVE = """
WITH RECURSIVE up AS (
  SELECT id, parent_id, 1 AS depth FROM writer_taxonomy WHERE id = %(id)s
  UNION ALL
  SELECT p.id, p.parent_id, up.depth + 1 FROM writer_taxonomy p JOIN up ON p.id = up.parent_id WHERE up.depth < 100)
SELECT id, depth FROM up
"""


def taxonomy_ensure(
    *,
    account_id: int,
    site_id: int,
    taxonomy: str,
    name: str,
    parent_id: int | None = None,
    external_id: str = "",
    slug: str = "",
    description: str | None = None,
    count: int | None = None,
) -> Taxonomy:
    """The term of this name under this parent, made when it is missing; asking again changes nothing.

    With an `external_id` it is that term of the site's WordPress, spelled as there: what has been renamed or moved
    there is renamed and moved here, and joined with a term of ours that stands in its new place. Where two terms of
    WordPress have one name under one parent, the first stands for both. `name` and `slug` may come as stored there.
    Raises Invalid for a name that can not stand, a parent of another site or taxonomy, circles and depth; NotFound.
    """
    taxonomy = ALIASES.get(taxonomy, taxonomy)
    name, key = _named(name)
    wanted = {"slug": unquote(slug)[:200], "description": description, "count": count}
    place = {"account_id": account_id, "site_id": site_id, "taxonomy": taxonomy}

    def look() -> tuple[Taxonomy | None, Taxonomy | None]:
        there = Q(parent_id=parent_id, key=key)
        rows = Taxonomy.objects.filter(there | (Q(external_id=external_id) & ~Q(external_id="")), **place)
        known = next((r for r in rows if external_id and r.external_id == external_id), None)
        return known, next((r for r in rows if (r.parent_id, r.key) == (parent_id, key)), None)

    def as_wanted(row: Taxonomy) -> dict:
        changes = {n: v for n, v in wanted.items() if v not in (None, "") and getattr(row, n) != v}
        if external_id and row.external_id not in ("", external_id):
            return {}  # another term of WordPress with the same name
        if external_id and not row.external_id:
            changes["external_id"] = external_id
        if external_id and (row.name != name or row.parent_id != parent_id):
            changes |= {"name": name, "key": key, "parent_id": parent_id}
        return changes

    known, at_place = look()
    row = known or at_place
    if row and not as_wanted(row):
        return row
    with _site_locked(account_id, site_id):
        known, at_place = look()
        if known and at_place and known != at_place:
            keep, drop = (at_place, known) if at_place.external_id else (known, at_place)
            _merge(keep, drop)
            known, at_place = look()
        row = known or at_place
        if row is None:
            _parent_checked(place, parent_id, depth=1)
            row = _made(
                place, name=name, key=key, parent_id=parent_id, external_id=external_id,
                slug=wanted["slug"] or slug_of(name), description=description or "", count=count,
            )  # fmt: skip
        elif changes := as_wanted(row):
            _change(row, changes)
        return row


def taxonomy_create(*, account_id: int, fields: dict) -> Taxonomy:
    """A term made by hand. Raises Invalid for one that is there already, and as `taxonomy_ensure`."""
    site_id = fields["site"].pk
    place = {
        "account_id": account_id,
        "site_id": site_id,
        "taxonomy": ALIASES.get(fields["taxonomy"], fields["taxonomy"]),
    }
    name, key = _named(fields["name"])
    parent_id = fields["parent"].pk if fields.get("parent") else None
    with _site_locked(account_id, site_id):
        _parent_checked(place, parent_id, depth=1)
        if other := Taxonomy.objects.filter(**place, parent_id=parent_id, key=key).first():
            raise _taken(other)
        return _made(
            place, name=name, key=key, parent_id=parent_id, slug=fields.get("slug") or slug_of(name),
            description=fields.get("description", ""),
        )  # fmt: skip


def taxonomy_update(*, account_id: int, taxonomy_id: int, changes: dict) -> Taxonomy:
    """Renames, moves or describes a term. Articles that name it follow its new name.

    Raises Invalid as `taxonomy_create`, and NotFound.
    """
    changes = dict(changes)
    if "name" in changes:
        changes["name"], changes["key"] = _named(changes["name"])
    if "parent" in changes:
        parent = changes.pop("parent")
        changes["parent_id"] = parent.pk if parent else None
    with _locked(account_id, taxonomy_id) as row:
        if "slug" in changes:
            changes["slug"] = changes["slug"] or slug_of(changes.get("name", row.name))
        place = {
            "parent_id": changes.get("parent_id", row.parent_id),
            "key": changes.get("key", row.key),
        }
        same = Taxonomy.objects.filter(site_id=row.site_id, taxonomy=row.taxonomy, **place)
        if other := same.exclude(pk=row.pk).first():
            raise _taken(other)
        _change(row, changes)
    return row


def taxonomy_merge(*, account_id: int, keep_id: int, drop_id: int) -> Taxonomy:
    """Makes two terms of a taxonomy one: what stands under `drop_id` goes under `keep_id`, articles follow.

    Raises Conflict for terms of two sites or taxonomies and for one above the other; NotFound.
    """
    with _locked(account_id, drop_id) as drop:
        keep = Taxonomy.objects.filter(account_id=account_id, pk=keep_id).first()
        if keep is None:
            raise NotFound("The term does not exist any more.")
        _merge(keep, drop)
    return keep


def taxonomy_delete(*, account_id: int, taxonomy_id: int) -> None:
    """Deletes a term. What stands under it moves up; a child that its new place has already is joined with that.

    Articles keep the name: it says what they are about, and WordPress gets it as a new term when they go there.
    Raises NotFound.
    """
    with _locked(account_id, taxonomy_id) as row:
        keys = {row.key}
        meant = names_meant(site_id=row.site_id, taxonomy=row.taxonomy, keys=keys)
        joined = _children_to(row, row.parent)
        gone = row.pk
        row.delete()
        meant = {name: joined.get(pk, pk) for name, pk in meant.items() if pk != gone}
        names_respell(site_id=row.site_id, taxonomy=row.taxonomy, keys=keys, meant=meant)


def _made(place: dict, *, key: str, **fields) -> Taxonomy:
    """A new term; articles that meant another one of this name go on to mean that."""
    names = {"site_id": place["site_id"], "taxonomy": place["taxonomy"], "keys": {key}}
    meant = names_meant(**names) if Taxonomy.objects.filter(**place, key=key).exists() else {}
    row = Taxonomy.objects.create(**place, key=key, **fields)
    names_respell(**names, meant=meant)
    return row


def _named(name: str) -> tuple[str, str]:
    name = name_clean(name)
    key = name_key(name)
    if not key:
        raise Invalid("name", "A name needs a letter, a digit or a sign that can be seen.")
    if len(name) > MAX_NAME or len(key) > MAX_KEY:
        raise Invalid("name", f"It is too long; at most {MAX_NAME} characters are taken.")
    return name, key


def _taken(other: Taxonomy) -> AppError:
    where = f"{other.taxonomy}{' under this parent' if other.parent_id else ''}"
    return Invalid("name", f"The site has “{other.name}” in {where} already (id {other.pk}).")


@contextmanager
def _site_locked(account_id: int, site_id: int) -> Iterator[None]:
    """Terms of a site change one after another: what is checked here stays so until it is written."""
    with transaction.atomic():
        if not Site.objects.select_for_update(no_key=True).filter(account_id=account_id, pk=site_id).exists():
            raise NotFound("The site does not exist any more.")
        yield


@contextmanager
def _locked(account_id: int, taxonomy_id: int) -> Iterator[Taxonomy]:
    rows = Taxonomy.objects.filter(account_id=account_id, pk=taxonomy_id)
    site_id = rows.values_list("site_id", flat=True).first()
    with _site_locked(account_id, site_id or 0):
        row = rows.first()
        if row is None:
            raise NotFound("The term does not exist any more.")
        yield row


def _change(row: Taxonomy, changes: dict) -> None:
    """Writes the columns; the site is locked and the place is free."""
    place = {"account_id": row.account_id, "site_id": row.site_id, "taxonomy": row.taxonomy}
    if changes.get("parent_id", row.parent_id) != row.parent_id:
        under = dict(_rows(UNDER, row.pk))
        if changes["parent_id"] in under:
            raise Invalid("parent", "A term can not stand under itself. Choose one that is not below it.")
        _parent_checked(place, changes["parent_id"], depth=max(under.values()))
    keys = {row.key, changes.get("key", row.key)}
    spelled = {"name", "parent_id"} & changes.keys()
    meant = names_meant(site_id=row.site_id, taxonomy=row.taxonomy, keys=keys) if spelled else {}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()
    if spelled:
        names_respell(site_id=row.site_id, taxonomy=row.taxonomy, keys=keys, meant=meant)


def _merge(keep: Taxonomy, drop: Taxonomy) -> None:
    if (keep.site_id, keep.taxonomy) != (drop.site_id, drop.taxonomy) or keep.pk == drop.pk:
        raise Conflict("Only two terms of one taxonomy of one site can become one.")
    if keep.pk in dict(_rows(UNDER, drop.pk)) or drop.pk in dict(_rows(UNDER, keep.pk)):
        raise Conflict("One of the two stands under the other. Move it up first.")
    keys = {keep.key, drop.key}
    meant = names_meant(site_id=keep.site_id, taxonomy=keep.taxonomy, keys=keys)
    joined = _join(keep, drop)
    meant = {name: joined.get(pk, pk) for name, pk in meant.items()}
    names_respell(site_id=keep.site_id, taxonomy=keep.taxonomy, keys=keys, meant=meant)


def _join(keep: Taxonomy, drop: Taxonomy) -> dict[int, int]:
    """`drop` goes, and what it knows more is kept. Returns which term each that is gone became."""
    joined = {drop.pk: keep.pk, **_children_to(drop, keep)}
    external_id, description = drop.external_id, drop.description
    drop.delete()
    keep.external_id = keep.external_id or external_id
    keep.description = keep.description or description
    keep.save()
    return joined


def _children_to(row: Taxonomy, parent: Taxonomy | None) -> dict[int, int]:
    """What stands directly under `row` goes under `parent`; where it has the like, the two become one.

    Returns which term each that is gone became.
    """
    there = Taxonomy.objects.filter(site_id=row.site_id, taxonomy=row.taxonomy, parent=parent)
    same = {other.key: other for other in there.exclude(pk=row.pk)}
    children = list(row.children.all())
    alone = [child.pk for child in children if child.key not in same]
    if parent is not None:
        deepest = max((d for child in children for _, d in _rows(UNDER, child.pk)), default=0)
        _deep_enough(parent.pk, deepest)
    joined: dict[int, int] = {}
    for child in children:
        if child.key in same:
            joined |= _join(same[child.key], child)
    if row.key in {child.key for child in children if child.pk in alone}:
        # Its own place is taken by itself until it is gone.
        Taxonomy.objects.filter(pk=row.pk).update(key=f"\x01{row.pk}", external_id="")
    row.children.filter(pk__in=alone).update(parent=parent, updated_at=timezone.now())
    return joined


def _parent_checked(place: dict, parent_id: int | None, *, depth: int) -> None:
    """Whether something of this depth may stand under it."""
    if parent_id is None:
        return
    if place["taxonomy"] == TAG:
        raise Invalid("parent", "A tag stands by itself. Leave `parent` out, or make it a category.")
    if not Taxonomy.objects.filter(**place, pk=parent_id).exists():
        raise Invalid("parent", "The parent has to be of the same site and the same taxonomy.")
    _deep_enough(parent_id, depth)


def _deep_enough(parent_id: int, depth: int) -> None:
    if max(d for _, d in _rows(ABOVE, parent_id)) + depth > MAX_DEPTH:
        raise Invalid("parent", f"Terms stand at most {MAX_DEPTH} deep. Choose a parent further up.")


def _rows(statement: str, pk: int) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"id": pk})
        return cursor.fetchall()
