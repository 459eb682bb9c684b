"""Staff look at what accounts set; secrets are not shown."""

import pytest

from tests.architecture.world import make_world
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "name",
    [
        "system/contentsettings",
        "system/authorprofile",
        "intelligence/providersettings",
        "intelligence/promptversion",
        "notifications/notificationpreference",
    ],
)
def test_pages_open_read_only_and_without_the_key(client, name):
    world = make_world("Bob")
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    row = next(r for r in world.rows if f"{r._meta.app_label}/{r._meta.model_name}" == name)
    key = "sk-secret-key-of-bob-tail"
    if name.endswith("providersettings"):
        row.api_key, row.model = key, "m"
        row.save()
    for path in (f"/admin/{name}/", f"/admin/{name}/?q=bob", f"/admin/{name}/{row.pk}/change/"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert key not in answer.content.decode()
    if name.endswith("providersettings"):
        assert "••••tail" in answer.content.decode()
    assert client.get(f"/admin/{name}/add/").status_code == 403
    assert client.post(f"/admin/{name}/{row.pk}/change/", {}).status_code == 403
    assert client.get("/admin/system/heartbeat/").status_code == 200
