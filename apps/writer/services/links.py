"""The links of an article: only those that the editor or the site gave, and whether they answer."""

import re
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from selectolax.lexbor import LexborHTMLParser

from apps.core import http
from apps.core.errors import NotFound
from apps.writer.models import Content
from apps.writer.services.html import html_clean
from apps.writer.services.workflow import content_locked

NOT_GIVEN = "It was not given to the writer, so the link was removed; its text stayed."
MAX_CHECKED = 200
AT_A_TIME = 8
TIMEOUT = 10.0
MAX_BYTES = 512 * 1024
# Servers that answer so know no HEAD, or none from a program.
_NO_HEAD = {400, 403, 404, 405, 406, 429, 500, 501, 503}
_ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}]+")


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    text: str


def links_of(html: str) -> list[Link]:
    """The links of an article's text, each address once."""
    found: dict[str, Link] = {}
    for node in _links(html):
        url = (node.attributes.get("href") or "").strip()
        if url:
            found.setdefault(url, Link(url, " ".join(node.text().split())[:200]))
    return list(found.values())


def links_abroad(html: str) -> list[Link]:
    """Those that lead to other servers than ours."""
    return [
        link
        for link in links_of(html)
        if link.url.lower().startswith(("http://", "https://", "//"))
        and not link.url.startswith(f"{settings.PUBLIC_URL}/")
    ]


def links_said(text: str) -> set[str]:
    """The addresses that stand in a plain text."""
    return {found.rstrip(".,;:!?") for found in _ADDRESS.findall(text)}


def links_keep(html: str, given: Set[str]) -> tuple[str, list[dict]]:
    """Clean HTML without the links that were not given, and those as problems. Their text stays."""
    known = {_same(url) for url in given}
    tree = LexborHTMLParser(f"<body>{html}</body>")
    problems: dict[str, dict] = {}
    for node in tree.css("a"):
        url = (node.attributes.get("href") or "").strip()
        if _same(url) not in known:
            text = " ".join(node.text().split())[:200]
            problems.setdefault(url, {"url": url, "text": text, "problem": NOT_GIVEN})
            node.unwrap()
    if not problems:
        return html, []
    return html_clean(tree.body.inner_html or ""), list(problems.values())


def links_check(*, account_id: int, content_id: int) -> dict:
    """Asks every address that an article links to whether it answers, and stores which do not.

    Addresses of ours are not asked. No transaction may be open. Returns {"checked", "problems"}. Raises NotFound.
    """
    content = Content.objects.filter(account_id=account_id, pk=content_id).only("html").first()
    if content is None:
        raise NotFound("The article does not exist any more.")
    links = links_abroad(content.html)[:MAX_CHECKED]
    with (
        ThreadPoolExecutor(AT_A_TIME) as pool,
        http.client(timeout=TIMEOUT, max_bytes=MAX_BYTES, follow_redirects=True) as client,
    ):
        answers = list(pool.map(lambda link: _problem(client, link.url), links))
    problems = [
        {"url": link.url, "text": link.text, "problem": problem}
        for link, problem in zip(links, answers, strict=True)
        if problem
    ]
    with transaction.atomic():
        content = content_locked(account_id=account_id, content_id=content_id)
        removed = [row for row in content.link_problems if row["problem"] == NOT_GIVEN]
        content.link_problems = removed + problems
        content.links_checked_at = timezone.now()
        content.save(update_fields=["link_problems", "links_checked_at"])
    return {"checked": len(links), "problems": removed + problems}


def links_after(problems: list[dict], html: str) -> list[dict]:
    """Of the problems of an article those that it still has with this text; what was removed has been told."""
    urls = {link.url for link in links_of(html)}
    return [row for row in problems if row["url"] in urls]


def _problem(client, url: str) -> str:
    """One sentence, "" for an address that answers."""
    if url.startswith("//"):  # as the site's own pages ask it
        url = f"https:{url}"
    try:
        http.check_url(url)
        status = client.head(url).status_code
        if status in _NO_HEAD:
            with client.stream("GET", url) as answer:
                status = answer.status_code
    except http.ResponseTooLarge:
        return ""
    except http.OutboundError as error:
        return str(error)
    if status in (404, 410):
        return f"There is no such page (status {status}). Correct the address, or take the link out."
    if status in (401, 403, 429):
        # It is there, and does not speak with programs.
        return ""
    if status >= 400:
        return f"The page answers with an error (status {status}). Look at it, and check again later."
    return ""


def _links(html: str):
    return LexborHTMLParser(html).css("a") if html else []


def _same(url: str) -> str:
    """Addresses of one page alike: a fragment and the last slash name no other one."""
    return url.strip().partition("#")[0].rstrip("/")
