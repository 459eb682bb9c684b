"""The article's own key at a WordPress: a slug that its empty draft is made under, and, where our plugin is, a meta
field that stays with the post."""

from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration
from apps.writer.models import Content

META = "igny8_content_key"
_LIVE = "publish,future,draft,pending,private"


def key_fields(integration: SiteIntegration, content: Content) -> dict:
    """The fields by which a new post is found again."""
    fields: dict = {"slug": _slugs(content)[0]}
    if integration.has_plugin:
        fields["meta"] = {META: content.content_key.hex}
    return fields


def posts_of_key(site: WordPress, integration: SiteIntegration, kind: str, content: Content) -> list[dict]:
    """Posts that carry the article's key, the oldest first, each with id, status, slug and rest_base. The plugin finds
    them in the trash too, which come last, and whatever their slug is by now."""
    if integration.has_plugin:
        try:
            found = site.get("/igny8/v1/posts", content_key=content.content_key.hex)
            return sorted(found, key=lambda post: (post["status"] == "trash", post["id"]))
        except WordPressError as error:
            if error.cause != "rest_missing":
                raise  # else it was switched off since
    found = site.get(
        f"/wp/v2/{kind}",
        slug=",".join(_slugs(content)),
        status=_LIVE,
        context="edit",
        per_page=100,
        _fields="id,status,slug",
    )
    return [{**post, "rest_base": kind} for post in sorted(found, key=lambda post: post["id"])]


def drafts_of_key(content: Content, posts: list[dict]) -> list[dict]:
    """Those that nobody but us has seen. A copy that people made of a post has its key too, and another slug."""
    return [post for post in posts if post["status"] == "draft" and post["slug"] in _slugs(content)]


def _slugs(content: Content) -> list[str]:
    """A second one of the same slug is given a number by WordPress."""
    slug = f"igny8-{content.content_key.hex}"
    return [slug, *(f"{slug}-{n}" for n in range(2, 6))]
