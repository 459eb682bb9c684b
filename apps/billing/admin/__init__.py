from apps.billing.admin import credits, invoices, payments

__all__ = ["credits", "invoices", "payments"]
