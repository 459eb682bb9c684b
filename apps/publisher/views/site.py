"""The hosted site: plain pages for readers and search engines. No session, no script, at most two queries."""

from datetime import datetime
from functools import wraps

from django.core.files.storage import default_storage
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.feedgenerator import Rss201rev2Feed
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import conditional_page, require_safe

from apps.accounts.models import Site
from apps.core.zones import zone_of
from apps.publisher.labels import labels_of, locale_of, long_date
from apps.publisher.models import HostedPage, site_url
from apps.publisher.services.hosted import (
    category_url,
    in_category,
    page_image,
    site_categories,
    sites_public,
)
from apps.publisher.services.illustrated import without_controls
from apps.publisher.services.linked_data import linked_data
from apps.publisher.services.theme import style_of, theme_of

PAGE_SIZE = 12
RELATED = 3
FEED_SIZE = 30
# A file of search engines holds 50,000 addresses; ours is to be made in a moment.
SITEMAP_SIZE = 10_000
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def public(max_age: int = 60):
    """A page for everybody: read only, conditional, cached for a minute, and nothing of it may run."""

    def decorate(view):
        @csrf_exempt
        @require_safe
        @conditional_page
        @wraps(view)
        def inner(request: HttpRequest, **kwargs) -> HttpResponse:
            if "\0" in request.path:
                raise Http404  # the database takes no NUL
            response = view(request, **kwargs)
            response["Content-Security-Policy"] = POLICY
            if response.status_code == 200:
                response["Cache-Control"] = f"public, max-age={max_age}" + (
                    ", immutable" if max_age > 86400 else ""
                )
            return response

        return inner

    return decorate


@public()
def home(request: HttpRequest, site_slug: str) -> HttpResponse:
    """The newest articles."""
    site = _site(site_slug)
    return _list(request, site, HostedPage.objects.filter(site=site), site_url(site), "sites/home.html")


@public()
def category(request: HttpRequest, site_slug: str, category: str) -> HttpResponse:
    """The articles of a category."""
    site = _site(site_slug)
    found = next((c for c in site_categories(site) if c.slug == category), None)
    if found is None:
        return _missing(request, site)
    pages = HostedPage.objects.filter(in_category(found.names), site=site)
    return _list(request, site, pages, found.url, "sites/category.html", category=found)


