"""What a check is, and the list of them."""

from collections.abc import Callable
from dataclasses import dataclass

from .page import Page

GOOD, OK, BAD = "good", "ok", "bad"
_SHARE = {GOOD: 1.0, OK: 0.5, BAD: 0.0}


@dataclass(frozen=True)
class Verdict:
    """`reason` says what was found, `advice` what to do ("" where nothing is to be done)."""

    status: str
    reason: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """`judge` returns None where the check says nothing about a page: then it counts for nothing."""

    id: str
    max: int
    judge: Callable[[Page], Verdict | None]

    def points(self, verdict: Verdict) -> int:
        return int(self.max * _SHARE[verdict.status])


CHECKS: list[Check] = []


def check(id: str, points: int):
    """Registers a check that is worth `points`, an even number; half of them for what is only ok."""

    def register(judge: Callable[[Page], Verdict | None]):
        CHECKS.append(Check(id, points, judge))
        return judge

    return register


def good(reason: str) -> Verdict:
    return Verdict(GOOD, reason)


def ok(reason: str, advice: str) -> Verdict:
    return Verdict(OK, reason, advice)


def bad(reason: str, advice: str) -> Verdict:
    return Verdict(BAD, reason, advice)


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
