"""A WordPress in memory, for what the real one can not do in a moment: posts that vanish between two pages, hostile
answers, times that lie. The real one is asked in tests/e2e_real."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TYPES = {
    "post": {"slug": "post", "name": "Posts", "rest_base": "posts", "viewable": True},
    "page": {"slug": "page", "name": "Pages", "rest_base": "pages", "viewable": True},
    "attachment": {"slug": "attachment", "name": "Media", "rest_base": "media", "viewable": True},
}
TAXONOMIES = {
    "category": {"name": "Categories", "rest_base": "categories", "hierarchical": True, "types": ["post"]},
    "post_tag": {"name": "Tags", "rest_base": "tags", "hierarchical": False, "types": ["post"]},
}
BLOCK = "<!-- wp:paragraph -->\n<p>{}</p>\n<!-- /wp:paragraph -->"


class FakeSite:
    """`posts` by id, rows as the REST API gives them. `asked` counts requests; `before` is called with each path."""

    def __init__(self):
        self.posts: dict[int, dict] = {}
        self.media: dict[int, dict] = {}
        self.terms = {"categories": [], "tags": []}
        self.asked: list[str] = []
        self.before = lambda path, params: None
        self.broken: dict[str, tuple[int, dict]] = {}
        self.meta_keys: list[str] = []  # registered for the REST API
        self.reviews = False  # nobody but its own people may publish

    def post(self, pk: int, kind: str = "posts", **fields) -> dict:
        text = fields.pop("text", BLOCK.format(f"Text {pk}."))
        row = {
            "id": pk, "kind": kind, "status": "publish", "slug": f"post-{pk}", "link": f"{self.url}/post-{pk}/",
            "date_gmt": "2026-01-05T10:00:00", "modified_gmt": "2026-01-05T10:00:00", "title": {"raw": f"Post {pk}"},
            "content": {"raw": text}, "excerpt": {"raw": ""}, "featured_media": 0, "meta": [], "categories": [],
            "tags": [], **fields,
        }  # fmt: skip
        self.posts[pk] = row
        return row

    def edit(
        self, pk: int, *, text: str | None = None, modified: str = "2026-02-01T10:00:00", **fields
    ) -> None:
        row = self.posts[pk]
        if text is not None:
            row["content"] = {"raw": BLOCK.format(text)}
        row.update(fields, modified_gmt=modified)

    def answer(self, path: str, params: dict) -> tuple[int, object, dict]:
        self.asked.append(path)
        self.before(path, params)
        if path in self.broken:
            status, body = self.broken[path]
            return status, body, {}
        match path.removeprefix("/wp-json").strip("/").split("/"):
            case [""]:
                return 200, {"name": "Fake", "home": self.url, "namespaces": ["wp/v2"]}, {}
            case ["wp", "v2", "types"]:
                return 200, TYPES, {}
            case ["wp", "v2", "taxonomies"]:
                return 200, TAXONOMIES, {}
            case ["wp", "v2", "users"]:
                return 200, [{"id": 1, "name": "Ed", "slug": "ed"}], {}
            case ["wp", "v2", ("categories" | "tags") as kind]:
                return self._listed(self.terms[kind], params)
            case ["wp", "v2", "media"]:
                return self._listed(list(self.media.values()), params)
            case ["wp", "v2", ("posts" | "pages") as kind]:
                states = params.get("status", "publish").split(",")
                rows = [r for r in self.posts.values() if r["kind"] == kind and r["status"] in states]
                return self._listed(sorted(rows, key=lambda r: r["id"]), params)
            case ["wp", "v2", ("posts" | "pages") as kind, pk]:
                row = self.posts.get(int(pk))
                if row is None or row["kind"] != kind:
                    return 404, {"code": "rest_post_invalid_id", "message": "Invalid post ID."}, {}
                return 200, row, {}
        return 404, {"code": "rest_no_route", "message": "No route."}, {}

    def _listed(self, rows: list[dict], params: dict) -> tuple[int, object, dict]:
        if "include" in params:
            wanted = {int(i) for i in params["include"].split(",")}
            rows = [r for r in rows if r["id"] in wanted]
        start, size = int(params.get("offset", 0)), int(params.get("per_page", 10))
        return 200, rows[start : start + size], {"X-WP-Total": str(len(rows))}


class _Handler(BaseHTTPRequestHandler):
    def do_OPTIONS(self):
        meta = {key: {"type": "string"} for key in self.server.site.meta_keys}
        self.send({"schema": {"properties": {"meta": {"properties": meta}}}})

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = {n: {"raw": sent.pop(n)} for n in ("title", "content", "excerpt") if n in sent}
        kind, _, pk = urlsplit(self.path).path.removeprefix("/wp-json/wp/v2/").partition("/")
        row = (self.server.site.media if kind == "media" else self.server.site.posts)[int(pk)]
        if self.server.site.reviews and sent.get("status") == "publish":
            sent["status"] = "pending"
        row.update(sent, **texts, modified_gmt="2026-06-01T10:00:00")
        self.send(row)

    def do_GET(self):
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, body, headers = self.server.site.answer(parts.path, params)
        self.send(body, status, headers)

    def send(self, body, status=200, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@contextmanager
def serving() -> Iterator[FakeSite]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.site = site = FakeSite()
    site.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
