from apps.billing.models.invoices import CreditPackage, Invoice, InvoiceLine, InvoiceSeries, TaxRate
from apps.billing.models.ledger import (
    CreditBalance,
    CreditEntry,
    CreditHold,
    CreditLot,
    CreditPrice,
    CreditPriceChange,
    CreditUsage,
    Operation,
)
from apps.billing.models.payments import Dispute, Payment, PaymentMethod, StripeCustomer, StripeEvent

__all__ = [
    "CreditBalance",
    "CreditEntry",
    "CreditHold",
    "CreditLot",
    "CreditPackage",
    "CreditPrice",
    "CreditPriceChange",
    "CreditUsage",
    "Dispute",
    "Invoice",
    "InvoiceLine",
    "InvoiceSeries",
    "Operation",
    "Payment",
    "PaymentMethod",
    "StripeCustomer",
    "StripeEvent",
    "TaxRate",
]
