"""A post that is there, brought to what its article is: but for what people changed in WordPress alone."""

from dataclasses import replace

from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration, SyncedPost
from apps.integration.services.sync.agreement import (
    Decision,
    conflict_note,
    flat,
    post_bound,
    post_decide,
    taken_off,
)
from apps.integration.services.sync.texts import KEY_SLUG, PostType, digest
from apps.publisher.models import WordPressPost
from apps.publisher.services.wordpress.errors import EditedOnBothSides, TakenOff
from apps.publisher.services.wordpress.fields import Wanted, same_value


def post_bring(
    site: WordPress, integration: SiteIntegration, post: WordPressPost, wanted: Wanted, kind: PostType
) -> tuple[SyncedPost, dict, list[str]]:
    """Brings the post to what is wanted. Returns what is known of it, how it stands afterwards, and the fields that
    were sent. What stands so already is not touched. Raises WordPressError, EditedOnBothSides, and TakenOff."""
    stored, fields = site.get(post.path, context="edit"), flat(wanted.fields)
    synced = post_bound(
        integration=integration,
        content=post.content,
        post_type=post.post_type,
        external_id=post.external_id,
        is_new=KEY_SLUG.fullmatch(stored["slug"]) is not None,
    )
    if taken_off(synced, post.content, stored["status"]):
        raise TakenOff(synced.pk, post.content.pk, stored["status"])
    decision = post_decide(synced, post.content, fields, stored, same_value, kind)
    if decision.both:
        conflict_note(site, synced, post.content, decision, wanted=fields, stored=stored, kind=kind)
        raise EditedOnBothSides(post.content.title, decision.both, lossy=decision.lossy)
    if wanted.fields["status"] == "draft":  # what people have moved on from there stays where it is
        wanted.fields["status"] = stored["status"]
    if not decision.send and stored["status"] == wanted.fields["status"]:
        return synced, stored, []
    chosen = _chosen(wanted, decision)
    if synced.is_new:
        synced.sent = {name: digest(fields[name]) for name in decision.send}
        SyncedPost.objects.filter(pk=synced.pk, is_new=True).update(sent=synced.sent)
    try:
        site.post(post.path, chosen.fields)
    except WordPressError as error:
        # WordPress saves the post before it looks whether the SEO fields may be written, and a plug-in may spoil the
        # answer to what was done: the post itself says what it is.
        stored = site.get(post.path, context="edit")
        if chosen.stands(stored, meta=False):
            return synced, stored, decision.send
        if "meta" not in chosen.fields or error.cause not in ("capability", "rejected"):
            raise
        site.post(post.path, {name: value for name, value in chosen.fields.items() if name != "meta"})
    return synced, site.get(post.path, context="edit"), decision.send


def _chosen(wanted: Wanted, decision: Decision) -> Wanted:
    """What may be sent of what is wanted."""
    fields = {name: value for name, value in wanted.fields.items() if name in (*decision.send, "status")}
    meta = wanted.fields.get("meta", {})
    if meta := {key: value for key, value in meta.items() if f"meta:{key}" in decision.send}:
        fields["meta"] = meta
    return replace(wanted, fields=fields)
