import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models.functions import Cast
from django.test.utils import CaptureQueriesContext, isolate_apps

from apps.core.fields import EncryptedJSONField, EncryptedTextField
from apps.core.management.commands import rotate_encryption_keys

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))

pytestmark = pytest.mark.django_db


@pytest.fixture
def vault(monkeypatch, settings):
    """A real table of its own, in a registry of its own, whose rows are written with the old key."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    with isolate_apps("apps.core") as registry:

        class Vault(models.Model):
            secret = EncryptedTextField(null=True)
            login = EncryptedJSONField(null=True)
            note = models.TextField(default="as it was")

            class Meta:
                app_label = "core"

        monkeypatch.setattr(rotate_encryption_keys, "apps", registry)
        with connection.schema_editor() as editor:
            editor.create_model(Vault)
        yield Vault


def columns(model, name):
    return list(
        model.objects.annotate(raw=Cast(name, models.TextField()))
        .order_by("pk")
        .values_list("raw", flat=True)
    )


def test_after_it_the_old_key_is_not_needed(vault, settings, capsys):
    for n in range(5):
        vault.objects.create(secret=f"secret {n} 🔑", login={"user": n})
    vault.objects.create(secret=None, login=None)
    vault.objects.create(secret="", login={})
    before = columns(vault, "secret")

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_encryption_keys", batch_size=2)
    assert capsys.readouterr().out.splitlines() == [
        "core.Vault.secret: 6 values",
        "core.Vault.login: 6 values",
    ]

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    rows = vault.objects.order_by("pk")
    assert [r.secret for r in rows] == [f"secret {n} 🔑" for n in range(5)] + [None, ""]
    assert [r.login for r in rows] == [{"user": n} for n in range(5)] + [None, {}]
    assert {r.note for r in rows} == {"as it was"}
    assert all(a != b for a, b in zip(before[:5], columns(vault, "secret")[:5], strict=True))
    assert columns(vault, "secret")[5:] == [None, ""]


def test_what_cannot_be_read_is_named_and_stays_while_the_rest_is_done(vault, settings):
    good = vault.objects.create(secret="good")
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    bad = vault.objects.create(secret="bad")
    lost = columns(vault, "secret")[1]

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    with pytest.raises(
        CommandError, match=rf"1 values.*core\.Vault\.secret of {bad.pk}\..*FIELD_ENCRYPTION_KEYS"
    ):
        call_command("rotate_encryption_keys")
    assert columns(vault, "secret")[1] == lost
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert vault.objects.get(pk=good.pk).secret == "good"


def test_the_number_of_statements_grows_with_batches_not_rows(vault):
    def statements(rows):
        vault.objects.bulk_create([vault(secret=str(n)) for n in range(rows)])
        with CaptureQueriesContext(connection) as queries:
            call_command("rotate_encryption_keys", batch_size=100)
        return len(queries)

    assert statements(5) == statements(90) < statements(90)


def test_a_batch_of_nothing():
    with pytest.raises(CommandError, match="at least 1"):
        call_command("rotate_encryption_keys", batch_size=0)


def test_queries_of_the_field_on_a_real_table(vault):
    vault.objects.create(secret="a")
    vault.objects.create(secret=None)
    assert vault.objects.filter(secret__isnull=True).count() == 1
    vault.objects.filter(secret__isnull=False).update(secret="b")
    assert list(vault.objects.order_by("pk").values_list("secret", flat=True)) == ["b", None]
    assert columns(vault, "secret")[0].startswith("v1:")