@public()
def article(request: HttpRequest, site_slug: str, slug: str) -> HttpResponse:
    """An article, with others of its categories."""
    page = HostedPage.objects.public(site_slug).filter(slug=slug).select_related("site__theme").first()
    if page is None:
        return _missing(request, _site(site_slug))
    site = page.site
    # Those of the same categories first, then the newest: a page always leads on to others.
    others = HostedPage.objects.filter(site=site).exclude(pk=page.pk)
    same = Case(
        When(in_category(page.categories), then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    related = others.order_by(same, "-published_at", "-pk").defer("html", "tags")[:RELATED]
    categories = [(name, category_url(site, name)) for name in page.categories]
    context = {
        **_frame(site),
        "page": _shown(site, page),
        "related": [_shown(site, other) for other in related],
        "title": page.meta_title or page.title,
        "description": page.meta_description or page.excerpt,
        "canonical": page.url,
        "image": _image(page),
        "data": linked_data(site, page, categories),
    }
    response = HttpResponse(render_to_string("sites/article.html", context))
    response["Last-Modified"] = http_date(max(page.updated_at, site.updated_at).timestamp())
    return response


@public()
def sitemap(request: HttpRequest, site_slug: str) -> HttpResponse:
    """All addresses of the site, for search engines; of a large site a list of such files, `?part=1` and so on."""
    site, text = _site(site_slug), request.GET.get("part", "")
    pages = HostedPage.objects.filter(site=site).only("slug", "updated_at")
    number = _number(text or "1")
    if text:  # in the order of their making, so that a new page moves none to another part
        pages = pages.order_by("pk")[(number - 1) * SITEMAP_SIZE : number * SITEMAP_SIZE] if number else ()
    rows = list(pages if text else pages[: SITEMAP_SIZE + 1])
    if text and not rows:
        return _missing(request, site)
    context: dict = {"home": site_url(site)}
    if len(rows) > SITEMAP_SIZE:
        context["parts"] = range(1, -(-pages.count() // SITEMAP_SIZE) + 1)
    else:
        context |= {
            "is_first": number == 1,
            "newest": max((page.updated_at for page in rows), default=site.updated_at),
            "categories": [c.url for c in site_categories(site)],
            "pages": [{"url": _of(site, page).url, "updated_at": page.updated_at} for page in rows],
        }
    return HttpResponse(render_to_string("sites/sitemap.xml", context), content_type="application/xml")


@public()
def feed(request: HttpRequest, site_slug: str) -> HttpResponse:
    """The newest articles as RSS."""
    site = _site(site_slug)
    address = site_url(site)
    name = without_controls(site.name)  # XML has no place for them
    rss = Rss201rev2Feed(
        title=name,
        link=address,
        description=name,
        language=site.language,
        feed_url=f"{address}feed.xml",
    )
    for page in HostedPage.objects.filter(site=site).defer("html", "tags")[:FEED_SIZE]:
        url = _of(site, page).url
        rss.add_item(
            title=page.title,
            link=url,
            unique_id=url,
            unique_id_is_permalink=True,
            description=page.excerpt or page.meta_description,
            categories=page.categories,
            pubdate=page.published_at,
            updateddate=page.updated_at,
        )
    return HttpResponse(rss.writeString("utf-8"), content_type="application/rss+xml; charset=utf-8")


@public()
def robots(request: HttpRequest, site_slug: str) -> HttpResponse:
    """Everything may be read; here is the sitemap."""
    address = site_url(_site(site_slug))
    return HttpResponse(
        f"User-agent: *\nAllow: /\n\nSitemap: {address}sitemap.xml\n", content_type="text/plain"
    )


@public(max_age=31_536_000)
def image(request: HttpRequest, site_slug: str, name: str) -> HttpResponse:
    """A picture of a published page. Its name changes with its bytes, so it may be kept for ever."""
    page = HostedPage.objects.public(site_slug).filter(images__has_key=name).only("content_id").first()
    if page is None:
        raise Http404
    try:
        file = default_storage.open(page.file_path(name))
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, filename=name)
    response["ETag"] = f'"{name.rsplit(".", 1)[0]}"'
    return response


@public(max_age=86_400)
def style(request: HttpRequest, site_slug: str) -> HttpResponse:
    """The colours and the font of the site. Its address changes with them."""
    return HttpResponse(style_of(theme_of(_site(site_slug))), content_type="text/css; charset=utf-8")


@public(max_age=86_400)
def logo(request: HttpRequest, site_slug: str) -> HttpResponse:
    theme = theme_of(_site(site_slug))
    if not theme.logo:
        raise Http404
    try:
        return FileResponse(theme.logo.open(), content_type="image/png")
    except FileNotFoundError:
        raise Http404 from None


def _here(url: str) -> str:
    """An address of ours without its host: a page works under whatever name it was asked for."""
    return "/" + url.split("/", 3)[3]


def _image(page: HostedPage) -> dict | None:
    image = page_image(page)
    return image and {**image, "src": _here(image["url"])}


def _site(slug: str) -> Site:
    site = sites_public().filter(slug=slug).first()
    if site is None:
        raise Http404
    return site


def _number(text: str) -> int:
    """The number of a list page or a part, from 1; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _list(
    request: HttpRequest, site: Site, pages: QuerySet, address: str, template: str, **context: object
) -> HttpResponse:
    number = _number(request.GET.get("page", "1"))
    first = (number - 1) * PAGE_SIZE
    # One more than is shown tells whether there is a next page, without counting.
    rows = list(pages.defer("html", "tags")[first : first + PAGE_SIZE + 1]) if number else []
    if not number or (not rows and number > 1):
        return _missing(request, site)
    shown = [_shown(site, page) for page in rows[:PAGE_SIZE]]
    at = [f"{address}?page={n}" if n > 1 else address for n in (number - 1, number, number + 1)]
    context |= {
        **_frame(site),
        "pages": shown,
        "number": number,
        "categories": site_categories(site),
        "newer": _here(at[0]) if number > 1 else "",
        "older": _here(at[2]) if len(rows) > PAGE_SIZE else "",
        "canonical": at[1],
        "image": next((page["image"] for page in shown if page["image"]), None),
    }
    return HttpResponse(render_to_string(template, context))


def _missing(request: HttpRequest, site: Site) -> HttpResponse:
    """The site's own 404."""
    return HttpResponse(render_to_string("sites/404.html", _frame(site)), status=404)


def _frame(site: Site) -> dict:
    """What every page of a site shows."""
    locale, theme = locale_of(site.language), theme_of(site)
    home = _here(site_url(site))
    return {
        "site": site,
        "style": f"{home}theme.css?v={theme.updated_at:%Y%m%d%H%M%S%f}" if theme.pk else "",
        "logo": _here(theme.logo_url) if theme.logo else "",
        "footer": theme.footer_text,
        "home": home,
        "direction": locale.text_direction,
        "say": labels_of(locale),
    }


def _of(site: Site, page: HostedPage) -> HostedPage:
    page.site = site
    return page


def _shown(site: Site, page: HostedPage) -> dict:
    """A page as the templates take it."""
    zone, locale = zone_of(site.timezone), locale_of(site.language)

    def day(moment: datetime) -> str:
        return long_date(moment, zone, locale)

    _of(site, page)
    return {
        "row": page,
        "title": page.title,
        "excerpt": page.excerpt or page.meta_description,
        "url": _here(page.url),
        "image": _image(page),
        "categories": [(name, _here(category_url(site, name))) for name in page.categories],
        "published": day(page.published_at),
        "published_at": page.published_at,
        "updated": day(page.updated_at) if (page.updated_at - page.published_at).days >= 1 else "",
        "updated_at": page.updated_at,
    }
