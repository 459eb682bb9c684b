"""Whatever stands in a body, a query or a path: an answer of ours, never a crash."""

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.architecture.routes import routes
from tests.conftest import client_of

pytestmark = pytest.mark.django_db
OURS = ("/api/v1/account/", "/api/v1/auth/", "/api/v1/admin/users/")
ODD = [None, "", "a\x00b", "x" * 10_000, "🍵‮é", -1, 2**70, 1.5, True, [], [{}], {}, {"a": 1}, "NaN", "1; --"]


def ours(*methods: str) -> list:
    return [r for r in routes() if r.path.startswith(OURS) and r.method in methods]


@pytest.fixture
def client(verified):
    verified.user.is_staff = True
    verified.user.save()
    return client_of(verified.user)


def test_bodies(client, verified):
    document = SchemaGenerator().get_schema(request=None, public=True)
    asked = 0
    for route in ours("POST", "PUT", "PATCH"):
        content = (
            document["paths"][route.path][route.method.lower()].get("requestBody", {}).get("content", {})
        )
        example = content.get("application/json", {}).get("example") or {}
        path = route.path.replace("{id}", str(verified.user.pk)).replace("{key_id}", "1")
        send = getattr(client, route.method.lower())
        bodies = [{**example, name: odd} for name in example for odd in ODD]
        for body in [*bodies, *ODD]:
            answer = send(path, body, format="json")
            assert answer.status_code < 500, (route.name, body, answer.content[:300])
            if answer.status_code >= 400:
                assert answer.json()["error"] and answer.json()["code"], route.name
            asked += 1
        # A log-out or a new password may have ended the session.
        client.credentials(HTTP_AUTHORIZATION=client_of(verified.user)._credentials["HTTP_AUTHORIZATION"])
    assert asked > 500


def test_queries_and_paths(client):
    for route in ours("GET", "DELETE"):
        paths = [route.path.replace("{id}", odd) for odd in ("0", "-1", "9" * 30, "x", "🍵", "%00")]
        for path in paths if "{id}" in route.path else [route.path]:
            answer = getattr(client, route.method.lower())(path.replace("{key_id}", "9" * 30))
            assert answer.status_code < 500, path
        if "{" in route.path:
            continue
        names = ["page", "page_size", "search", "ordering", *getattr(route.view, "filterset_fields", [])]
        filterset = getattr(route.view, "filterset_class", None)
        names += list(filterset.base_filters) if filterset else []
        for name in names:
            for odd in ("", "\x00", "🍵", "-1", "9" * 30, "x" * 2000, "1.5", "a,b,,"):
                answer = client.get(route.path, {name: odd})
                assert answer.status_code in (200, 400, 404), (route.path, name, odd)
