"""Mail of templates: both forms, one line of subject, and what a mail server answers."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from smtplib import SMTPRecipientsRefused, SMTPResponseException, SMTPServerDisconnected

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.template.loader import render_to_string

from apps.accounts.models import Account
from apps.core.jobs import TemporaryError
from apps.core.mail import MailRefused, mail_send

TEMPLATES = Path(django_settings.BASE_DIR) / "templates" / "mail"
NAMES = sorted(p.name.removesuffix(".subject.txt") for p in TEMPLATES.glob("*.subject.txt"))
URL = "https://app.example.com/account/reset/?token=a%3Ab"


class Person:
    first_name = "<b>Ada</b>\n"
    email = "ada@example.com"


CONTEXT = {
    "user": Person,
    "url": URL,
    "hours": 2,
    "text": "A <b>dispute</b> & more",
    "new": "new@example.com",
    "account": {"name": "A\r\nBcc: x"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_mail_has_a_subject_text_and_html(name):
    assert {p.name for p in TEMPLATES.glob(f"{name}.*")} == {
        f"{name}.subject.txt",
        f"{name}.txt",
        f"{name}.html",
    }
    text, html = (render_to_string(f"mail/{name}.{kind}", CONTEXT) for kind in ("txt", "html"))
    assert "&lt;" not in text and "<b>" not in html and "{{" not in text + html
    assert (URL in text) == ("href" in html and "token=a%3Ab" in html)


def test_a_name_makes_no_header():
    mail_send(to="ada@example.com", template="invitation", context={**CONTEXT, "invitation": {}})
    assert mail.outbox[0].subject == "You are invited to A Bcc: x at Igny8"
    assert mail.outbox[0].message()["Bcc"] is None


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (SMTPServerDisconnected("gone"), TemporaryError),
        (ConnectionRefusedError(), TemporaryError),
        (TimeoutError(), TemporaryError),
        (SMTPResponseException(451, b"later"), TemporaryError),
        (SMTPResponseException(550, b"no"), MailRefused),
        (SMTPRecipientsRefused({}), MailRefused),
    ],
)
def test_what_is_tried_again(monkeypatch, error, raised):
    def refuse(self, messages):
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    with pytest.raises(raised):
        mail_send(to="ada@example.com", template="changed", context=CONTEXT)


@pytest.mark.parametrize(
    ("locale", "zone", "day", "time", "money"),
    [
        ("en", "UTC", "May 8, 2026", "23:30 GMT+00:00", "€1,234.50"),
        ("de", "Europe/Berlin", "9. Mai 2026", "01:30 GMT+02:00", "1.234,50\xa0€"),
        ("pt-BR", "America/Sao_Paulo", "8 de maio de 2026", "20:30 GMT-03:00", "€\xa01.234,50"),
        ("en", "UTC+5.5", "May 9, 2026", "05:00 GMT+05:30", "€1,234.50"),
        ("../x", "Mars/Olympus", "May 8, 2026", "23:30 GMT+00:00", "€1,234.50"),
    ],
)
def test_days_and_money_are_written_as_where_the_account_is(locale, zone, day, time, money):
    account, at = Account(locale=locale, timezone=zone), datetime(2026, 5, 8, 23, 30, tzinfo=UTC)
    assert (account.day(at), account.moment(at)) == (day, f"{day}, {time}")
    assert account.money(Decimal("1234.50"), "EUR") == money


@pytest.mark.django_db
def test_the_embedded_run_writes_files(settings, tmp_path, alice, run_jobs):
    from apps.accounts.services.mails import user_mail

    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    user_mail(name="verify", user=alice.user)
    assert [j.result for j in run_jobs()] == [{"sent": True}]
    (written,) = (tmp_path / "mail").iterdir()
    assert "To: alice@example.com" in written.read_text()


@pytest.mark.django_db
def test_a_mail_that_nobody_waits_for_is_not_sent(alice, run_jobs):
    from django.utils import timezone

    from apps.accounts.services.mails import user_mail

    user_mail(name="verify", user=alice.user)
    alice.user.email_verified_at = timezone.now()
    alice.user.save()
    assert [j.result for j in run_jobs()] == [{"sent": False}]
    assert not mail.outbox


@pytest.mark.django_db
def test_a_mail_server_that_is_down_is_asked_again(alice, run_jobs, monkeypatch):
    from apps.accounts.services.mails import user_mail

    def refuse(self, messages):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    user_mail(name="verify", user=alice.user)
    (job,) = run_jobs()
    assert job.state == "pending" and job.attempts == 1
