"""The walk over all routes that the product has: what the architecture tests share."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import EndpointEnumerator

WANTED = Path(__file__).with_name("routes.tsv")


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    view: type
    action: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    """Every API route with its methods, as the schema sees them."""
    enumerator = EndpointEnumerator()
    found = enumerator.get_api_endpoints()
    return [
        Route(
            method,
            path.replace("{pk}", "{id}"),
            callback.cls,
            getattr(callback, "actions", {}).get(method.lower(), method.lower()),
        )
        for path, _, method, callback in found
    ]


def shape(path: str) -> str:
    """The path with every variable the same."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def wanted() -> Iterator[tuple[str, str, str]]:
    """(method, path, auth) of each route that the product shall have."""
    for line in WANTED.read_text().splitlines():
        method, path, auth = line.split("\t")
        yield method, path, auth


def plain_patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every URL pattern, API or not."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from plain_patterns(entry, path)
        else:
            yield path, entry
