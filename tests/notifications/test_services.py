import pytest
from django.db import transaction

from apps.notifications.models import Notification
from apps.notifications.services import notify
from tests.factories import AccountFactory

pytestmark = pytest.mark.django_db


def tell(account, **fields):
    notify(
        **{"account_id": account.pk, "notification_type": "system_info", "title": "T", "message": "M"}
        | fields
    )


def test_the_same_key_twice_in_an_account_is_one():
    one, two = AccountFactory(), AccountFactory()
    for account in (one, one, two):
        tell(account, key="run:1")
    tell(one)
    tell(one)
    assert Notification.objects.filter(account=one).count() == 3
    assert Notification.objects.filter(account=two).count() == 1


def test_what_is_rolled_back_was_never_told():
    account = AccountFactory()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell(account, key="run:1")
        raise ZeroDivisionError
    tell(account, key="run:1")
    assert Notification.objects.count() == 1


def test_long_texts_are_cut_and_null_characters_left_out():
    tell(
        AccountFactory(),
        title="é" * 500,
        message="a\x00b" + "🎉" * 2000,
        action_label="x" * 99,
        metadata={"n": 1},
    )
    note = Notification.objects.get()
    assert (len(note.title), len(note.message), len(note.action_label)) == (120, 1000, 60)
    assert note.message.startswith("ab🎉") and note.title.endswith("…")
    assert (note.severity, note.metadata, note.is_read) == ("info", {"n": 1}, False)


@pytest.mark.parametrize("wrong", [{"notification_type": "gossip"}, {"severity": "loud"}])
def test_unknown_words_are_refused(wrong):
    with pytest.raises(ValueError):
        tell(AccountFactory(), **wrong)
    assert not Notification.objects.exists()
