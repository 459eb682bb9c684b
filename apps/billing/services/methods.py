"""The ways to pay that an account keeps, one of them the default."""

from django.conf import settings
from django.db import transaction

from apps.accounts.models import Account
from apps.billing.clients.stripe import StripeFailed
from apps.billing.models import PaymentMethod
from apps.billing.services.stripe import customer_of, stripe_client
from apps.core.errors import NotFound


def card_add(*, account_id: int, stripe_id: str, is_default: bool) -> PaymentMethod:
    """Keeps a card that the buyer's browser gave to Stripe. Raises CardDeclined, StripeFailed."""
    with stripe_client() as client:
        card = client.card_attach(card_id=stripe_id, customer_id=customer_of(client, account_id))
    fields = {
        "brand": card.brand,
        "last4": card.last4,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
    }
    return method_add(
        account_id=account_id,
        kind=PaymentMethod.Kind.CARD,
        stripe_id=card.id,
        is_default=is_default,
        **fields,
    )


def method_add(
    *, account_id: int, kind: str, is_default: bool, stripe_id: str = "", **fields
) -> PaymentMethod:
    """A way to pay; the first one is the default. The same again is the one that is there."""
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account_id)
        method, _ = PaymentMethod.objects.update_or_create(
            account_id=account_id, kind=kind, stripe_id=stripe_id, defaults=fields
        )
        rows = PaymentMethod.objects.filter(account_id=account_id)
        if is_default or not rows.filter(is_default=True).exists():
            return method_default(account_id=account_id, method_id=method.pk)
    return method


def method_default(*, account_id: int, method_id: int) -> PaymentMethod:
    """Makes it the account's one default."""
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account_id)
        rows = PaymentMethod.objects.filter(account_id=account_id)
        rows.filter(is_default=True).exclude(pk=method_id).update(is_default=False)
        if not rows.filter(pk=method_id).update(is_default=True):
            raise NotFound("There is no such payment method.")
        return rows.get(pk=method_id)


def method_delete(*, method: PaymentMethod) -> None:
    """Forgets it, at Stripe too. The newest of the others becomes the default where it was that."""
    if method.kind == PaymentMethod.Kind.CARD and settings.STRIPE_SECRET_KEY:
        with stripe_client() as client:
            try:
                client.card_detach(card_id=method.stripe_id)
            except StripeFailed as error:
                if error.temporary:
                    raise
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=method.account_id)
        PaymentMethod.objects.filter(pk=method.pk).delete()
        left = PaymentMethod.objects.filter(account_id=method.account_id)
        newest = left.order_by("-pk").first()
        if newest and not left.filter(is_default=True).exists():
            left.filter(pk=newest.pk).update(is_default=True)
