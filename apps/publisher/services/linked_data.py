"""What search engines read of a page beside its text: schema.org's words for it."""

import json

from django.utils.safestring import mark_safe
from selectolax.lexbor import LexborHTMLParser

from apps.accounts.models import Site
from apps.publisher.models import HostedPage, site_url
from apps.publisher.services.hosted import page_image

_IN_SCRIPT = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}
_QUESTION_MARKS = ("?", "？", "؟", ";")  # the last is Greek's
FEWEST_QUESTIONS = 2


def linked_data(site: Site, page: HostedPage, categories: list[tuple[str, str]]) -> str:
    """schema.org's Article, BreadcrumbList and, of an article with questions, FAQPage, safe inside a script element."""
    image = page_image(page)
    crumbs = [(site.name, site_url(site)), *categories[:1], (page.title, page.url)]
    publisher = {"@type": "Organization", "name": site.name, "url": site_url(site)}
    article = {
        "@type": "Article",
        "headline": page.title[:110],
        "description": page.meta_description or page.excerpt,
        "inLanguage": site.language,
        "datePublished": page.published_at.isoformat(),
        "dateModified": page.updated_at.isoformat(),
        "mainEntityOfPage": page.url,
        "author": publisher,
        "publisher": publisher,
        **({"image": [image["url"]]} if image else {}),
        **({"articleSection": page.categories} if page.categories else {}),
        **({"keywords": page.tags} if page.tags else {}),
    }
    breadcrumbs = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": n, "name": name, "item": url}
            for n, (name, url) in enumerate(crumbs, 1)
        ],
    }
    graph = {"@context": "https://schema.org", "@graph": [article, breadcrumbs, *_faq(page)]}
    return mark_safe(json.dumps(graph, ensure_ascii=False).translate(_IN_SCRIPT))  # noqa: S308


def _faq(page: HostedPage) -> list[dict]:
    """Questions are headings that end as questions do, under one heading; their answers are what follows."""
    if "<h3" not in page.html:
        return []
    found: list[dict] = []
    for heading in LexborHTMLParser(page.html).css("h3"):
        question = heading.text(strip=True)
        if not question.endswith(_QUESTION_MARKS):
            continue
        answer, node = [], heading.next
        while node is not None and node.tag not in ("h1", "h2", "h3"):
            answer.append(node.text(separator=" ", strip=True))
            node = node.next
        if text := " ".join(filter(None, answer)):
            found.append(
                {"@type": "Question", "name": question, "acceptedAnswer": {"@type": "Answer", "text": text}}
            )
    return [{"@type": "FAQPage", "mainEntity": found}] if len(found) >= FEWEST_QUESTIONS else []
