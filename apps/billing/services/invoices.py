"""Invoices and credit notes: drafted, numbered without gaps, voided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import get_currency_precision
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Account, Plan
from apps.billing.models import Invoice, InvoiceLine, TaxRate
from apps.billing.services.papers import papers_queue
from apps.core.errors import Conflict, NotFound

NEXT = """
INSERT INTO billing_invoiceseries AS s (code, last) VALUES (%s, 1)
ON CONFLICT (code) DO UPDATE SET last = s.last + 1 RETURNING last
"""
UNPAID = (Invoice.Status.DRAFT, Invoice.Status.OPEN)


@dataclass(frozen=True)
class Item:
    """A line to be billed; the fields are those of InvoiceLine."""

    kind: str
    description: str
    unit_price: Decimal
    quantity: int = 1
    credits: int = 0
    valid_days: int | None = None
    plan: Plan | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


def money(amount: Decimal, currency: str) -> Decimal:
    """Rounded half up to what the currency has: cents, or whole yen."""
    return amount.quantize(Decimal(1).scaleb(-min(2, get_currency_precision(currency))), ROUND_HALF_UP)


def invoice_draft(
    *, account_id: int, items: list[Item], currency: str, reference: str, note: str = ""
) -> Invoice:
    """A draft, with the tax of the account's country. The same reference again: the invoice that is there."""
    if found := Invoice.objects.filter(account_id=account_id, reference=reference).first():
        return found
    amounts = [money(item.unit_price * item.quantity, currency) for item in items]
    subtotal = sum(amounts, Decimal(0))
    name, percent, remark = _tax_of(Account.objects.get(pk=account_id))
    tax = money(subtotal * percent / 100, currency)
    invoice = Invoice(
        account_id=account_id,
        currency=currency,
        reference=reference,
        subtotal=subtotal,
        tax_name=name,
        tax_percent=percent,
        tax=tax,
        total=subtotal + tax,
        note=" ".join(filter(None, [note, remark]))[:300],
    )
    with transaction.atomic():
        # Who asks for the same meanwhile waits here until the first one's lines are there as well.
        Invoice.objects.bulk_create([invoice], ignore_conflicts=True)
        invoice = Invoice.objects.get(account_id=account_id, reference=reference)
        if not InvoiceLine.objects.filter(invoice=invoice).exists():
            _lines_add(invoice, items, amounts)
    return invoice


def invoice_locked(*, invoice_id: int, account_id: int | None = None) -> Invoice:
    """The invoice, locked until the transaction ends: before its payments, the series and the credits."""
    rows = Invoice.objects.select_for_update(no_key=True).filter(pk=invoice_id)
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    invoice = rows.first()
    if invoice is None:
        raise NotFound("There is no such invoice.")
    return invoice


def invoice_finalise(invoice: Invoice, *, due_at: datetime | None = None) -> Invoice:
    """Gives a locked draft its number, writes down who sells and who buys, and has it mailed to the owners.

    An issued one stays as it is.

    The number is taken in the caller's transaction: one that is rolled back leaves no gap, and the next one
    waits until it is known.
    """
    if invoice.status != Invoice.Status.DRAFT:
        return invoice
    now = timezone.now()
    is_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    prefix = settings.CREDIT_NOTE_PREFIX if is_note else settings.INVOICE_PREFIX
    invoice.series = f"{prefix}-{now:%Y}"
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [invoice.series])
        invoice.sequence = cursor.fetchone()[0]
    invoice.number = f"{invoice.series}-{invoice.sequence:06}"
    invoice.status = Invoice.Status.OPEN
    invoice.seller, invoice.buyer = _seller(), _buyer(Account.objects.get(pk=invoice.account_id))
    invoice.issued_at = now
    invoice.due_at = due_at or now + timedelta(days=settings.INVOICE_DUE_DAYS)
    invoice.save()
    papers_queue(invoice)
    return invoice


def invoice_void(invoice: Invoice) -> Invoice:
    """Voids a locked invoice that nobody paid. Raises Conflict for a paid one, which needs a credit note."""
    if invoice.status == Invoice.Status.PAID:
        raise Conflict("It is paid. Refund its payment, which makes a credit note.")
    invoice.status = Invoice.Status.VOID
    invoice.save(update_fields=["status"])
    return invoice


def credit_note_create(invoice: Invoice, *, total: Decimal, reference: str, reason: str) -> Invoice:
    """A credit note of `total`, tax included, over a locked invoice that was paid; issued at once.

    Its amounts are negative, so that all papers of a series of time sum up to what was earned.
    """
    subtotal = money(total * 100 / (100 + invoice.tax_percent), invoice.currency)
    note = Invoice.objects.create(
        account_id=invoice.account_id,
        kind=Invoice.Kind.CREDIT_NOTE,
        reference=reference,
        currency=invoice.currency,
        subtotal=-subtotal,
        tax_name=invoice.tax_name,
        tax_percent=invoice.tax_percent,
        tax=subtotal - total,
        total=-total,
        note=reason[:300],
        corrects=invoice,
    )
    line = InvoiceLine.objects.filter(invoice=invoice).first()
    item = Item(kind=line.kind, description=f"Refund of invoice {invoice.number}", unit_price=-subtotal)
    _lines_add(note, [item], [-subtotal])
    invoice_finalise(note)
    note.seller, note.buyer = invoice.seller, invoice.buyer  # as on the invoice that it corrects
    note.status, note.paid_at = Invoice.Status.PAID, note.issued_at
    note.save()
    return note


def _lines_add(invoice: Invoice, items: list[Item], amounts: list[Decimal]) -> None:
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            account_id=invoice.account_id,
            invoice=invoice,
            amount=amount,
            **vars(item) | {"unit_price": item.unit_price, "description": item.description[:300]},
        )
        for item, amount in zip(items, amounts, strict=True)
    )


def _tax_of(account: Account) -> tuple[str, Decimal, str]:
    """(name, percent, remark) for a buyer: the rate of the country, else that for all others, else none."""
    country = account.billing_country.upper()
    rate = TaxRate.objects.filter(country__in=[country, ""]).order_by("-country").first()
    if rate is None:
        return "", Decimal(0), ""
    if rate.reverse_charge and account.tax_id:
        return rate.name, Decimal(0), "Reverse charge: the buyer owes the tax."
    return rate.name, rate.percent, ""


def _seller() -> dict:
    return {
        "name": settings.INVOICE_SELLER_NAME,
        "address": [line.strip() for line in settings.INVOICE_SELLER_ADDRESS.split("|") if line.strip()],
        "tax_id": settings.INVOICE_SELLER_TAX_ID,
        "bank": settings.BANK_TRANSFER_DETAILS,
    }


def _buyer(account: Account) -> dict:
    city = " ".join(filter(None, [account.billing_postal_code, account.billing_city]))
    lines = [account.billing_line1, account.billing_line2, city, account.billing_region]
    return {
        "name": account.billing_name or account.name,
        "address": [line for line in [*lines, account.billing_country] if line],
        "tax_id": account.tax_id,
    }
