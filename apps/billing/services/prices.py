"""What an operation costs, in credits. Rows of CreditPrice that staff set win over the defaults here."""

from decimal import ROUND_CEILING, Decimal

from django.db.models import Q

from apps.billing.models import CreditPrice, Operation

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
