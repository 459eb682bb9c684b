"""What an article becomes at a WordPress: its post type, its author, and the taxonomies of its categories and tags."""

from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, QuerySet

from apps.core.errors import Conflict
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration
from apps.integration.services.sync.texts import PostType
from apps.publisher.services.wordpress.errors import TargetFailed
from apps.writer.models import Content

# By content type the post type.
_OWN = {"post": "post", "page": "page", "product": "product"}
TERM_TEXT = "taxonomy_term"
# They are everywhere; of others the site is asked.
_EVERYWHERE = {"post": "posts", "page": "pages"}
_EVERYWHERE_TERMS = {"posts": ("categories", "tags"), "pages": ()}


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """`rest_base` is also the post's field that holds the ids of its terms."""

    name: str
    rest_base: str
    is_tree: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """`taxonomies` by the article's field, `categories` or `tags`; `fields` of its posts, and the registered `meta`."""

    rest_base: str
    taxonomies: dict[str, Taxonomy] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    meta: frozenset[str] = frozenset()

    @property
    def as_synced(self) -> PostType:
        """The same as a sync names it."""
        terms = {name: taxonomy.rest_base for name, taxonomy in self.taxonomies.items()}
        return PostType(self.rest_base, self.rest_base, terms=terms)


class NoPlaceForTermText(Conflict):
    """WordPress keeps the text of a term as its description, out of which it takes headings, paragraphs, lists and
    pictures: an article is no such thing."""

    def __init__(self, content_ids: list[int]):
        super().__init__(
            "These articles are texts of a category or tag (taxonomy_term). WordPress would take headings and pictures "
            "out of them there, so they are not published by themselves: give them another content_type, or choose in "
            f'`post_types` of the connection what they become, such as {{"taxonomy_term": "page"}}: '
            f"{', '.join(map(str, content_ids))}.",
            details={"content_ids": content_ids},
        )


def term_texts_check(contents: QuerySet[Content]) -> None:
    """Raises NoPlaceForTermText for texts of terms among what is to go to a WordPress. What is out as a post stays
    one. One query."""
    chosen = SiteIntegration.objects.filter(
        site_id=OuterRef("site_id"),
        platform=SiteIntegration.Platform.WORDPRESS,
        post_types__has_key=TERM_TEXT,
    )
    texts = contents.filter(content_type=TERM_TEXT, wordpress_posts=None, synced_posts=None)
    ids = list(texts.exclude(Exists(chosen)).order_by("pk").values_list("pk", flat=True)[:100])
    if ids:
        raise NoPlaceForTermText(ids)


def rest_base_of(site: WordPress, integration: SiteIntegration, content: Content) -> str:
    """Where posts of the article's type stand. Raises TargetFailed for a type that the site does not show, and
    NoPlaceForTermText."""
    name = integration.post_types.get(content.content_type) or _OWN.get(content.content_type)
    if name is None:
        raise NoPlaceForTermText([content.pk])
    if name in _EVERYWHERE:
        return _EVERYWHERE[name]
    try:
        return site.get(f"/wp/v2/types/{name}", _fields="rest_base")["rest_base"]
    except WordPressError as error:
        if error.status == 404 or error.code == "rest_cannot_read_type":
            raise TargetFailed(
                f"{site.host} has no post type “{name}” that its REST API shows. Choose another one for content of "
                f"the type {content.content_type} in `post_types` of the connection, or have it shown (show_in_rest)."
            ) from error
        raise


def kind_of(site: WordPress, integration: SiteIntegration, rest_base: str) -> Kind:
    """What posts under `rest_base` can hold."""
    properties = site.request("OPTIONS", f"/wp/v2/{rest_base}").get("schema", {}).get("properties", {})
    meta = properties.get("meta", {}).get("properties", {})
    return Kind(
        rest_base=rest_base,
        taxonomies=_taxonomies(site, integration, rest_base),
        meta=frozenset(meta) if isinstance(meta, dict) else frozenset(),
        fields=frozenset(properties),
    )


def author_of(site: WordPress, name: str) -> int | None:
    """The id of a user of the site, by login, slug, e-mail, name or id; None when there is none, or when we may not
    write in his name, or when none is named."""
    if not name:
        return None
    me = site.get("/wp/v2/users/me", context="edit")
    if not me.get("capabilities", {}).get("edit_others_posts"):
        return me["id"] if _is(me, name) else None
    try:
        users = site.get("/wp/v2/users", search=name, context="edit", per_page=100)
    except WordPressError as error:  # only administrators see all that is known of users
        if error.status not in (401, 403):
            raise
        users = site.get("/wp/v2/users", search=name, per_page=100)
    if name.isdecimal() and len(name) < 19 and not any(_is(user, name) for user in users):
        users = site.get("/wp/v2/users", include=name)
    return min((user["id"] for user in users if _is(user, name)), default=None)


def _is(user: dict, name: str) -> bool:
    said = (user.get(key) for key in ("id", "username", "slug", "email", "name"))
    return name.casefold() in {str(value).casefold() for value in said if value}


def _taxonomies(site: WordPress, integration: SiteIntegration, rest_base: str) -> dict[str, Taxonomy]:
    chosen = integration.taxonomies
    if rest_base in _EVERYWHERE_TERMS and not chosen:
        return {name: Taxonomy(name, name, name == "categories") for name in _EVERYWHERE_TERMS[rest_base]}
    types = site.get("/wp/v2/types")
    type_ = next((t for t in types.values() if t.get("rest_base") == rest_base), {"taxonomies": []})
    described = site.get("/wp/v2/taxonomies")
    of_type = {name: described[name] for name in type_["taxonomies"] if name in described}
    found = {}
    for ours, is_tree in (("categories", True), ("tags", False)):
        same = [name for name, taxonomy in of_type.items() if bool(taxonomy.get("hierarchical")) == is_tree]
        # WordPress's own before those that plug-ins add to its posts.
        same.sort(key=lambda name: name not in ("category", "post_tag"))
        name = chosen[ours] if chosen.get(ours) in of_type else next(iter(same), None)
        if name:
            taxonomy = of_type[name]
            found[ours] = Taxonomy(name, taxonomy["rest_base"], bool(taxonomy.get("hierarchical")))
    return found
