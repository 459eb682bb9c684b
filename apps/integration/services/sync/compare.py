"""A post held against its article and against what both were when they last agreed: field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.integration.models import SyncedPost
from apps.integration.services.sync.texts import FIELDS, Remote, digest, digests_of, is_lossy, normal
from apps.writer.models import Content
from apps.writer.services.blocks import html_blocks


@dataclass(slots=True)
class Compared:
    """`arrive`: fields that only WordPress changed, with what they are there. `both`: those that both changed, to
    different things. `same`: changed there, and here to the same or not at all."""

    arrive: dict[str, Any] = field(default_factory=dict)
    both: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)


def compared(synced: SyncedPost, content: Content, remote: Remote, theirs: Mapping[str, Any]) -> Compared:
    """`theirs` are the fields of the post as ours (`ours_of`). What both once agreed on may be unknown: then a text
    that differs was changed by both, and of the rest each side keeps what it has."""
    found, hashes, ours = Compared(), remote.hashes, digests_of(content)
    unknown = synced.agreed_at is None
    for name in ("title", "html", "excerpt") if unknown else FIELDS:
        if name not in theirs:
            continue
        if not unknown and not _changed_there(synced, remote, name, hashes):
            continue
        if alike(name, getattr(content, name), theirs[name]):
            found.same.append(name)
        elif unknown or ours[name] != synced.ours.get(name):
            found.both.append(name)
        else:
            found.arrive[name] = theirs[name]
    return found


def alike(name: str, ours: Any, theirs: Any) -> bool:
    """Whether two values of an article's field mean the same."""
    if name == "html":
        return digest(ours) == digest(theirs) or normal(html_blocks(ours)) == normal(html_blocks(theirs))
    if isinstance(ours, list):
        return {n.casefold() for n in ours} == {n.casefold() for n in theirs}
    return " ".join(ours.split()) == " ".join(theirs.split())


def agree(synced: SyncedPost, content: Content, remote: Remote, names: list[str] | None = None) -> None:
    """Says that both sides agree on these of an article's fields, or on all, as they are now. Unsaved."""
    ours, hashes = digests_of(content), remote.hashes
    for name in FIELDS if names is None else names:
        synced.ours[name] = ours[name]
        for theirs in remote.names_of(name):
            if theirs in hashes:
                synced.theirs[theirs] = hashes[theirs]
                synced.sent.pop(theirs, None)
    if names is None:
        synced.theirs["featured_media"] = hashes["featured_media"]
    if names is None or "html" in names:
        before = synced.base.get("content", "")
        synced.is_lossy = is_lossy(remote.fields["content"], content.html, synced.images, before)
    for name, value in remote.base.items():
        if names is None or {"content": "html"}.get(name, name) in names:
            synced.base[name] = value


def _changed_there(synced: SyncedPost, remote: Remote, name: str, hashes: Mapping[str, str]) -> bool:
    """A field that WordPress has only begun to show was empty before."""
    return any(
        hashes[theirs] != synced.theirs.get(theirs, digest(type(remote.fields[theirs])()))
        for theirs in remote.names_of(name)
        if theirs in hashes
    )
