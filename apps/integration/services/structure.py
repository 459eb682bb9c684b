"""What a WordPress is made of: post types, taxonomies, authors, permalinks, plug-ins, as far as its REST API tells."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.core.errors import AppError
from apps.core.jobs import TemporaryError
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration, SiteStructure
from apps.integration.services.connections import wordpress_of
from apps.integration.services.sync.texts import SEO_KEYS, PostType

FRESH_FOR = timedelta(days=1)
MOST_AUTHORS = 500
# Seen by visitors, and no articles.
NOT_CONTENT = {"attachment", "elementor_library", "e-landing-page"}
SEO_PLUGINS = {"yoast/v1": "Yoast SEO", "rankmath/v1": "Rank Math", "aioseo/v1": "All in One SEO",
               "seopress/v1": "SEOPress"}  # fmt: skip


class WordPressFailed(AppError):
    """A WordPress did not do what it was asked for, with its sentence."""

    status = 502
    code = "UPSTREAM_ERROR"


def failure_of(error: WordPressError) -> Exception:
    """What a job raises for it: TemporaryError for what goes later, else WordPressFailed."""
    if error.permanent:
        return WordPressFailed(error.sentence)
    return TemporaryError(error.sentence, retry_after=error.retry_after)


def structure_update(*, integration: SiteIntegration) -> SiteStructure:
    """Reads the structure of a site and keeps it. No transaction may be open. Raises WordPressFailed."""
    try:
        with wordpress_of(integration) as site:
            return structure_read(site, integration)
    except WordPressError as error:
        raise WordPressFailed(error.sentence) from error


def structure_read(site: WordPress, integration: SiteIntegration) -> SiteStructure:
    """The same with an open site. Raises WordPressError."""
    taxonomies = [_taxonomy(name, row) for name, row in _rows(site.get("/wp/v2/taxonomies", context="edit"))]
    taxonomies = [t for t in taxonomies if t["rest_base"] and not t["name"].startswith(("wp_", "nav_"))]
    post_types = [
        _post_type(row, taxonomies)
        for name, row in _rows(site.get("/wp/v2/types", context="edit"))
        if row.get("viewable", True) and name not in NOT_CONTENT and not name.startswith("wp_")
    ]
    for kind in post_types:
        _, kind["count"] = site.listed(_path(kind), per_page=1, _fields="id", status="publish")
    structure, _ = SiteStructure.objects.update_or_create(
        integration=integration,
        defaults={
            "account_id": integration.account_id,
            "post_types": post_types,
            "taxonomies": taxonomies,
            "authors": _allowed(lambda: _authors(site)) or [],
            "about": _about(site, post_types),
            "fetched_at": timezone.now(),
        },
    )
    return structure


def post_types_of(structure: SiteStructure, integration: SiteIntegration) -> list[PostType]:
    """The post types that a sync goes over, with the taxonomies that categories and tags are in each."""
    known = {t["name"]: t for t in structure.taxonomies}
    found = []
    for kind in structure.post_types:
        own = [known[name] for name in kind["taxonomies"] if name in known]
        terms = {}
        for ours, is_tree in (("categories", True), ("tags", False)):
            chosen = integration.taxonomies.get(ours)
            fitting = [t for t in own if t["hierarchical"] == is_tree]
            fitting.sort(key=lambda t: t["name"] != chosen)
            if fitting:
                terms[ours] = fitting[0]["rest_base"]
        found.append(PostType(kind["name"], kind["rest_base"], kind["namespace"], terms))
    return found


def places_of(site: WordPress, kind: PostType) -> set[str]:
    """The fields of an article that posts of this type have a place for now; none where the site does not tell. Raises
    WordPressError for what goes later."""
    answer = _allowed(lambda: site.request("OPTIONS", kind.path)) or {}
    known = answer.get("schema", {}).get("properties", {})
    meta = known.get("meta", {}).get("properties", {})
    found = {"title", "html", "slug", *kind.terms}
    found |= {name for name, keys in SEO_KEYS.items() if any(key in meta for key in keys)}
    return found | ({"excerpt"} & known.keys())


def _rows(answer: Any) -> list[tuple[str, dict]]:
    """Of an answer that names its rows; PHP makes a list of none."""
    return [(n, r) for n, r in answer.items() if isinstance(r, dict)] if isinstance(answer, dict) else []


def _taxonomy(name: str, row: dict) -> dict:
    return {
        "name": name,
        "label": str(row.get("name", name))[:100],
        "rest_base": str(row.get("rest_base") or ""),
        "hierarchical": bool(row.get("hierarchical")),
        "post_types": [t for t in row.get("types") or [] if isinstance(t, str)],
    }


def _post_type(row: dict, taxonomies: list[dict]) -> dict:
    return {
        "name": str(row["slug"]),
        "label": str(row.get("name", row["slug"]))[:100],
        "rest_base": str(row.get("rest_base") or row["slug"]),
        "namespace": str(row.get("rest_namespace") or "wp/v2"),
        "taxonomies": [t["name"] for t in taxonomies if row["slug"] in t["post_types"]],
    }


def _path(kind: dict) -> str:
    return f"/{kind['namespace']}/{kind['rest_base']}"


def _authors(site: WordPress) -> list[dict]:
    found: list[dict] = []
    while len(found) < MOST_AUTHORS:
        page = site.get("/wp/v2/users", per_page=100, offset=len(found), _fields="id,name,slug", orderby="id")
        found += [
            {"id": u.get("id"), "name": str(u.get("name", ""))[:200], "slug": u.get("slug")} for u in page
        ]
        if len(page) < 100:
            break
    return found


def _about(site: WordPress, post_types: list[dict]) -> dict:
    index = site.get("/" if "rest_route" in site.root else "")
    namespaces = [n for n in index.get("namespaces", []) if isinstance(n, str)]
    plugins = _allowed(lambda: site.get("/wp/v2/plugins", _fields="plugin,name,version,status")) or []
    return {
        "name": str(index.get("name", ""))[:200],
        "url": str(index.get("home", ""))[:600],
        "timezone": str(index.get("timezone_string") or f"UTC{index.get('gmt_offset', '')}")[:60],
        "permalinks": _allowed(lambda: _permalinks(site, post_types)) or "",
        "seo": [name for space, name in SEO_PLUGINS.items() if space in namespaces],
        "namespaces": namespaces[:100],
        "plugins": [
            {name: str(p.get(name, ""))[:200] for name in ("plugin", "name", "version", "status")}
            for p in plugins[:300]
            if isinstance(p, dict)
        ],
    }


def _permalinks(site: WordPress, post_types: list[dict]) -> str:
    """As the newest post shows them: https://example.com/%postname%/."""
    kind = next((k for k in post_types if k["name"] == "post"), None)
    posts = kind and site.get(_path(kind), per_page=1, context="edit", _fields="permalink_template")
    return str(posts[0].get("permalink_template", ""))[:300] if posts else ""


def _allowed(ask: Callable[[], Any]) -> Any:
    """None for what this user may not see, or the site does not show."""
    try:
        return ask()
    except WordPressError as error:
        if not error.permanent:
            raise
        return None
