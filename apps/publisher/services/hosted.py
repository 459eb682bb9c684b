"""What anybody may read of a hosted site."""

from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Func, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import JSONObject
from django.utils.encoding import iri_to_uri

from apps.accounts.models import Account, Site
from apps.publisher.models import HostedPage, site_url
from apps.publisher.services.pages import category_slug
from apps.publisher.services.theme import theme_of

DEFINED_PAGES = 200
LISTED_CATEGORIES = 100


@dataclass(frozen=True)
class Category:
    """Names that share an address are one category."""

    name: str
    names: tuple[str, ...]
    slug: str
    url: str
    count: int


def sites_public() -> QuerySet[Site]:
    """The sites that are served to anybody, each with its `page_categories`."""
    names = (
        HostedPage.objects.filter(site=OuterRef("pk"))
        .annotate(name=Func("categories", function="jsonb_array_elements_text", output_field=TextField()))
        .values("name")
        .annotate(n=Count("pk"))
        .order_by("-n", "name")
        .values(each=JSONObject(name="name", n="n"))[:LISTED_CATEGORIES]
    )
    public = Site.objects.filter(is_hosted=True, is_active=True, account__status=Account.Status.ACTIVE)
    return public.select_related("theme").annotate(page_categories=ArraySubquery(names))


def site_categories(site: Site) -> list[Category]:
    """The categories of a site of `sites_public`, the largest first."""
    by_slug: dict[str, list[dict]] = {}
    for row in site.page_categories:
        by_slug.setdefault(category_slug(row["name"]), []).append(row)
    return [
        Category(
            name=rows[0]["name"],
            names=tuple(row["name"] for row in rows),
            slug=slug,
            url=category_url(site, rows[0]["name"]),
            count=sum(row["n"] for row in rows),
        )
        for slug, rows in by_slug.items()
    ]


def in_category(names: tuple[str, ...] | list[str]) -> Q:
    """Pages that have one of these categories; none where there is no name."""
    wanted = Q(pk__in=[])
    for name in names:
        wanted |= Q(categories__contains=[name])
    return wanted


def site_definition(site: Site) -> dict:
    """The public definition of a site of `sites_public`: its categories and newest pages."""
    pages = HostedPage.objects.filter(site=site).defer("html", "tags", "meta_title", "meta_description")
    return {
        "name": site.name,
        "slug": site.slug,
        "language": site.language,
        "url": site_url(site),
        "theme": theme_of(site),
        "categories": site_categories(site),
        "pages": [_defined(site, page) for page in pages[:DEFINED_PAGES]],
    }


def page_image(page: HostedPage) -> dict | None:
    """The picture on top of a page whose `site` is at hand: url (absolute), alt, caption, width, height."""
    if page.featured not in page.images:
        return None
    return {"url": page.image_url(page.featured), **page.images[page.featured]}


def category_url(site: Site, name: str) -> str:
    return f"{site_url(site)}category/{iri_to_uri(category_slug(name))}/"


def _defined(site: Site, page: HostedPage) -> dict:
    page.site = site
    return {
        "title": page.title,
        "slug": page.slug,
        "url": page.url,
        "excerpt": page.excerpt,
        "published_at": page.published_at,
        "categories": page.categories,
        "image": page_image(page),
    }
