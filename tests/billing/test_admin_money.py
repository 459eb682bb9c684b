"""Staff in the admin: invoices, payments, prices, packages."""

import pytest
from django.core.files.base import ContentFile

from apps.billing.models import CreditPackage, CreditPriceChange, CreditUsage, Invoice, Payment
from apps.billing.services.ledger import credits_balance, credits_charge
from apps.billing.services.payments import package_purchase, payment_begin
from tests.factories import UserFactory
from tests.factories.billing import CreditPackageFactory, CreditPriceFactory, CreditUsageFactory, account_with

pytestmark = pytest.mark.django_db
URL = "/admin/billing"
LISTS = [
    "creditpackage",
    "taxrate",
    "invoice",
    "payment",
    "paymentmethod",
    "stripeevent",
    "creditpricechange",
    "creditusage",
]


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def payment() -> Payment:
    account = account_with(0)
    invoice = package_purchase(account_id=account.pk, package_id=CreditPackageFactory().pk, reference="a")
    payment = payment_begin(account_id=account.pk, invoice_id=invoice.pk, method="manual", reference="bank 7")
    payment.proof.save("proof.pdf", ContentFile(b"%PDF-1"))
    return payment


def balance(payment) -> int:
    return credits_balance(account_id=payment.account_id)["balance"]


@pytest.mark.parametrize("model", LISTS)
def test_lists_and_pages_open(staff, payment, model):
    CreditUsageFactory(account=payment.account)
    assert staff.get(f"{URL}/{model}/?q=a").status_code == 200
    page = staff.get(f"{URL}/{model}/add/").status_code
    assert page == (200 if model in ("creditpackage", "taxrate") else 403)


def test_nobody_without_the_permission_acts(client, payment):
    client.force_login(UserFactory(account=None, email="new@example.com", is_staff=True))
    for path in (
        f"payment/{payment.pk}/approve",
        f"payment/{payment.pk}/proof",
        f"invoice/{payment.invoice_id}/void",
    ):
        answer = client.post(f"{URL}/{path}/", {"_form_submitted": "True"})
        assert answer.status_code in (302, 403), path
    assert Invoice.objects.get().status == "open"
    payment.refresh_from_db()
    assert payment.status == "pending"


def test_a_transfer_is_approved_and_given_back(staff, payment):
    page = staff.get(f"{URL}/payment/{payment.pk}/change/")
    assert page.status_code == 200 and b"Approve" in page.content
    assert staff.get(f"{URL}/payment/{payment.pk}/proof/").getvalue() == b"%PDF-1"
    staff.get(f"{URL}/payment/{payment.pk}/approve/")
    assert balance(payment) == 0  # a link alone does nothing
    staff.post(f"{URL}/payment/{payment.pk}/approve/", {"_form_submitted": "True"})
    assert balance(payment) == 5000
    body = {"amount": "9.80", "reason": "a fifth", "_form_submitted": "True"}
    assert staff.post(f"{URL}/payment/{payment.pk}/refund/", body).status_code == 200
    assert balance(payment) == 4000 and Invoice.objects.filter(kind="credit_note").count() == 1
    staff.post(f"{URL}/payment/{payment.pk}/refund/", {**body, "amount": "500"})
    assert balance(payment) == 4000
    credits_charge(account_id=payment.account_id, amount=3000, operation="image", reference="spent")
    staff.post(f"{URL}/payment/{payment.pk}/refund/", {**body, "amount": "39.20"})
    page = staff.get(f"{URL}/payment/{payment.pk}/change/").content.decode()
    assert balance(payment) == 0 and "3,000 credits that it brought were spent" in page
    listed = staff.get(f"{URL}/payment/?missing=yes").content.decode()
    assert str(payment.invoice) in listed and "0 payments" not in listed
    assert (
        str(payment.invoice)
        not in staff.get(f"{URL}/payment/?missing=yes&dispute__exact=open").content.decode()
    )
    for invoice in Invoice.objects.all():
        assert staff.get(f"{URL}/invoice/{invoice.pk}/change/").status_code == 200
        assert staff.get(f"{URL}/invoice/{invoice.pk}/pdf/").content.startswith(b"%PDF-")


def test_a_transfer_is_rejected_with_a_reason(staff, payment):
    body = {"reason": "nothing came", "_form_submitted": "True"}
    assert staff.post(f"{URL}/payment/{payment.pk}/reject/", body).status_code == 200
    payment.refresh_from_db()
    assert (payment.status, payment.reason) == ("rejected", "nothing came") and balance(payment) == 0
    staff.post(f"{URL}/invoice/{payment.invoice_id}/void/", {"_form_submitted": "True"})
    assert Invoice.objects.get().status == "void"


def test_prices_set_here_have_their_history(staff):
    price = CreditPriceFactory(operation="image", credits=3)
    body = {"unit": "per_image", "credits": "7.5"}
    assert staff.post(f"{URL}/creditprice/{price.pk}/change/", body).status_code == 302
    staff.post(f"{URL}/creditprice/{price.pk}/delete/", {"post": "yes"})
    found = CreditPriceChange.objects.order_by("pk").values_list("old_credits", "credits", "user__email")
    assert list(found) == [(3, 7.5, "staff@example.com"), (7.5, None, "staff@example.com")]


def test_the_credits_of_a_usage_are_given_back(staff, payment):
    usage = CreditUsageFactory(account=payment.account, credits=3)
    body = {"reason": "it was blank", "_form_submitted": "True"}
    for _ in range(2):
        assert staff.post(f"{URL}/creditusage/{usage.pk}/refund/", body).status_code == 200
    assert balance(payment) == CreditUsage.objects.get().credits == 3


def test_a_package_is_offered(staff):
    body = {
        "name": "Big",
        "slug": "big",
        "credits": "100",
        "price": "9.00",
        "currency": "EUR",
        "is_active": "on",
    }
    assert staff.post(f"{URL}/creditpackage/add/", {**body, "currency": "euro"}).status_code == 200
    assert staff.post(f"{URL}/creditpackage/add/", body).status_code == 302
    assert CreditPackage.objects.get().valid_days is None
