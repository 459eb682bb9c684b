import codecs
import csv
import io
import tempfile
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.planner.keyword_files import (
    CellError,
    KeywordRow,
    Refusal,
    Tool,
    UnreadableKeywordFile,
    keyword_key,
    keyword_text,
    preview,
    read_keywords,
)
from apps.planner.keyword_files.cells import country_of, cpc_of, difficulty_of, intent_of, volume_of

ROOT = Path(__file__).parents[2]
REAL = ROOT / "tests/data/game-of-thrones-map_broad-match_us_2025-11-06.csv"


def read(content, name="keywords.csv", **options):
    data = content.encode() if isinstance(content, str) else content
    return read_keywords(data, name=name, **options)


def split(content, name="keywords.csv", **options):
    rows = list(read(content, name, **options).rows())
    return [r for r in rows if isinstance(r, KeywordRow)], [r for r in rows if isinstance(r, Refusal)]


def workbook(*sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# The tools


def test_real_semrush_export():
    with REAL.open("rb") as file:
        opened = read_keywords(file, name=REAL.name)
        rows = list(opened.rows())
        assert not file.closed
    assert (opened.tool, opened.encoding, opened.delimiter, opened.country) == (
        Tool.SEMRUSH_MAGIC,
        "utf-8",
        ",",
        "US",
    )
    assert opened.columns == {
        "keyword": "Keyword",
        "volume": "Volume",
        "difficulty": "Keyword Difficulty",
        "intent": "Intent",
        "cpc": "CPC (USD)",
    }
    assert len(rows) == 4048
    assert all(isinstance(row, KeywordRow) for row in rows)
    assert {row.country for row in rows} == {"US"}
    assert sum(row.volume for row in rows) == sum(
        int(line["Volume"]) for line in csv.DictReader(REAL.open(encoding="utf-8", newline=""))
    )
    assert sum(row.difficulty is None for row in rows) == 3725
    assert Counter(row.intent for row in rows) == {"": 3725, "informational": 312, "commercial": 11}
    assert not any(row.volume_is_estimate for row in rows)
    assert rows[0] == KeywordRow(
        2, "game of thrones map", 40500, False, 25, "US", "informational", Decimal("0.00")
    )


def test_real_export_twice_is_refused_once():
    data = REAL.read_bytes()
    keywords, refusals = split(data + data, REAL.name)
    assert len(keywords) == 4048
    assert Counter(r.code for r in refusals) == {"duplicate": 4048, "repeated_header": 1}
    assert refusals[1].line == 4051
    assert refusals[1].reason == "The same keyword for US stands in line 2, which was taken."


def test_the_sample_list_of_the_product():
    path = ROOT / "apps/planner/data/sample_keywords.csv"
    opened = read(path.read_bytes(), path.name)
    rows = list(opened.rows())
    assert (opened.tool, len(rows)) == (Tool.SEMRUSH_MAGIC, 243)
    assert all(isinstance(row, KeywordRow) and row.volume and row.difficulty and row.intent for row in rows)


def test_semrush_magic_with_columns_missing():
    opened = read("Keyword,Volume\nespresso,10\n", "espresso_broad-match_uk_2026-05-01 (1).csv")
    assert (opened.tool, opened.country) == (Tool.SEMRUSH_MAGIC, "GB")
    assert next(opened.rows()).country == "GB"


def test_semrush_country_can_be_overruled():
    name = "espresso_broad-match_us_2026-05-01.csv"
    keywords, _ = split("Keyword,Volume\nespresso,10\n", name, country="UK")
    assert keywords[0].country == "GB"
    with pytest.raises(CellError, match="Atlantis"):
        read("Keyword\nespresso\n", country="Atlantis")


def test_semrush_api():
    text = (
        "database;Keyword;Search Volume;Keyword Difficulty Index;Intent\r\n"
        "us;espresso;201000;81;1,0\r\nuk;latte;90500;;3\r\nuk;mocha;1;2;7\r\n"
    )
    opened = read(text)
    rows = list(opened.rows())
    assert (opened.tool, opened.delimiter) == (Tool.SEMRUSH_API, ";")
    assert rows[0] == KeywordRow(2, "espresso", 201000, False, 81, "US", "informational", None)
    assert rows[1] == KeywordRow(3, "latte", 90500, False, None, "GB", "transactional", None)
    assert (rows[2].line, rows[2].keyword, rows[2].code) == (4, "mocha", "bad_intent")


def test_ahrefs_utf16():
    header = (
        "#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tCPS\tParent Keyword\tLast Update\tSERP Features\t"
        "Global volume\tTraffic potential\tIntents"
    )
    row = '1\tcold brew\tus\t42\t12000\t1.20\t0.9\tcold brew\t2026-01-02\t"Image\nVideo"\t99000\t500\t{}'
    text = "\n".join(
        [
            header,
            row.format("Branded,Informational"),
            "2\tfrench press\tus\t\t\t\t\t\t\t\t7000\t\tNon-branded, Local",
        ]
    )
    opened = read(text.encode("utf-16"), "google_us_cold-brew_matching-terms.csv")
    assert (opened.tool, opened.encoding, opened.delimiter) == (Tool.AHREFS, "utf-16", "\t")
    assert opened.columns["volume"] == "Volume"
    assert list(opened.rows()) == [
        KeywordRow(2, "cold brew", 12000, False, 42, "US", "informational", Decimal("1.20")),
        KeywordRow(4, "french press", None, False, None, "US", "", None),
    ]


def test_ahrefs_global_volume_is_not_the_volume():
    keywords, _ = split("#,Keyword,Country,Difficulty,Global volume\n1,latte,us,3,900\n")
    assert keywords[0].volume is None


def test_google_keyword_planner():
    text = (
        "Keyword Stats 2026-05-11 at 10_22_13\nMay 1, 2025 - April 30, 2026\n"
        "Keyword\tCurrency\tAvg. monthly searches\tThree month change\tCompetition\t"
        "Competition (indexed value)\tSearches: May 2025\n"
        "coffee grinder\tEUR\t1K – 10K\t0%\tHigh\t100\t\n"
        "hand grinder\tEUR\t500\t\tLow\t3\t500\n"
        "burr grinder\tEUR\t40500\t\tLow\t3\t40500\n"
        "no data\tEUR\t\t\t\t\t\n"
    )
    opened = read(text.encode("utf-16"), "Keyword Stats.csv")
    assert (opened.tool, opened.columns) == (
        Tool.GOOGLE_KEYWORD_PLANNER,
        {"keyword": "Keyword", "volume": "Avg. monthly searches"},
    )
    rows = list(opened.rows())
    assert [(r.line, r.volume, r.volume_is_estimate, r.difficulty) for r in rows] == [
        (4, 3162, True, None),
        (5, 500, True, None),
        (6, 40500, False, None),
        (7, None, False, None),
    ]


def test_search_console():
    opened = read("Top queries,Clicks,Impressions,CTR,Position\npour over,12,340,3.5%,8.1\n", "Queries.csv")
    assert (opened.tool, opened.columns["volume"]) == (Tool.SEARCH_CONSOLE, "Impressions")
    assert list(opened.rows()) == [KeywordRow(2, "pour over", 340, True, None, None, "", None)]
    assert "Impressions stand in" in opened.notes[0]


@pytest.mark.parametrize("header", ["keyword", "Keywords", "QUERY", "search term", "Phrase", "\ufeffKeyword"])
def test_generic_keyword_columns(header):
    opened = read(f"{header}\nlatte\n")
    assert (opened.tool, [r.keyword for r in opened.rows()]) == (Tool.GENERIC, ["latte"])


def test_generic_columns():
    header = "Country;Search term;Monthly searches;KD %;Search intent;Avg. CPC (EUR)"
    text = f"{header}\nGermany;latte;1.200;12,4;C;€ 1,30\n"
    assert split(text)[0] == [KeywordRow(2, "latte", 1200, False, 12, "DE", "commercial", Decimal("1.30"))]


# Encodings, delimiters, shapes

TEXT = "Keyword,Volume\ncafé crème à la maison,100\nmachine à café,20\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8-sig"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("cp1252"), "cp1252"),
    ],
)
def test_encodings(data, encoding):
    opened = read(data)
    assert opened.encoding == encoding
    assert bool(opened.notes) == (encoding == "cp1252")
    assert [r.keyword for r in opened.rows()] == ["café crème à la maison", "machine à café"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("żółta kawa ziarnista na wagę\nekspres ciśnieniowy\n", "cp1250"),
        ("кофе в зернах\nкофемашина\n", "cp1251"),
        ("コーヒー豆\nエスプレッソマシン\n", "shift_jis"),
        ("咖啡机\n咖啡豆推荐\n", "gb18030"),
        ("kahve makinesi önerisi ışık şeker\n", "cp1254"),
    ],
)
def test_other_code_pages_are_not_guessed(text, encoding):
    with pytest.raises(UnreadableKeywordFile, match="Save it as CSV UTF-8"):
        read(("Keyword\n" + text).encode(encoding))


