"""Pages that no other page of their site links to."""

from collections import defaultdict
from html import unescape

from django.db import connection

from apps.accounts.models import Site
from apps.core.errors import NotFound
from apps.linker.services.addresses import address_key, post_key
from apps.linker.services.targets import pages
from apps.writer.models import Content

# The addresses alone: the texts of a large site would not fit into a worker.
HREFS = r"""
SELECT c.id, c.external_url, found[1]
FROM writer_content c, regexp_matches(c.html, '<a\s+(?:[^>]*\s)?href\s*=\s*["'']?([^"''\s>]+)', 'gi') AS found
WHERE c.site_id = %(site)s AND c.account_id = %(account)s AND c.status = 'published' AND c.html ILIKE '%%<a%%'
"""


def orphans_find(*, account_id: int, site_id: int) -> list[int]:
    """The ids of the site's pages to which no published text of another one links. Three queries. Raises NotFound."""
    site = Site.objects.filter(account_id=account_id, pk=site_id).first()
    if site is None:
        raise NotFound("The site does not exist any more.")
    sources: dict[str, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(HREFS, {"site": site_id, "account": account_id})
        for source, url, href in cursor:
            sources[address_key(unescape(href), url or f"https://{site.domain}/")].add(source)
    rows = pages(account_id=account_id, site_id=site_id).filter(status=Content.Status.PUBLISHED)
    return [
        pk
        for pk, url, external_id in rows.values_list("pk", "external_url", "external_id")
        if not any(sources.get(key, set()) - {pk} for key in {address_key(url), post_key(url, external_id)})
    ]
