"""Better names for clusters, from a model where there is one. It never moves a keyword."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Protocol

from django.db import connection

from apps.intelligence.services import TextResult, UpstreamFailed, concurrency, is_offline, text_call

log = logging.getLogger(__name__)
BATCH = 40
MAX_BATCH = 60  # more names than an answer holds


class Named(Protocol):
    name: str
    samples: list[str]


def names_of(
    *, account_id: int, site_id: int, groups: list[Named], testing: bool = False, batch_size: int = BATCH
) -> dict:
    """Renames the groups in place, `batch_size` by one question, and returns what it cost, for a Usage.

    Without a provider the names stay: each is the most typical keyword. So they do where a provider fails, for a
    name is no reason to lose a clustering.
    """
    if not groups or is_offline(kind="text", account_id=account_id, site_id=site_id):
        return {"provider": "local"}

    def ask(batch: list[Named]) -> TextResult | None:
        clusters = [{"id": i, "keywords": group.samples} for i, group in enumerate(batch)]
        try:
            return text_call(
                function="cluster_names",
                inputs={"clusters": clusters},
                account_id=account_id,
                site_id=site_id,
                testing=testing,
            )
        except UpstreamFailed as error:
            log.warning("clusters keep the names of their keywords: %s", error)
            return None
        finally:
            connection.close()

    size = min(batch_size, MAX_BATCH)
    batches = [groups[start : start + size] for start in range(0, len(groups), size)]
    workers = concurrency(kind="text", account_id=account_id, site_ids=[site_id])
    with ThreadPoolExecutor(min(workers, len(batches))) as pool:
        answers = [
            (batch, answer) for batch, answer in zip(batches, pool.map(ask, batches), strict=True) if answer
        ]
    taken = {group.name.casefold() for group in groups}
    for batch, answer in answers:
        for item in answer.data["names"]:
            name = " ".join(item["name"].replace("\x00", "").split())
            if 0 <= item["id"] < len(batch) and name and name.casefold() not in taken:
                taken.add(name.casefold())
                batch[item["id"]].name = name
    return _usage(answer for _, answer in answers)


def _usage(answers: Iterable[TextResult]) -> dict:
    total = {"provider": "local", "model": "", "tokens_in": 0, "tokens_out": 0, "cost": Decimal(0)}
    for answer in answers:
        total["provider"], total["model"] = answer.provider, answer.model
        for name in ("tokens_in", "tokens_out", "cost"):
            total[name] += getattr(answer, name)
    return total