def test_a_late_broken_character_refuses_its_row_only():
    good = "".join(f"café {n}\n" for n in range(20_000)).encode()
    keywords, refusals = split(b"Keyword\n" + good + b"th\xe9\n")
    assert len(keywords) == 20_000
    assert [(r.line, r.code) for r in refusals] == [(20_002, "bad_encoding")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_quotes_and_preamble(delimiter):
    out = io.StringIO()
    rows = [
        ["My report"],
        [],
        ["Keyword", "Volume", "Notes"],
        ["a, b; c\td", "1", 'two\nlines "x"'],
        ["e", "2", ""],
    ]
    csv.writer(out, delimiter=delimiter).writerows(rows)
    opened = read(out.getvalue())
    assert opened.delimiter == delimiter
    assert [(r.line, r.keyword, r.volume) for r in opened.rows()] == [(4, "a, b; c d", 1), (6, "e", 2)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(newline):
    keywords, _ = split(newline.join(["sep=;", "Keyword;Volume", "latte;1", "", ";", "mocha;2"]))
    assert [(k.line, k.keyword) for k in keywords] == [(3, "latte"), (6, "mocha")]


def test_plain_list():
    opened = read(
        'plumber austin, tx\nplumber dallas, tx\n"phrase match"\n15" monitor\n"open\n[exact]\nkeyword\n'
    )
    assert (opened.tool, opened.delimiter, opened.columns) == (Tool.GENERIC, None, {"keyword": ""})
    assert [r.keyword for r in opened.rows()] == [
        "plumber austin, tx",
        "plumber dallas, tx",
        "phrase match",
        '15" monitor',
        '"open',
        "[exact]",
        "keyword",
    ]


def test_one_column_with_header_keeps_commas():
    keywords, refusals = split('Keyword\nparis, texas\n"rome, italy"\n"over two\nlines"\n')
    assert [k.keyword for k in keywords] == ["paris, texas", "rome, italy", "over two lines"]
    assert not refusals


def test_header_only_has_no_rows():
    assert list(read("Keyword,Volume\n").rows()) == []


def test_xlsx():
    data = workbook(
        [["Some text", "more"]],
        [
            ["Coffee report"],
            [],
            ["Keyword", "Volume", "KD", "CPC"],
            ["latte", 1200, 31.5, 0.7],
            [2025, 12.345, None, None],
            [date(2025, 3, 1), 5, None, None],
            ["mocha", "1,300", "n/a", "-"],
            ["flat white", -5, None, None],
            [None, None, None, None],
            [None, 7, None, None],
        ],
    )
    opened = read(data, "report.xlsx")
    rows = list(opened.rows())
    assert (opened.encoding, opened.delimiter) == (None, None)
    assert opened.headers == ("Keyword", "Volume", "KD", "CPC")
    assert opened.notes == ("Only the sheet “Sheet 2” was read, not Sheet 1.",)
    assert rows[0] == KeywordRow(4, "latte", 1200, False, 32, None, "", Decimal("0.70"))
    assert (rows[1].keyword, rows[1].volume) == ("2025", 12)
    assert (rows[3].keyword, rows[3].volume, rows[3].difficulty) == ("mocha", 1300, None)
    assert [(r.line, r.code) for r in rows if isinstance(r, Refusal)] == [
        (6, "not_text"),
        (8, "bad_volume"),
        (10, "empty_keyword"),
    ]
    assert list(opened.rows()) == rows


def test_xlsx_list_without_header():
    keywords, _ = split(workbook([[None, "latte"], [None, "mocha"]]), "list.xlsx")
    assert [(k.line, k.keyword) for k in keywords] == [(1, "latte"), (2, "mocha")]


def test_files_of_all_kinds_stay_open():
    with tempfile.TemporaryFile() as file:
        file.write(b"Keyword\nlatte\n")
        assert [r.keyword for r in read_keywords(file, name="x").rows()] == ["latte"]
        assert not file.closed
    pipe = io.BufferedReader(
        type("Pipe", (io.BytesIO,), {"seekable": lambda self: False})(b"Keyword\nlatte\n")
    )
    assert [r.keyword for r in read_keywords(pipe, name="x").rows()] == ["latte"]


# Files that cannot be read


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file is empty"),
        (codecs.BOM_UTF8 + b" \r\n\t\n", "file is empty"),
        (b"name,amount\nlatte,1\nmocha,2\n", "the columns seen are “name”, “amount”"),
        (b"latte;100\nmocha;200\n", "Name the column of the keywords “Keyword”"),
        (bytes(range(256)) * 20, "not a text file"),
        (b"\x00\x01\x02" * 50, "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\xf4", "not a text file"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'[{"keyword": "latte"}]', "JSON"),
        (b"%PDF-1.7\n", "document"),
        (OLE, "old .xls kind"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (zipped(Queries="Top queries\nlatte\n"), "Unpack it"),
        (zipped(xl__workbook_xml="<broken"), "workbook is damaged"),
        (b"PK\x03\x04 and nothing more", "workbook is damaged"),
        (workbook([]), "workbook is empty"),
        (workbook([["name", "amount"], ["latte", 1]]), "the columns seen are “name”, “amount”"),
    ],
)
def test_unreadable(data, message):
    with pytest.raises(UnreadableKeywordFile, match=message):
        read(data)


def test_size_limit():
    with pytest.raises(UnreadableKeywordFile, match=r"at most 1\.0 MB are read"):
        read(b"Keyword\n" + b"latte\n" * 200_000, limit_bytes=1024**2)


def test_zip_bomb():
    bomb = zipped(xl__workbook_xml="<workbook/>", xl__worksheets__sheet1_xml="0" * 30_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableKeywordFile, match="unpacks to 29 MB"):
        read(bomb)


def test_damage_inside_a_workbook_is_told():
    data = bytearray(workbook([["Keyword"], *([f"keyword {n}"] for n in range(5000))]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        offset = archive.getinfo("xl/worksheets/sheet1.xml").header_offset
    data[offset + 5000 : offset + 5200] = bytes(200)
    with pytest.raises(UnreadableKeywordFile, match="workbook is damaged"):
        list(read(bytes(data)).rows())


# Rows that are refused


@pytest.mark.parametrize(
    ("row", "code", "reason"),
    [
        (",100,,,,", "empty_keyword", "empty"),
        ("\u200b\u00a0,100,,,,", "empty_keyword", "empty"),
        ("x" * 501 + ",,,,,", "too_long", "501 characters"),
        ("la\x00tte,1,,,,", "control_characters", "U+0000"),
        ("la\x1btte,1,,,,", "control_characters", "U+001B"),
        ("latte,many,,,,", "bad_volume", "“many” is not a number"),
        ("latte,-5,,,,", "bad_volume", "“-5”"),
        ("latte,99999999999,,,,", "bad_volume", "over 2,147,483,647"),
        ("latte,1,101,,,", "bad_difficulty", "from 0 to 100"),
        ("latte,1,-1,,,", "bad_difficulty", "“-1”"),
        ("latte,1,hard,,,", "bad_difficulty", "“hard”"),
        ("latte,1,5,Atlantis,,", "bad_country", "“Atlantis” is not known"),
        ("latte,1,5,us,buying,", "bad_intent", "“buying”"),
        ("latte,1,5,us,,free", "bad_cpc", "“free”"),
        ("hot, sweet latte,1,5,us,,1", "too_many_cells", "7 cells, the header 6"),
        ("Keyword,Volume,KD,Country,Intent,CPC", "repeated_header", "repeats the header"),
    ],
)
def test_refusals(row, code, reason):
    keywords, refusals = split(f"Keyword,Volume,KD,Country,Intent,CPC\nfirst,1,,,,\n{row}\nlast,1,,,,\n")
    assert [k.keyword for k in keywords] == ["first", "last"]
    assert [(r.line, r.code) for r in refusals] == [(3, code)]
    assert reason in refusals[0].reason
    assert len(refusals[0].keyword) <= 100
    assert "\x00" not in refusals[0].keyword + refusals[0].reason


@pytest.mark.parametrize(
    "keyword", ["كيف أصنع القهوة", "☕ emoji 👩‍🍳", "=1+1", "c++", "x" * 500, "C# vs. F#", "קפה"]
)
def test_unusual_keywords_are_taken(keyword):
    keywords, refusals = split(f"Keyword,Volume\n{keyword},1\n")
    assert ([k.keyword for k in keywords], refusals) == ([keyword], [])


def test_a_quotation_mark_that_is_not_closed_is_told():
    lines = ["Keyword,Volume,Notes", 'a,1,"open', "b,2,x", "c,3,y", 'd,4,"closed"', "e,5,"]
    keywords, refusals = split("\n".join(lines))
    assert [k.keyword for k in keywords] == ["e"]
    assert [(r.line, r.code) for r in refusals] == [(2, "unclosed_quote")]
    assert "Lines 2 to 5" in refusals[0].reason


@pytest.mark.parametrize(
    ("lines", "swallowed"),
    [
        (["Keyword,Volume", '"latte,1', "mocha,2"], "Lines 2 to 3"),  # up to the end of the file
        (["Keyword,Volume", '"latte,1', "mocha,2", '"flat white",3', "cortado,4"], "Lines 2 to 4"),
        (["Keyword", '"latte', "mocha"], "Lines 2 to 3"),
    ],
)
def test_a_quotation_mark_that_is_not_closed_is_told_with_few_columns(lines, swallowed):
    keywords, refusals = split("\n".join(lines))
    assert [k.keyword for k in keywords] == ["cortado"] * (len(lines) == 5)
    assert [(r.line, r.code) for r in refusals] == [(2, "unclosed_quote")]
    assert swallowed in refusals[0].reason


def test_quoted_cells_over_several_lines_are_no_open_ones():
    keywords, refusals = split('Keyword,Volume\n"latte\nart ""at home""",5\n"5"" \npan",7\nmocha,1\n')
    assert [(k.keyword, k.volume) for k in keywords] == [
        ('latte art "at home"', 5),
        ('5" pan', 7),
        ("mocha", 1),
    ]
    assert refusals == []


def test_a_huge_cell_does_not_stop_the_file():
    text = 'Keyword,Volume\n"never closed,1\n' + "latte and more words,1\n" * 20_000
    keywords, refusals = split(text)
    assert refusals[0].code == "unclosed_quote"
    assert [k.keyword for k in keywords] == ["latte and more words"]
    told = 20_002 - len(keywords) - Counter(r.code for r in refusals)["duplicate"]
    assert refusals[0].reason.startswith(f"Lines 2 to {told} ")


# Cells


@pytest.mark.parametrize(
    ("cell", "volume", "estimate"),
    [
        *((cell, None, False) for cell in ("", " ", "-", "–", "n/a", "N/A", "#N/A", "null", None)),
        *((cell, 0, False) for cell in ("0", 0, "0.0", 0.4)),
        *(
            (cell, 40500, False)
            for cell in ("40500", "40,500", "40.500", "40 500", "40\u202f500", "40'500", "40’500")
        ),
        *(
            (cell, 1234567, False)
            for cell in ("1,234,567", "1.234.567", "12,34,567", "1 234 567", "1,234,567.00")
        ),
        *((cell, 1235, False) for cell in ("1,234.50", "1.234,5", "1234.5", "1234,5", 1234.5)),
        *((cell, 1200, False) for cell in ("1.2K", "1,2k", "1.2 k", "1200.0", 1200, 1200.0, "١٢٠٠")),
        *((cell, 2_500_000, False) for cell in ("2.5M", "2.5m")),
        *(
            (cell, 3162, True)
            for cell in ("1K – 10K", "1K - 10K", "1K–10K", "1,000-10,000", "1K to 10K", "1K — 10K")
        ),
        ("100 – 1K", 316, True),
        ("100K – 1M", 316228, True),
        ("10-100", 32, True),
        ("0 – 10", 3, True),
        ("<10", 3, True),
        ("10+ ", 10, True),
        (">10K", 10000, True),
        ("~500", 500, True),
    ],
)
def test_volume(cell, volume, estimate):
    assert volume_of(cell) == (volume, estimate)


@pytest.mark.parametrize(
    "cell",
    ["-5", -5, "1e5", "10K – 1K", "1,23,4", "1.200K", "abc", "1K – ", "10²", True, "9" * 5000, "5,0,0"],
)
def test_bad_volume(cell):
    volume_of(1)  # what was read before must not answer for True
    with pytest.raises(CellError) as error:
        volume_of(cell)
    assert error.value.code == "bad_volume"
    assert len(error.value.reason) < 150


def test_difficulty():
    assert [difficulty_of(c) for c in ("", "-", "0", "45", "45%", "45/100", "44,5", 100, None)] == [
        *(None, None, 0, 45, 45, 45, 45, 100, None)
    ]


def test_cpc():
    cells = ("", "0.73", "0,73", "$1,234.50", "€ 1,20", "1.20 USD", "EUR 2", 0.7, "1.2345")
    assert [cpc_of(c) for c in cells] == [
        None,
        *(Decimal(c) for c in ("0.73", "0.73", "1234.50", "1.20", "1.20", "2.00", "0.70", "1.23")),
    ]


def test_country():
    cells = ("", "us", "UK", "GB", "USA", "United Kingdom", "mobile-us", "deu", "Türkiye", "na", "n/a", None)
    assert [country_of(c) for c in cells] == [
        *(None, "US", "GB", "GB", "US", "GB", "US", "DE", "TR", "NA", None, None)
    ]


@pytest.mark.parametrize("cell", ["EU", "ZZ", "XX", "world", "419", "us,uk"])
def test_bad_country(cell):
    with pytest.raises(CellError, match="is not known"):
        country_of(cell)


def test_intent():
    assert intent_of("Commercial, Informational") == "commercial"
    assert intent_of("Non-branded; Navigational") == "navigational"
    assert [intent_of(c) for c in ("", "N/A", "Branded", "T", "Informativo")] == [
        *("", "", "", "transactional", "informational")
    ]
    assert [intent_of(c, codes=True) for c in "0123"] == [
        *("commercial", "informational", "navigational", "transactional")
    ]


# Identity


def test_keyword_text_keeps_what_was_typed():
    assert keyword_text(" What’s  the\u00a0“Best”\nCoffee? ") == 'What\'s the "Best" Coffee?'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cold  Brew", "cold brew"),
        ("what’s this", "what's this"),
        ("“latte”", '"latte"'),
        ("ｌａｔｔｅ", "latte"),
        ("STRASSE", "straße"),
        ("cafe\u0301", "café"),
        ("cold\u200b brew", "cold brew"),
    ],
)
def test_one_identity(one, other):
    assert keyword_key(one) == keyword_key(other)
    keywords, refusals = split(
        f'Keyword\n"{one.replace(chr(34), chr(34) * 2)}"\n"{other.replace(chr(34), chr(34) * 2)}"\n'
    )
    assert (len(keywords), [r.code for r in refusals]) == (1, ["duplicate"])


@pytest.mark.parametrize(
    ("volumes", "taken"),
    [
        (["10", "20"], 3),
        (["20", "10"], 2),
        (["20", "20"], 2),
        (["", "0"], 3),
        (["1K – 10K", "5"], 3),
        (["5", "1K – 10K"], 2),
        (["", "10+"], 3),
        (["10 – 100", "1K – 10K"], 3),
        (["5", "7", "6", "1M – 10M"], 3),
    ],
)
def test_the_better_duplicate_stays(volumes, taken):
    text = "Keyword;Volume\n" + "".join(
        f"{'Cold Brew' if n % 2 else 'cold  brew'};{volume}\n" for n, volume in enumerate(volumes)
    )
    keywords, refusals = split(text)
    assert [k.line for k in keywords] == [taken]
    assert [r.line for r in refusals] == [n for n in range(2, len(volumes) + 2) if n != taken]
    assert all(f"line {taken}," in r.reason for r in refusals)


def test_another_country_is_another_keyword():
    keywords, refusals = split("Keyword,Country\nlatte,us\nlatte,uk\nlatte,GB\nlatte,\n", country="US")
    assert [(k.line, k.country) for k in keywords] == [(2, "US"), (3, "GB")]
    assert [r.line for r in refusals] == [4, 5]


# Preview


def test_preview():
    text = "Keyword,Volume\n" + "".join(f"keyword {n},{n}\n" for n in range(50)) + "keyword 1,5\n,5\nx,y\n"
    shown = preview(text.encode(), "list.csv", 3)
    assert [r.keyword for r in shown.sample] == ["keyword 0", "keyword 2", "keyword 3"]
    assert shown.problem_counts == {"duplicate": 1, "empty_keyword": 1, "bad_volume": 1}
    assert [p.line for p in shown.problems] == [3, 53, 54]
    assert (shown.keywords, shown.checked, shown.total) == (50, 53, 53)
    assert shown.headers == ("Keyword", "Volume")


def test_columns_that_stand_twice_are_told():
    shown = preview(b"Keyword,Volume,keyword,Search volume,Notes,Notes\nlatte,5,mocha,6,x,y\n", "list.csv")
    assert shown.notes == ("The column “Keyword” stands 2 times; the first was read.",)
    assert [(r.keyword, r.volume) for r in shown.sample] == [("latte", 5)]


def test_preview_counts_more_than_it_checks():
    opened = read("Keyword\n" + "".join(f"keyword {n}\n" for n in range(100)))
    shown = opened.preview(within=10)
    assert (shown.keywords, shown.checked, shown.total) == (10, 10, 100)


# Any Unicode

KEYWORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd"), max_size=60)


@given(
    st.lists(st.tuples(KEYWORDS, st.integers(0, 2**31 - 1)), max_size=20),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_round_trip(rows, delimiter, encoding):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([("Keyword", "Volume"), *rows])
    got = list(read(out.getvalue().encode(encoding)).rows())
    assert len(got) == len(rows)
    best: dict[str, int] = {}
    for (keyword, volume), row in zip(rows, got, strict=True):
        try:
            text = keyword_text(keyword)
        except CellError as error:
            assert isinstance(row, Refusal) and row.code == error.code == "empty_keyword"
            continue
        key = keyword_key(text)
        best[key] = max(best.get(key, 0), volume)
        assert (isinstance(row, Refusal) and row.code == "duplicate") or (row.keyword, row.volume) == (
            text,
            volume,
        )
    assert {keyword_key(r.keyword): r.volume for r in got if isinstance(r, KeywordRow)} == best


@given(st.text(max_size=40))
def test_keys_are_stable(text):
    key = keyword_key(text)
    assert keyword_key(key) == key
    try:
        taken = keyword_text(text)
    except CellError:
        return
    assert keyword_text(taken) == taken
    assert keyword_key(taken) == key != ""


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        rows = list(read_keywords(data, name="x.csv").rows())
    except UnreadableKeywordFile as error:
        assert str(error).endswith(".")
    else:
        assert all(r.keyword or isinstance(r, Refusal) for r in rows)
