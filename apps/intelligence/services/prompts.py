"""The prompts of an account: its newest version over the product's default."""

import difflib
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.core.errors import Conflict, Invalid, NotFound
from apps.intelligence.functions import BadTemplate, Function, by_prompt_type, check_template
from apps.intelligence.models import PromptVersion


def prompt_function(prompt_type: str) -> Function:
    """Raises NotFound."""
    functions = by_prompt_type()
    if prompt_type not in functions:
        raise NotFound(f"There is no such prompt; there are {', '.join(sorted(functions))}.")
    return functions[prompt_type]


def prompt_template(*, account_id: int, prompt_type: str) -> tuple[str | None, int]:
    """The account's own template that is in force with its version; (None, 0) for the default."""
    newest = PromptVersion.objects.filter(account_id=account_id, prompt_type=prompt_type)
    template, version = newest.order_by("-version").values_list("template", "version").first() or ("", 0)
    return (template, version) if template else (None, 0)


def prompt_rows(*, account_id: int, prompt_types: Iterable[str]) -> list[dict]:
    """Each prompt as it is in force: one query, however many. `version` 0 is a default that was never changed."""
    functions = by_prompt_type()
    newest = (
        PromptVersion.objects.filter(account_id=account_id, prompt_type__in=list(prompt_types))
        .order_by("prompt_type", "-version")
        .distinct("prompt_type")
    )
    rows = {row.prompt_type: row for row in newest}
    return [_row(functions[name], rows.get(name)) for name in prompt_types]


def _row(function: Function, newest: PromptVersion | None) -> dict:
    own = newest.template if newest else ""
    return {
        "prompt_type": function.prompt_type,
        "template": own or function.template,
        "default_template": function.template,
        "is_default": not own,
        "version": newest.version if newest else 0,
        "variables": list(function.variables),
        "needed_variables": list(function.needed),
        "updated_at": newest.created_at if newest else None,
    }


def prompt_save(
    *, account_id: int, prompt_type: str, template: str, user_id: int | None, version: int | None = None
) -> bool:
    """Makes `template` the newest version; False when it is in force already.

    `version` is the one that the change was made of. Raises NotFound, Invalid for a bad variable, Conflict
    when somebody saved another meanwhile.
    """
    function = prompt_function(prompt_type)
    try:
        check_template(function.name, template)
    except BadTemplate as error:
        raise Invalid("template", str(error)) from error
    # Saved as it stands by default: it goes on following the default.
    return _append(account_id, function, "" if template == function.template else template, user_id, version)


def prompt_reset(*, account_id: int, prompt_type: str, user_id: int | None) -> bool:
    """Goes back to the default; False when it is in force already. Raises NotFound, Conflict."""
    return _append(account_id, prompt_function(prompt_type), "", user_id, None)


def _append(
    account_id: int, function: Function, template: str, user_id: int | None, version: int | None
) -> bool:
    rows = versions_of(account_id=account_id, prompt_type=function.prompt_type)
    newest = rows.only("version", "template").first()
    number, now = (newest.version, newest.template) if newest else (0, "")
    if version is not None and version != number:
        raise Conflict(f"Somebody saved version {number} meanwhile. Load it, and make your change again.")
    if template == now:
        return False
    row = PromptVersion(
        account_id=account_id,
        prompt_type=function.prompt_type,
        version=number + 1,
        template=template,
        created_by_id=user_id,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("Somebody saved this prompt at the same moment. Load it, and try again.") from error
    return True


def versions_of(*, account_id: int, prompt_type: str) -> QuerySet[PromptVersion]:
    """Newest first."""
    return PromptVersion.objects.filter(account_id=account_id, prompt_type=prompt_type).order_by("-version")


def prompt_diff(*, account_id: int, prompt_type: str, old: int, new: int) -> dict:
    """What changed from version `old` to `new`, as a unified diff; 0 is the default as it is now. Raises NotFound."""
    function = prompt_function(prompt_type)
    kept = dict(
        versions_of(account_id=account_id, prompt_type=prompt_type)
        .filter(version__in=[old, new])
        .values_list("version", "template")
    )
    for number in (old, new):
        if number and number not in kept:
            raise NotFound(f"The prompt “{prompt_type}” has no version {number}.")
    before, after = (kept.get(number) or function.template for number in (old, new))
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"version {old}", f"version {new}", lineterm=""
    )
    return {
        "from_version": old,
        "to_version": new,
        "before": before,
        "after": after,
        "diff": "\n".join(lines),
    }
