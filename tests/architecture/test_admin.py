"""The admin, page by page: every list, search, filter and form opens, costs few queries, and shows no secret."""

import pytest
from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.urls import reverse

from tests.architecture.world import make_world
from tests.factories import UserFactory

MOST_QUERIES = 40
# To delete a row asks each kind of rows that would go with it.
MOST_TO_DELETE = 70
# Columns of which staff see nothing.
SECRETS = {"key_hash", "jti", "code", "password", "api_key", "app_password", "secret"}

pytestmark = pytest.mark.django_db


def admins() -> list:
    ours = [a for site in all_sites for m, a in site._registry.items() if m.__module__.startswith("apps.")]
    return sorted(ours, key=lambda a: a.model._meta.label)


def page(a, name: str, *args) -> str:
    return reverse(f"admin:{a.model._meta.app_label}_{a.model._meta.model_name}_{name}", args=args)


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def rows() -> dict:
    """A row of every kind, by model."""
    return {type(row): row for row in make_world("Alice").rows}


@pytest.mark.parametrize("model_admin", admins(), ids=lambda a: a.model._meta.label)
def test_every_page_opens(staff, rows, model_admin, django_assert_max_num_queries):
    listing = page(model_admin, "changelist")
    asked = [listing]
    if model_admin.search_fields:
        asked += [f"{listing}?q=needle", f"{listing}?q=%F0%9F%8D%B5%20O%27Neil%25", f"{listing}?q=1"]
    assert model_admin.search_fields or model_admin.model._meta.model_name == "defaultsettings"
    if model_admin.has_add_permission(_superuser(staff)):
        asked.append(page(model_admin, "add"))
    row = rows.get(model_admin.model) or model_admin.model._base_manager.first()
    if row is not None:
        asked += [page(model_admin, "change", row.pk), page(model_admin, "history", row.pk)]
        if model_admin.has_delete_permission(_superuser(staff), row):
            asked.append(page(model_admin, "delete", row.pk))
    for path in asked:
        with django_assert_max_num_queries(MOST_TO_DELETE if path.endswith("/delete/") else MOST_QUERIES):
            answer = staff.get(path)
        assert answer.status_code == 200, path


def _superuser(client):
    request = client.get("/admin/").wsgi_request
    assert request.user.is_superuser
    return request


def test_filters_of_every_list_are_links_that_work(staff, rows):
    for model_admin in admins():
        answer = staff.get(page(model_admin, "changelist"))
        for spec in answer.context["cl"].filter_specs:
            for choice in list(spec.choices(answer.context["cl"]))[1:2]:
                if query := choice.get("query_string"):
                    path = page(model_admin, "changelist") + query
                    assert staff.get(path).status_code == 200, path


def test_lists_select_their_relations(staff, rows):
    """A column that is a relation costs no query a row."""
    for model_admin in admins():
        relations = {f.name for f in model_admin.model._meta.fields if f.is_relation}
        shown = relations & set(model_admin.list_display)
        selected = model_admin.list_select_related
        assert selected is True or shown <= set(selected or ()), (model_admin, shown)


def test_no_secret_is_a_field_or_a_column(staff, rows):
    for model_admin in admins():
        secrets = {f.name for f in model_admin.model._meta.fields} & SECRETS
        assert not secrets & {n for n in model_admin.list_display if isinstance(n, str)}
        row = rows.get(model_admin.model)
        if not secrets or row is None:
            continue
        answer = staff.get(page(model_admin, "change", row.pk))
        for name in secrets:
            value = str(getattr(row, name))
            assert not value or value not in answer.content.decode(), (model_admin, name)


def test_staff_without_permissions_see_nothing(client, rows):
    client.force_login(UserFactory(account=None, is_staff=True))
    for model_admin in admins():
        assert client.get(page(model_admin, "changelist")).status_code == 403


def test_people_who_are_no_staff_stay_outside(client, rows):
    client.force_login(UserFactory(role="owner"))
    for model_admin in admins():
        assert client.get(page(model_admin, "changelist")).status_code == 302


def test_the_index_opens(staff):
    assert staff.get("/admin/").status_code == 200
    assert admin.site.get_app_list(_superuser(staff))
