"""The parts of the product that an account has switched on."""

from django.db import transaction

from apps.accounts.models import MODULES, Account


def modules_of(*, account_id: int) -> dict[str, bool]:
    off = set(Account.objects.values_list("disabled_modules", flat=True).get(pk=account_id))
    return {name: name not in off for name in MODULES}


def modules_save(*, account_id: int, enabled: dict[str, bool]) -> dict[str, bool]:
    """Switches what is named; the rest stays. What runs already comes to its end."""
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
        off = set(account.disabled_modules)
        off = {name for name in MODULES if not enabled.get(name, name not in off)}
        if off != set(account.disabled_modules):
            account.disabled_modules = sorted(off)
            account.save(update_fields=["disabled_modules"])
    return {name: name not in off for name in MODULES}
