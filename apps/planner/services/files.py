"""Keyword files, for those outside of planner."""

from typing import BinaryIO

from apps.accounts.models import IndustrySector
from apps.planner.keyword_files import KeywordRow, UnreadableKeywordFile, keyword_key, read_keywords
from apps.planner.models import SeedKeyword

__all__ = ["UnreadableKeywordFile", "library_ids"]


def library_ids(
    *, file: BinaryIO, name: str, industry_sector: IndustrySector, country: str | None = None
) -> list[int]:
    """The ids of the library's keywords that stand in a file, which was imported before. Raises as an import does."""
    table = read_keywords(file, name=name, country=country)
    keys = [keyword_key(row.keyword) for row in table.rows() if isinstance(row, KeywordRow)]
    library = SeedKeyword.objects.filter(industry_sector=industry_sector)
    return [
        pk
        for start in range(0, len(keys), 10_000)
        for pk in library.filter(key__in=keys[start : start + 10_000]).values_list("pk", flat=True)
    ]
