"""Numbers without gaps, taxes, and the papers."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pypdf import PdfReader

from apps.accounts.models import Account
from apps.billing.models import Invoice, InvoiceSeries, TaxRate
from apps.billing.services.invoices import (
    Item,
    credit_note_create,
    invoice_draft,
    invoice_finalise,
    invoice_locked,
    invoice_void,
    money,
)
from apps.billing.services.payments import invoice_issue, payment_begin, payment_succeed
from apps.billing.services.pdf import invoice_pdf
from apps.core.errors import Conflict
from tests.billing.threads import at_once
from tests.factories import AccountFactory, UserFactory

pytestmark = pytest.mark.django_db
in_threads = pytest.mark.django_db(transaction=True)


def draft(account, reference="r", price="49.00", currency="EUR", description="Credits", **fields) -> Invoice:
    item = Item("package", description, Decimal(price), credits=5000, **fields)
    return invoice_draft(account_id=account.pk, items=[item], currency=currency, reference=reference)


def issued(account, **fields) -> Invoice:
    return invoice_issue(account_id=account.pk, invoice_id=draft(account, **fields).pk)


@in_threads
def test_numbers_have_no_gaps_whoever_fails_in_between():
    accounts = [AccountFactory() for _ in range(4)]
    drafts = [draft(account, f"r{n}") for n in range(10) for account in accounts]

    def finalise(thread):
        for n, invoice in enumerate(drafts[thread::8]):
            try:
                with transaction.atomic():
                    invoice_finalise(invoice_locked(invoice_id=invoice.pk))
                    if (thread + n) % 3 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass

    assert at_once(8, finalise) == [None] * 8
    given = Invoice.objects.exclude(number=None).order_by("sequence")
    assert 0 < len(given) < 40
    assert list(given.values_list("sequence", flat=True)) == list(range(1, len(given) + 1))
    assert given.last().number == f"INV-{timezone.now():%Y}-{len(given):06}"
    assert at_once(8, finalise) == [None] * 8
    given = Invoice.objects.exclude(number=None).order_by("sequence")
    assert list(given.values_list("sequence", flat=True)) == list(range(1, len(given) + 1))
    assert InvoiceSeries.objects.get().last == len(given)


@in_threads
def test_credit_notes_have_their_own_numbers_and_eight_pay_once():
    account = AccountFactory()
    invoices = [issued(account, reference=f"r{n}") for n in range(3)]
    payments = [
        payment_begin(account_id=account.pk, invoice_id=i.pk, method="manual", reference="x")
        for i in invoices
    ]
    results = at_once(8, lambda n: payment_succeed(payment_id=payments[n % 3].pk).status)
    assert results == ["succeeded"] * 8

    def credit(n):
        with transaction.atomic():
            invoice = invoice_locked(invoice_id=invoices[n % 3].pk)
            return credit_note_create(
                invoice, total=Decimal("1.00"), reference=f"c{n}", reason="ours"
            ).sequence

    assert sorted(at_once(8, credit)) == list(range(1, 9))
    assert sorted(Invoice.objects.filter(kind="invoice").values_list("sequence", flat=True)) == [1, 2, 3]


@in_threads
def test_the_same_reference_from_eight_is_one_invoice():
    account = AccountFactory()
    results = at_once(8, lambda _: (lambda i: (i.pk, i.lines.count()))(draft(account)))
    assert len(set(results)) == 1 and results[0][1] == 1


def test_the_database_refuses_a_second_of_a_number():
    account = AccountFactory()
    first, second = issued(account), draft(account, "r2")
    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.filter(pk=second.pk).update(series=first.series, sequence=first.sequence)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.filter(pk=second.pk).update(status="paid")


@pytest.mark.parametrize(
    ("country", "tax_id", "percent", "tax"),
    [("DE", "", "19.00", "9.31"), ("AT", "", "20.00", "9.80"), ("AT", "ATU123", "0.00", "0.00"),
     ("US", "", "0.00", "0.00"), ("", "", "0.00", "0.00"), ("de", "DE1", "19.00", "9.31")],
)  # fmt: skip
def test_tax_is_that_of_the_buyers_country(country, tax_id, percent, tax):
    TaxRate.objects.create(country="DE", percent=19)
    TaxRate.objects.create(country="AT", percent=20, reverse_charge=True)
    TaxRate.objects.create(country="", percent=0, name="Tax")
    account = AccountFactory(billing_country=country, tax_id=tax_id)
    invoice = draft(account)
    assert (invoice.tax_percent, invoice.tax) == (Decimal(percent), Decimal(tax))
    assert invoice.total == Decimal("49.00") + invoice.tax
    assert ("Reverse charge" in invoice.note) == (tax_id == "ATU123")


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [("0.005", "EUR", "0.01"), ("2.675", "USD", "2.68"), ("100.5", "JPY", "101"), ("-0.005", "EUR", "-0.01")],
)
def test_money_is_rounded_half_up_to_what_the_currency_has(amount, currency, rounded):
    assert money(Decimal(amount), currency) == Decimal(rounded)


def test_what_was_issued_stays_as_it_was(settings):
    account = AccountFactory(name="Ada", billing_line1="Street 1", billing_country="DE")
    settings.INVOICE_SELLER_NAME = "We"
    invoice = issued(account)
    Account.objects.filter(pk=account.pk).update(name="Eve", billing_line1="Street 2")
    settings.INVOICE_SELLER_NAME = "They"
    again = invoice_issue(account_id=account.pk, invoice_id=invoice.pk)
    assert (again.number, again.issued_at) == (invoice.number, invoice.issued_at)
    assert again.buyer["name"] == "Ada" and again.seller["name"] == "We"
    assert again.buyer["address"] == ["Street 1", "DE"]


def test_void_and_paid_are_ends():
    account = AccountFactory()
    open_one, paid = issued(account), issued(account, reference="free", price="0")
    assert paid.status == "paid" and paid.number
    assert invoice_void(open_one).status == "void"
    with pytest.raises(Conflict, match="Refund"):
        invoice_void(paid)
    for invoice in (open_one, paid):
        with pytest.raises(Conflict, match="nothing is to be paid"):
            payment_begin(account_id=account.pk, invoice_id=invoice.pk, method="manual")


NAMES = [
    "Ærøskøbing Straße Œuvre Žižkov",
    "Ελληνική Εταιρεία",
    "Общество «Ромашка» Її",
    "שלום חברה",
    "شركة النور",
    "株式会社かな カナ",
    "有限公司 (北京)",
    "주식회사 한글",
    "บริษัท ไทย",
    "हिन्दी कंपनी",
    "ქართული Հայերեն",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_paper_is_written_in_any_script(name, settings):
    settings.INVOICE_SELLER_NAME, settings.INVOICE_SELLER_ADDRESS = "Igny8 GmbH", "Weg 1 | 10115 Berlin"
    settings.BANK_TRANSFER_DETAILS = "IBAN DE02"
    TaxRate.objects.create(country="", percent=19)
    account = AccountFactory(name=name, billing_line1="Größe 5", tax_id="DE999")
    invoice = issued(account, description=f"Package {name}", price="1234.50")
    reader = PdfReader(BytesIO(invoice_pdf(invoice)))
    text = reader.pages[0].extract_text()
    for part in (invoice.number, "Igny8 GmbH", "10115 Berlin", "Tax id DE999", "Größe 5", "IBAN DE02"):
        assert part in text, text
    for part in ("1,234.50 EUR", "VAT 19 %", "234.56 EUR", "1,469.06 EUR", "Page 1 of 1"):
        assert part in text, text
    # Each letter has its own glyph; the box of a missing one has none of them to give back.
    found = set(text)
    if name in NAMES[:3] + NAMES[5:8]:
        assert {c for c in name if c.isalnum()} <= found, text
    assert reader.metadata.title == f"Invoice {invoice.number}"


def test_a_paper_of_many_lines_goes_on_over_pages():
    account = AccountFactory(name="a" * 120)
    items = [Item("package", f"Line {n} " + "x" * 200, Decimal(1), quantity=n) for n in range(1, 60)]
    invoice = invoice_draft(account_id=account.pk, items=items, currency="JPY", reference="r")
    invoice = invoice_issue(account_id=account.pk, invoice_id=invoice.pk)
    reader = PdfReader(BytesIO(invoice_pdf(invoice)))
    assert len(reader.pages) > 2
    assert "1,770 JPY" in reader.pages[-1].extract_text()


def test_a_paper_of_odd_texts(settings):
    account = AccountFactory(name="🎉 **bold** <b>x</b> \u202eevil\u0007", billing_line1="\ud7ff\uffff")
    invoice = issued(account, description="🎉" * 20)
    assert invoice_pdf(invoice).startswith(b"%PDF-")
    with pytest.raises(Conflict, match="number"):
        invoice_pdf(draft(account, "draft"))


def test_a_paper_goes_to_the_owners_by_mail_once(
    alice, bob, run_jobs, mailoutbox, django_capture_on_commit_callbacks
):
    UserFactory(account=alice.account, role="admin")
    UserFactory(account=alice.account, role="owner", is_active=False)
    second = UserFactory(account=alice.account, role="owner", email="second@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        invoice = issued(alice.account)
        invoice_finalise(invoice_locked(invoice_id=invoice.pk))
    second.role = "viewer"
    second.save()
    jobs = run_jobs()
    assert {(job.kind, job.state) for job in jobs} >= {("billing.paper", "succeeded")}
    [mail] = [m for m in mailoutbox if invoice.number in m.subject]
    assert mail.to == [alice.user.email] and mail.subject == f"Invoice {invoice.number}: €49.00"
    [(name, content, kind)] = mail.attachments
    assert (name, kind) == (f"{invoice.number}.pdf", "application/pdf")
    assert invoice.number in PdfReader(BytesIO(content)).pages[0].extract_text()
    assert f"over €49.00. Please pay it by {alice.account.day(invoice.due_at)}." in mail.body


def test_the_mail_says_what_became_of_it_meanwhile(alice, run_jobs, mailoutbox):
    invoice = issued(alice.account)
    payment_succeed(
        payment_id=payment_begin(account_id=alice.account.pk, invoice_id=invoice.pk, method="manual").pk
    )
    invoice.refresh_from_db()
    with transaction.atomic():
        locked = invoice_locked(invoice_id=invoice.pk)
        note = credit_note_create(locked, total=Decimal("49.00"), reference="c", reason="")
    run_jobs()
    said = {m.subject.split()[0]: m.body for m in mailoutbox if "€" in m.subject}
    assert "It is paid" in said["Invoice"] and f"It corrects invoice {invoice.number}" in said["Credit"]
    assert note.number in said["Credit"]
