"""Invoices and credit notes by mail, to the owners of the account."""

from apps.accounts.models import User
from apps.billing.models import Invoice
from apps.billing.services.pdf import invoice_pdf
from apps.core.jobs import job_start
from apps.core.mail import mail_send


def papers_queue(invoice: Invoice) -> None:
    """A job for each owner sends the issued paper once the caller's transaction is committed, once each."""
    owners = User.objects.filter(account_id=invoice.account_id, role="owner", is_active=True)
    for user_id in owners.values_list("pk", flat=True):
        job_start(
            kind="billing.paper",
            account_id=invoice.account_id,
            payload={"invoice_id": invoice.pk, "user_id": user_id},
            idempotency_key=f"billing.paper:{invoice.pk}:{user_id}",
        )


def paper_send(*, account_id: int, invoice_id: int, user_id: int) -> bool:
    """Sends it, as it stands now. False: the person is no owner any more. Raises what `mail_send` does."""
    owners = User.objects.filter(account_id=account_id, pk=user_id, role="owner", is_active=True)
    user = owners.select_related("account").first()
    papers = Invoice.objects.select_related("corrects").prefetch_related("lines")
    invoice = papers.filter(account_id=account_id, pk=invoice_id).first()
    if user is None or invoice is None:
        return False
    context = {
        "user": user,
        "invoice": invoice,
        "is_note": invoice.kind == Invoice.Kind.CREDIT_NOTE,
        "total": user.account.money(abs(invoice.total), invoice.currency),
        "due": user.account.day(invoice.due_at),
    }
    pdf = (f"{invoice.number}.pdf", invoice_pdf(invoice), "application/pdf")
    mail_send(to=user.email, template="paper", context=context, attachments=[pdf])
    return True
