"""Differences of texts, short and long."""

import difflib

from apps.core.differences import COMPARED, unified_diff


def test_a_difference_is_that_of_difflib():
    before, after = ["a", "b", "c", "d"], ["a", "x", "c", "d", "e"]
    expected = "\n".join(difflib.unified_diff(before, after, "then", "now", lineterm=""))
    assert unified_diff(before, after, "then", "now") == expected
    assert unified_diff(before, before, "then", "now") == unified_diff([], [], "then", "now") == ""
    long = [f"line {n}" for n in range(30_000)]
    assert unified_diff(long, [*long[:9], "new", *long[10:]], "then", "now").count("\n") == 10


def test_what_is_too_long_to_compare_is_told_as_replaced():
    """Compared line by line, these take minutes."""
    count = 40_000
    assert count**2 > COMPARED
    before = ["same", *(f"line {n}" for n in range(count)), "end"]
    after = ["same", *(f"line {n * 7 % count}" for n in range(count - 1, -1, -1)), "more", "end"]
    told = unified_diff(before, after, "then", "now").splitlines()
    assert told[:3] == ["--- then", "+++ now", f"@@ -2,{count} +2,{count + 1} @@"]
    assert [line[1:] for line in told[3:] if line[0] == "-"] == before[1:-1]
    assert [line[1:] for line in told[3:] if line[0] == "+"] == after[1:-1]
