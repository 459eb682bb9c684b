import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ImproperlyConfigured

from apps.core.fields import DecryptionError, EncryptedJSONField, EncryptedTextField, decrypt, masked

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(autouse=True)
def keys(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]


def stored(value, field=EncryptedTextField):
    return field().get_prep_value(value)


def read(value, field=EncryptedTextField):
    return field().from_db_value(value, None, None)


@pytest.mark.parametrize(
    "text", ["sk-123", " ", "v1:looks encrypted", "a\x00b", "🔑 كلمة السر", "x" * 1_000_000]
)
def test_round_trip(text):
    column = stored(text)
    assert column.startswith("v1:") and column.isascii() and text not in column
    assert read(column) == text


def test_the_same_text_never_looks_the_same():
    assert stored("secret") != stored("secret")


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_stays_nothing(value):
    assert stored(value) == value and read(value) == value


def test_a_number_is_stored_as_text():
    assert read(stored(12345)) == "12345"


def test_rotation(settings):
    before = stored("secret")
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    after = stored("secret")
    assert read(before) == read(after) == "secret"
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert read(after) == "secret"
    with pytest.raises(DecryptionError):
        read(before)


def test_a_wrong_key_names_the_setting(settings):
    column = stored("secret")
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    with pytest.raises(DecryptionError, match="FIELD_ENCRYPTION_KEYS"):
        read(column)


@pytest.mark.parametrize("at", [3, 20, 60, -10])
def test_a_changed_ciphertext_is_not_read(at):
    column = stored("secret")
    changed = list(column)
    changed[at] = "A" if column[at] != "A" else "B"
    for broken in ("".join(changed), column[:-4], column[:10], "v1:", "v1:é"):
        with pytest.raises(DecryptionError):
            decrypt(broken)


def test_plain_text_in_the_column_is_not_passed_on():
    with pytest.raises(DecryptionError, match="not encrypted here"):
        read("sk-123")


@pytest.mark.parametrize("bad", [[], [""], ["short"], [OLD, "nonsense"], ["ключ"]])
def test_bad_keys_name_the_setting(settings, bad):
    settings.FIELD_ENCRYPTION_KEYS = bad
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        stored("secret")


@pytest.mark.parametrize("lookup", ["exact", "iexact", "contains", "in", "gt", "regex"])
def test_searching_is_refused(lookup):
    with pytest.raises(FieldError, match="cannot be searched"):
        EncryptedTextField().get_lookup(lookup)
    assert EncryptedTextField().get_lookup("isnull") is not None


@pytest.mark.parametrize("value", [{}, [], "", 0, False, {"user": "ä🔑", "n": [1, None, 2.5]}])
def test_json(value):
    column = stored(value, EncryptedJSONField)
    assert column.startswith("v1:")
    assert read(column, EncryptedJSONField) == value


def test_json_nothing():
    assert stored(None, EncryptedJSONField) is None and read(None, EncryptedJSONField) is None


def test_migrations_name_the_field():
    _, path, args, kwargs = EncryptedTextField(null=True).deconstruct()
    assert (path, args, kwargs) == ("apps.core.fields.EncryptedTextField", [], {"null": True})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        ("a", "••••"),
        ("abcd", "••••"),
        ("12345678", "••••"),
        ("12345abcd", "••••abcd"),
        ("sk-proj-0123456789abcd", "••••abcd"),
    ],
)
def test_masked(value, shown):
    assert masked(value) == shown
