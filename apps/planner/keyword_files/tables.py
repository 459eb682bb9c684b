"""The table in a file of any kind."""

import io
from typing import BinaryIO

from .columns import UnreadableKeywordFile
from .delimited import SAMPLE_BYTES, TextTable, text_table
from .workbooks import SheetTable, sheet_table


def open_table(file: BinaryIO, limit_bytes: int) -> TextTable | SheetTable:
    """The table in a seekable binary `file` that must stay open as long as its rows are read.

    Raises UnreadableKeywordFile.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(SAMPLE_BYTES)
    if size > limit_bytes:
        raise UnreadableKeywordFile(
            f"The file has {size / 1024**2:,.1f} MB; at most {limit_bytes / 1024**2:,.1f} MB are read. "
            "Split it into smaller files."
        )
    if not start.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise UnreadableKeywordFile("The file is empty. Export the keywords again and upload that file.")
    if start.startswith(b"PK\x03\x04"):
        return sheet_table(file)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        file.seek(0)
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise UnreadableKeywordFile(
                "The workbook is protected by a password. Save it without a password and upload it again."
            )
        raise UnreadableKeywordFile(
            "This is a workbook of the old .xls kind. Save it as .xlsx or as CSV UTF-8 and upload that file."
        )
    return text_table(file, start, size)
