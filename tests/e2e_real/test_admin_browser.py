"""The admin in a browser, as a new member of staff walks it: every list, form and action, and nothing of it broken.

A page is broken when it, or anything it loads, answers 400 or more, when its scripts throw, or when it says that
something went wrong. The pictures stand in the data folder under `e2e/admin/`. `ADMIN=billing.` walks what is named so.
"""

import os
import re
from collections.abc import Iterator

import pytest
from django.contrib.admin.sites import all_sites
from django.urls import reverse
from playwright.sync_api import Browser, Page, sync_playwright

from scripts.e2e.state import folder
from tests.architecture.world import make_world
from tests.factories import UserFactory

# Playwright's loop runs in this thread, where Django then sees asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
ALONE = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PASSWORD = "a new member of staff"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ALONE)
        yield browser
        browser.close()


class Walk:
    """One browser tab, and all that went wrong in it."""

    def __init__(self, page: Page, base: str):
        self.page, self.base, self.problems, self.seen = page, base, [], 0
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.problem(f"a script threw: {error}"))
        page.on("response", lambda r: r.status >= 400 and self.problem(f"{r.status} of {r.url}"))
        page.on("dialog", lambda dialog: dialog.accept())

    def problem(self, what: str) -> None:
        self.problems.append(f"{self.page.url.removeprefix(self.base)}: {what}")
        print(self.problems[-1], flush=True)

    def look(self, name: str) -> None:
        """What staff would see at a glance, and a picture of it."""
        self.seen += 1
        text = self.page.inner_text("body")
        if not text.strip() or re.search(r"Server Error|Traceback|went wrong|TemplateSyntax", text):
            self.problem(f"says {text[:80]!r}")
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 2:
            self.problem(f"is {wide} pixels wider than the screen")
        self.page.screenshot(path=folder() / "admin" / f"{name}.png")

    def go(self, path: str, name: str) -> None:
        self.page.goto(self.base + path)
        self.look(name)

    def submit(self, name: str, button: str = "[name=_save]") -> None:
        """Sends the form without the browser's own checks, as a page behind a slow script would."""
        with self.page.expect_navigation():
            self.page.eval_on_selector(button, "b => { b.form.noValidate = true; b.form.requestSubmit(b) }")
        self.look(name)


@pytest.fixture
def walk(chromium, live_server) -> Iterator[Walk]:
    (folder() / "admin").mkdir(parents=True, exist_ok=True)
    staff = UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True)
    staff.set_password(PASSWORD)
    staff.save()
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    walk = Walk(context.new_page(), live_server.url)
    walk.page.goto(f"{live_server.url}/admin/")
    walk.page.fill("[name=username]", "staff@example.com")
    walk.page.fill("[name=password]", PASSWORD)
    with walk.page.expect_navigation():
        walk.page.click("[type=submit]")
    walk.look("0-home")
    assert "/login/" not in walk.page.url, walk.page.inner_text("body")
    yield walk
    context.close()


def admins() -> list:
    ours = [a for site in all_sites for m, a in site._registry.items() if m.__module__.startswith("apps.")]
    return sorted(ours, key=lambda a: a.model._meta.label)


def address(a, name: str, *args) -> str:
    return reverse(f"admin:{a.model._meta.app_label}_{a.model._meta.model_name}_{name}", args=args)


def test_every_list_form_and_action(walk):
    rows = {type(row): row for row in make_world("Alice").rows}
    for admin in admins():
        if os.environ.get("ADMIN", "") not in admin.model._meta.label:
            continue
        row = rows.get(admin.model) or admin.model._base_manager.first()
        _one(walk, admin, row)
    assert not walk.problems, "\n".join(walk.problems)
    assert walk.seen > 3 * len(admins()) or os.environ.get("ADMIN")


def _one(walk: Walk, admin, row) -> None:
    page, name = walk.page, admin.model._meta.label
    listing = address(admin, "changelist")
    walk.go(listing, name)
    if page.locator("#searchbar").count():
        page.fill("#searchbar", "secret")
        with page.expect_navigation():
            page.press("#searchbar", "Enter")
        walk.look(f"{name}-search")
        page.goto(walk.base + listing)
    for link in _links(page, f"a[href*='{listing}'][href]:not([href*='?'])", listing):
        _follow(walk, link, f"{name}-list-action")
    actions = page.eval_on_selector_all("select[name=action] option", "all => all.map(o => o.value)")
    for action in filter(None, actions):
        page.goto(walk.base + listing)
        if not page.locator("input.action-select").count():
            break
        page.locator("input.action-select").first.check(force=True)
        page.select_option("select[name=action]", action, force=True)
        with page.expect_navigation():
            page.eval_on_selector(
                "select[name=action]",
                "s => s.form.requestSubmit(s.form.querySelector('[name=index]') || undefined)",
            )
        walk.look(f"{name}-action-{action}")
    page.goto(walk.base + listing)
    if page.locator(f"a[href^='{listing}add/']").count():
        walk.go(f"{listing}add/", f"{name}-add")
        walk.submit(f"{name}-add-empty")
    if row is None or not admin.model._base_manager.filter(pk=row.pk).exists():
        return
    change = address(admin, "change", row.pk)
    walk.go(change, f"{name}-change")
    for link in _links(page, "a[href]", f"/{row.pk}/"):
        _follow(walk, link, f"{name}-detail-action")
    page.goto(walk.base + change)
    if page.locator("[name=_save]").count():
        walk.submit(f"{name}-saved")
    walk.go(address(admin, "history", row.pk), f"{name}-history")


def _links(page: Page, selector: str, part: str) -> list[str]:
    """The addresses of buttons for actions: below the list or the row, and none that leads to another of its pages."""
    found = page.eval_on_selector_all(selector, "all => all.map(a => a.getAttribute('href'))")
    known = re.compile(r"/(add|change|delete|history|autocomplete)/?$|[?#]")
    return sorted({path for path in found if part in path and path != part and not known.search(path)})


def _follow(walk: Walk, path: str, name: str) -> None:
    """An action is a page with a form, a download, or a redirect with a message."""
    page, name = walk.page, f"{name}-{path.strip('/').rpartition('/')[2]}"
    here = page.url
    if page.locator(f"[hx-get='{path}']").count():
        page.eval_on_selector(f"[hx-get='{path}']", "link => link.click()")
        page.wait_for_selector("#modal-content form", state="visible")
        walk.look(name)
        with page.expect_response(lambda response: response.request.method == "POST"):
            page.eval_on_selector(
                "#modal-content form", "form => { form.noValidate = true; form.requestSubmit() }"
            )
        page.wait_for_timeout(1000)  # the answer may lead to another page
        page.wait_for_load_state("networkidle")
        walk.look(f"{name}-empty")
        page.goto(here)
        return
    answer = page.request.get(walk.base + path)
    if answer.status >= 400:
        walk.problem(f"{answer.status} of {path}")
    elif "html" in answer.headers.get("content-type", ""):
        walk.go(path, name)
        form = page.locator("#content form [type=submit]")
        if form.count():
            walk.submit(f"{name}-empty", "#content form [type=submit]")
        page.goto(here)
