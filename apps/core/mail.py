"""One mail of templates: `templates/mail/<name>.subject.txt`, `.txt` and `.html`."""

from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from apps.core.errors import AppError
from apps.core.jobs import TemporaryError


class MailRefused(AppError):
    status = 502
    code = "UPSTREAM_ERROR"


def mail_send(
    *, to: str, template: str, context: dict, attachments: list[tuple[str, bytes, str]] | None = None
) -> None:
    """Sends it now, as text and HTML; attachments are (name, content, type).

    Call it in a job, outside of any transaction. Raises TemporaryError where the mail server may take it
    later, MailRefused where it never will.
    """
    context = {"public_url": settings.PUBLIC_URL, **context}
    # Names of accounts and people stand in subjects, which are one line.
    subject = " ".join(render_to_string(f"mail/{template}.subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string(f"mail/{template}.txt", context), to=[to], attachments=attachments
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
    try:
        message.send()
    except SMTPRecipientsRefused:
        raise MailRefused("The mail server does not take mail for this address.") from None
    except SMTPResponseException as error:
        if 500 <= error.smtp_code < 600:
            raise MailRefused(f"The mail server refused the mail with {error.smtp_code}.") from None
        raise TemporaryError(
            f"The mail server answered {error.smtp_code}; it will be asked again."
        ) from error
    except (SMTPException, OSError) as error:
        raise TemporaryError("The mail server did not take the mail; it will be asked again.") from error
