"""The real parts. One that is missing or does not start is an error of its tests, never a skip."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from scripts.e2e import rabbitmq as rabbit
from scripts.e2e.__main__ import start
from scripts.e2e.state import load, locked
from tests.e2e_real.llm import Llm, Serving


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Marks what needs the one WordPress: `make e2e` runs the rest beside it."""
    for item in items:
        if {"wordpress", "_wordpress"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.wordpress)


@dataclass(frozen=True)
class WordPress:
    """A site; `users` by role: administrator, author, contributor, with login, password, application_password."""

    url: str
    users: dict[str, dict[str, str]]
    folder: str

    @property
    def address(self) -> str:
        """The host:port that OUTBOUND_ALLOW_PRIVATE takes."""
        return self.url.removeprefix("http://")

    def api(self, role: str = "administrator") -> httpx.Client:
        """A client of wp/v2 to look with, apart from the product's own."""
        user = self.users[role]
        auth = (user["login"], user["application_password"])
        return httpx.Client(base_url=f"{self.url}/wp-json/wp/v2", auth=auth, trust_env=False, timeout=60)

    def run_cron(self) -> None:
        """Publishes what is due; the site's own cron is off."""
        httpx.get(f"{self.url}/wp-cron.php?doing_wp_cron", trust_env=False, timeout=60).raise_for_status()

    def writable_meta(self, *keys: str) -> None:
        """The post meta that the REST API knows, as a plug-in would register it."""
        with self.api() as api:
            api.post("/settings", json={"e2e_meta_keys": ",".join(keys)}).raise_for_status()

    def more_types(self, wanted: bool) -> None:
        """Custom post types and taxonomies, as faults.php registers them. Without them, what they held is gone too."""
        with self.api() as api:
            if api.get("/settings").json()["e2e_types"] and not wanted:
                self.empty("events", "product", "genres", "mood", "product_cat", "product_tag")
            api.post("/settings", json={"e2e_types": wanted}).raise_for_status()

    def permalinks(self, structure: str) -> None:
        """`plain`, with which nothing stands at /wp-json/, or a structure of WordPress's."""
        with httpx.Client(
            base_url=self.url, auth=self.api()._auth, trust_env=False, timeout=60
        ) as any_address:
            body = {"e2e_permalinks": structure}
            any_address.post("/index.php?rest_route=/wp/v2/settings", json=body).raise_for_status()

    def plugin(self, *, active: bool) -> None:
        """Switches our companion plugin on or off."""
        status = "active" if active else "inactive"
        with self.api() as api:
            api.put("/plugins/igny8-bridge/igny8-bridge", json={"status": status}).raise_for_status()

    def left_behind(self, **acts: bool) -> dict:
        """What our plugin has in the database. `forget`: as an update of its first version finds it; `try_all`: with
        the last event tried until it is told or given up, as its clock would."""
        with self.api() as api:
            asked = {name: int(act) for name, act in acts.items()}
            return api.get(f"{self.url}/wp-json/e2e/v1/left", params=asked).raise_for_status().json()

    def aioseo_here(self, wanted: bool) -> None:
        """The stand-in for All in One SEO's model and table. Without it, what it held is gone too."""
        with self.api() as api:
            api.post("/settings", json={"e2e_aioseo": wanted}).raise_for_status()

    def aioseo(self, post: str, **fields) -> dict | None:
        """The row of a post in that table, with these fields as its editor saves them; None: there is none."""
        with self.api() as api:
            address = f"{self.url}/wp-json/e2e/v1/aioseo/{post.rpartition('/')[2]}"
            return api.post(address, json=fields).raise_for_status().json()["row"]

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """What faults.php does under this name, for as long as the block lasts."""
        file = Path(self.folder) / "wp-content" / "e2e-fault"
        file.write_text(name)
        try:
            yield
        finally:
            file.unlink()

    def empty(self, *kinds: str) -> None:
        """Deletes all posts, pages, media, categories and tags, or these."""
        with self.api() as api:
            for kind in kinds or ("posts", "pages", "media", "categories", "tags"):
                status = {"status": "any,trash"} if kind in ("posts", "pages", "events", "product") else {}
                while rows := api.get(
                    f"/{kind}", params={"per_page": 100, "_fields": "id,slug", **status}
                ).json():
                    rows = [row for row in rows if row["slug"] != "uncategorized"]
                    if not rows:
                        break
                    for row in rows:
                        api.delete(f"/{kind}/{row['id']}", params={"force": True}).raise_for_status()


@pytest.fixture(scope="session")
def parts() -> dict:
    return start()


@pytest.fixture(scope="session")
def _wordpress(parts) -> WordPress:
    return WordPress(**parts["wordpress"])


@pytest.fixture
def wordpress(_wordpress) -> WordPress:
    """An empty site, without any registered post meta."""
    _wordpress.plugin(active=False)
    _wordpress.empty()
    _wordpress.writable_meta()
    _wordpress.more_types(False)
    return _wordpress


@pytest.fixture(scope="module")
def rabbitmq(parts, request) -> str:
    """The URL of a virtual host of the broker that only this module has, empty."""
    with locked():
        return rabbit.new_vhost(load(), request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="session")
def _llm() -> Iterator[Llm]:
    with Serving() as llm:
        yield llm


@pytest.fixture
def llm(_llm) -> Llm:
    """A model server without faults so far: `llm.use(settings)`, or `llm.environment` for processes."""
    _llm.reset()
    return _llm
