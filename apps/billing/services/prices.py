"""What an operation costs, in credits. Rows of CreditPrice that staff set win over the defaults here."""

from decimal import ROUND_CEILING, Decimal

from django.db import transaction
from django.db.models import Q

from apps.billing.models import CreditPrice, CreditPriceChange, Operation

Unit = CreditPrice.Unit
DEFAULTS: dict[str, tuple[str, Decimal]] = {
    Operation.CLUSTERING: (Unit.PER_100_ITEMS, Decimal(1)),
    Operation.IDEA: (Unit.PER_ITEM, Decimal(1)),
    Operation.CONTENT: (Unit.PER_100_WORDS, Decimal(1)),
    Operation.IMAGE_PROMPT: (Unit.FIXED, Decimal(0)),  # part of the image's price
    Operation.IMAGE: (Unit.PER_IMAGE, Decimal(5)),
    Operation.LINKING: (Unit.FIXED, Decimal(1)),
    Operation.OPTIMIZATION: (Unit.FIXED, Decimal(5)),
}
# For an estimate, made before a provider has counted: a word of the answer with its share of the prompt.
TOKENS_PER_WORD = 2


def price_of(
    *, operation: str, items: int = 0, words: int = 0, images: int = 0, tokens: int = 0, model: str = ""
) -> int:
    """Credits for the work named: rounded up, at least 1 when anything is done and the price is not 0.

    The row of CreditPrice for `model` wins, then the one for all models, then the default. Staff's change
    holds at once: the rows are read each time, which is nothing beside the work that is priced. Raises
    LookupError for an operation that has no price (a paid keyword brings its own), ValueError for a negative
    count.
    """
    if min(items, words, images, tokens) < 0:
        raise ValueError("items, words, images and tokens are counts of 0 or more")
    row = (
        CreditPrice.objects.filter(Q(model=model) | Q(model=""), operation=operation)
        .order_by("-model")
        .values_list("unit", "credits")
        .first()
    )
    if row is None and operation not in DEFAULTS:
        raise LookupError(f"there is no price for the operation {operation}")
    unit, credits = row or DEFAULTS[operation]
    quantity = {
        Unit.FIXED: Decimal(1),
        Unit.PER_ITEM: Decimal(items),
        Unit.PER_100_ITEMS: Decimal(items) / 100,
        Unit.PER_100_WORDS: Decimal(words) / 100,
        Unit.PER_IMAGE: Decimal(images),
        Unit.PER_1000_TOKENS: Decimal(tokens or words * TOKENS_PER_WORD) / 1000,
    }[unit]
    anything = unit == Unit.FIXED or items or words or images or tokens
    if not credits or not anything:
        return 0
    return max(1, int((quantity * credits).to_integral_value(ROUND_CEILING)))


def prices_list() -> list[dict]:
    """Every price that holds: {operation, model, unit, credits, is_default, updated_at}, by operation."""
    rows = {(row.operation, row.model): row for row in CreditPrice.objects.all()}
    found = [
        {
            "operation": row.operation,
            "model": row.model,
            "unit": row.unit,
            "credits": row.credits,
            "is_default": False,
            "updated_at": row.updated_at,
        }
        for row in rows.values()
    ]
    for operation, (unit, credits) in DEFAULTS.items():
        if (operation, "") not in rows:
            found.append(
                {
                    "operation": operation.value,
                    "model": "",
                    "unit": unit,
                    "credits": credits,
                    "is_default": True,
                    "updated_at": None,
                }
            )
    return sorted(found, key=lambda price: (price["operation"], price["model"]))


def price_set(
    *, operation: str, credits: Decimal | None, unit: str = "", model: str = "", user_id: int | None = None
) -> None:
    """Sets a price, or with None takes staff's away; what changes is written down. Running work keeps its own."""
    with transaction.atomic():
        key = {"operation": operation, "model": model}
        row = CreditPrice.objects.select_for_update().filter(**key).first()
        if (row is None) == (credits is None) and (row is None or (row.unit, row.credits) == (unit, credits)):
            return
        if credits is None:
            row.delete()
        else:
            CreditPrice.objects.update_or_create(**key, defaults={"unit": unit, "credits": credits})
        CreditPriceChange.objects.create(
            **key,
            unit=unit or (row.unit if row else ""),
            credits=credits,
            old_unit=row.unit if row else "",
            old_credits=row.credits if row else None,
            user_id=user_id,
        )
