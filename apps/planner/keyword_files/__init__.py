"""Read the keyword files that users bring: exports of keyword tools, own tables, plain lists.

Pure Python, no Django. `read_keywords` opens a file and says what it is, `KeywordFile.rows()` gives one
`KeywordRow` or `Refusal` per row, `preview` is the look before the import. A file that cannot be read raises
`UnreadableKeywordFile` with a sentence that says what to do.
"""

from .cells import MAX_KEYWORD_LENGTH, CellError, keyword_key, keyword_text
from .columns import Tool, UnreadableKeywordFile
from .reader import KeywordFile, KeywordRow, Preview, Refusal, preview, read_keywords

__all__ = [
    "MAX_KEYWORD_LENGTH",
    "CellError",
    "KeywordFile",
    "KeywordRow",
    "Preview",
    "Refusal",
    "Tool",
    "UnreadableKeywordFile",
    "keyword_key",
    "keyword_text",
    "preview",
    "read_keywords",
]
