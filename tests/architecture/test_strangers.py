"""The tenant rule, on every route of the schema: what is another account's does not exist.

Each route is asked with the other account's ids in its path, its query and its body. The answer is 404 or 400,
nothing of the other account is changed, counted or named.
"""

import pytest
from django.apps import apps
from drf_spectacular.generators import SchemaGenerator

from apps.accounts.models import ApiKey, Sector, Site, User
from apps.automation.models import Run
from apps.billing.models import Invoice
from apps.core.models import Job
from apps.notifications.models import Notification
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.publisher.models import PublishingRecord
from apps.writer.models import Content, Image, Task
from tests.architecture.routes import Route, routes
from tests.architecture.world import World, make_world

# name of a parameter or a field -> whose id it holds
NAMES = {
    "site": Site,
    "site_id": Site,
    "sector": Sector,
    "sector_id": Sector,
    "cluster": Cluster,
    "cluster_id": Cluster,
    "cluster_ids": Cluster,
    "parent": Cluster,
    "idea": ContentIdea,
    "idea_ids": ContentIdea,
    "keywords": Keyword,
    "keyword_ids": Keyword,
    "task": Task,
    "task_ids": Task,
    "content": Content,
    "content_id": Content,
    "content_ids": Content,
    "target_ids": Content,
    "image_id": Image,
    "run_id": Run,
    "key_id": ApiKey,
    "invoice_id": Invoice,
    "user": User,
    "user_id": User,
    "hand_over_to": User,
    "site_ids": Site,
    "task_id": Job,
}
NAMES_IN_QUERY = [{"name": name} for name in NAMES]
# Bodies whose `ids` and `parent`, or paths whose `{id}`, are of the view's own model.
OWN = ("id", "ids", "parent")

pytestmark = pytest.mark.django_db


@pytest.fixture
def bobs(db) -> World:
    return make_world("Bob")


@pytest.fixture(scope="module")
def document() -> dict:
    return SchemaGenerator().get_schema(request=None, public=True)


def model_of(route: Route):
    queryset = getattr(route.view, "queryset", None)
    return queryset.model if queryset is not None else None


def path_with(route: Route, world: World) -> str:
    path = route.path
    path = path.replace("{number}", "1")  # of a version of the other's article, which is there
    for name, model in {**NAMES, "id": model_of(route)}.items():
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", str(world.id_of(model)))
    return path


def scoped(route: Route) -> bool:
    """The routes that speak of an account's things: not the public, the internal ones and those of staff."""
    if getattr(route.view, "area", "") == "staff":
        return False
    public = route.view.permission_classes and route.view.permission_classes[0].__name__ == "AllowAny"
    return route.path.startswith("/api/v1/") and "/internal/" not in route.path and not public


def tenant_models() -> set:
    return set(apps.get_models())


def asked(client, method: str, path: str, body=None, query: str = ""):
    return getattr(client, method.lower())(path + query, *([body] if body is not None else []))


def test_ids_in_the_path(alice, bobs):
    walked = 0
    before = bobs.snapshot()
    for route in routes():
        model = model_of(route)
        if (
            not scoped(route)
            or "{" not in route.path
            or model is None
            or not hasattr(model.objects, "for_tenant")
        ):
            continue
        path = path_with(route, bobs)
        assert "{" not in path, f"the walk does not know a variable of {route.name}"
        answer = asked(
            alice.client, route.method, path, {} if route.method in ("POST", "PUT", "PATCH") else None
        )
        assert answer.status_code == 404, (route.name, answer.status_code, answer.content[:200])
        assert bobs.secret not in answer.content.decode()
        walked += 1
    assert walked > 20
    assert bobs.snapshot() == before


def test_a_colleague_without_a_site_reaches_nothing_of_it(bobs):
    """An editor of the same account who was granted no site: what belongs to a site does not exist either."""
    client = bobs.actor.as_role("editor", all_sites=False)
    before = bobs.snapshot()
    walked = 0
    for route in routes():
        model = model_of(route)
        if not scoped(route) or "{id}" not in route.path or not getattr(model, "tenant_site", None):
            continue
        body = {} if route.method in ("POST", "PUT", "PATCH") else None
        answer = asked(client, route.method, path_with(route, bobs), body)
        assert answer.status_code in (403, 404), (route.name, answer.status_code)
        assert answer.status_code == 404 or route.view.area != "content", route.name
        walked += 1
    for route in routes():
        if scoped(route) and route.method == "GET" and getattr(model_of(route), "tenant_site", None):
            if "{" in route.path:
                continue
            answer = asked(client, "GET", route.path, query=f"?site_id={bobs.actor.site.pk}")
            assert bobs.secret not in answer.getvalue().decode("utf-8", "replace"), route.name
    assert walked > 20
    assert bobs.snapshot() == before


