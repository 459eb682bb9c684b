"""Who may what: every caller asks every route, and the answer is the one of `permissions.tsv`.

A line of the table: method, path, least role (or `public`, `staff`, `key`; `+staff` also lets in members of staff
who have no account), `key` where an ApiKey reaches it, `suspended` where it stays open to a suspended account or user.
"""

from pathlib import Path

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.services.keys import api_key_create
from apps.core.tenancy import ROLES
from tests.architecture.routes import routes, shape
from tests.conftest import client_of
from tests.factories import UserFactory

TABLE = Path(__file__).with_name("permissions.tsv")
LATER = Path(__file__).with_name("routes_later.txt")
# Nobody's: what is asked for does not exist, so that whoever is let in gets a 404, and nothing is changed.
NOWHERE = "987654321"
NO_JOB = "5b1a7c4e-2f0c-4d57-9a3e-0d2f6f8f1c11"

pytestmark = pytest.mark.django_db


def table() -> dict[str, tuple[str, bool, bool]]:
    """ "METHOD path" -> least role, whether a key reaches it, whether it is open to the suspended."""
    rows = {}
    for line in TABLE.read_text().splitlines():
        method, path, least, *marks = line.split("\t")
        assert f"{method} {path}" not in rows, line
        rows[f"{method} {path}"] = (least, "key" in marks, "suspended" in marks)
    return rows


def ours():
    return [r for r in routes() if r.path.startswith("/api/v1/") and "/internal/" not in r.path]


@pytest.fixture
def callers(alice) -> dict[str, APIClient]:
    """One of each kind. The client of a suspended account is made before the account is suspended."""
    verified = {"email_verified_at": timezone.now()}
    found = {role: alice.as_role(role, **verified) for role in ROLES}
    key = api_key_create(site=alice.site, name="plugin", user_id=None)["key"]
    found["stranger"], found["key"] = APIClient(), APIClient()
    found["key"].credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    found["staff"] = client_of(UserFactory(account=None, is_staff=True))
    found["suspended user"] = alice.as_role("owner", is_active=False, **verified)
    other = UserFactory(role="owner", **verified)
    found["suspended account"] = client_of(other)
    other.account.status = "suspended"
    other.account.save()
    found["closed account"] = client_of(closed := UserFactory(role="owner", **verified))
    closed.account.status = "closed"
    closed.account.save()
    return found


def expected(caller: str, least: str, key: bool, suspended: bool) -> int:
    """401, 403, or 0 for any other: the caller is let in."""
    if least == "public":
        return 0
    if caller == "stranger":
        return 401
    role = least.removesuffix("+staff")
    if caller == "key":
        return 0 if key else 403
    if caller == "staff":
        return 0 if role == "staff" or least.endswith("+staff") else 403
    if role in ("staff", "key"):
        return 403
    if caller in ROLES:
        return 0 if ROLES.index(caller) >= ROLES.index(role) else 403
    return 0 if suspended else 403


def test_the_table_names_every_route_once_and_no_other():
    later = {line for line in LATER.read_text().split("\n") if "/api/v1/" in line}
    have = {f"{r.method} {shape(r.path)}" for r in ours()} | later
    assert have == set(table()), {
        "not in the table": sorted(have - set(table())),
        "gone": sorted(set(table()) - have),
    }


def test_each_caller_on_each_route(callers):
    rows, wrong = table(), []
    for route in ours():
        path = "/".join(
            NO_JOB if part == "{task_id}" else NOWHERE if part.startswith("{") else part
            for part in route.path.split("/")
        )
        for caller, client in callers.items():
            client.raise_request_exception = False
            body = [{}] if route.method in ("POST", "PUT", "PATCH") else []
            answer = getattr(client, route.method.lower())(path, *body)
            wanted = expected(caller, *rows[f"{route.method} {shape(route.path)}"])
            got = answer.status_code if answer.status_code in (401, 403) else 0
            crashed = answer.status_code >= 500 and route.view.__name__ != "HealthView"
            if got != wanted or crashed:
                wrong.append((route.name, caller, answer.status_code, wanted or "let in"))
    assert not wrong, "\n".join(map(str, wrong))


def test_a_role_of_another_account_is_no_role_here(alice, bob):
    """The owner of one account is a stranger to the people of another."""
    user = UserFactory(account=bob.account, role="viewer")
    for method, path in (("patch", f"auth/users/{user.pk}/"), ("delete", f"account/team/{user.pk}/")):
        assert getattr(alice.client, method)(f"/api/v1/{path}", {}).status_code == 404