def test_lists_and_reads_name_and_count_nothing_of_the_other(alice, bobs, document):
    for route in routes():
        if not scoped(route) or route.method != "GET" or "{" in route.path:
            continue
        # What the schema says the route reads; a route that it does not know is asked by all names.
        known = {
            p["name"]
            for p in document["paths"].get(route.path, {}).get("get", {}).get("parameters", NAMES_IN_QUERY)
        }
        names = {name: model for name, model in NAMES.items() if name in known or name == "site_id"}
        queries = ["", f"?site_id={alice.site.pk}"]
        queries += [f"?{name}={bobs.id_of(model)}" for name, model in names.items()]
        queries += [
            f"?site_id={alice.site.pk}&{n}={bobs.id_of(m)}" for n, m in names.items() if n != "site_id"
        ]
        for query in (*queries, f"?search={bobs.secret}", f"?id={bobs.id_of(Image)}"):
            answer = asked(alice.client, "GET", route.path, query=query)
            text = answer.getvalue().decode("utf-8", "replace")
            assert bobs.secret not in text.replace(f"search={bobs.secret}", ""), (route.name, query)
            assert answer.status_code in (200, 400, 404), (route.name, query, answer.status_code)
            if "search=" in query and answer.status_code == 200 and text.startswith('{"count":'):
                assert answer.json()["count"] == 0, (route.name, query)


def foreign(example, route: Route, world: World, key: str = ""):
    """The example body with every id replaced by the other account's. None when it holds no id."""
    found = False
    if isinstance(example, dict):
        out = {}
        for name, value in example.items():
            model = model_of(route) if name in OWN else NAMES.get(name)
            if model is not None and hasattr(model.objects, "for_tenant"):
                out[name] = [world.id_of(model)] if isinstance(value, list) else world.id_of(model)
                found = True
            elif isinstance(value, dict | list):
                inner = foreign(value, route, world, name)
                out[name] = value if inner is None else inner
                found = found or inner is not None
            else:
                out[name] = value
        return out if found else None
    if isinstance(example, list) and example and isinstance(example[0], dict):
        inner = foreign(example[0], route, world, key)
        return None if inner is None else [inner]
    return None


def test_ids_in_the_body(alice, bobs, document):
    """Each field that takes an id takes none of another account, alone among good ones too."""
    mine = make_world("Alice2")
    walked = []
    before = bobs.snapshot()
    for route in routes():
        if not scoped(route) or route.method not in ("POST", "PUT", "PATCH"):
            continue
        operation = document["paths"][route.path][route.method.lower()]
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            body = foreign(content["example"], route, bobs)
            if body is None:
                continue
            own = foreign(content["example"], route, mine)
            path = path_with(route, mine)
            ids = [n for n in body if body[n] != own[n]]
            for name in ids:
                mixed = {**own, name: body[name]}
                kind = {"format": "multipart"} if media.startswith("multipart/") else {"format": "json"}
                answer = getattr(mine.actor.client, route.method.lower())(path, mixed, **kind)
                assert answer.status_code in (400, 404), (
                    route.name,
                    name,
                    answer.status_code,
                    answer.content[:300],
                )
                assert bobs.secret not in answer.content.decode(), (route.name, name)
                walked.append(f"{route.name} {name}")
    assert len(walked) > 15, walked
    assert bobs.snapshot() == before


def test_foreign_site_in_the_query_of_actions(alice, bobs):
    for route in routes():
        if not scoped(route) or route.method == "GET" or "/automation/" not in route.path:
            continue
        for query in (f"?site_id={bobs.actor.site.pk}", f"?run_id={bobs.id_of(Run)}"):
            answer = asked(alice.client, route.method, route.path, {}, query)
            assert answer.status_code in (400, 404), (route.name, query, answer.status_code)


def test_the_other_models_are_known():
    assert {Notification, PublishingRecord} <= tenant_models()
