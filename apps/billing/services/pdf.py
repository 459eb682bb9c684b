"""An invoice or a credit note on A4, from what was written down when it got its number."""

import unicodedata
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import pymupdf_fonts
from babel.numbers import format_currency, format_decimal
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from apps.billing.models import Invoice
from apps.core.errors import Conflict

# The main font, FiraGO, has Latin, Greek, Cyrillic, Georgian, Armenian, Hebrew, Arabic, Thai and Devanagari.
CJK = {"cjk": "notosanssc/NotoSansSC[wght].ttf", "hangul": "notosanskr/NotoSansKR[wght].ttf"}
EAST = {
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "KATAKANA-HIRAGANA",
    "FULLWIDTH",
    "HALFWIDTH",
    "IDEOGRAPHIC",
    "BOPOMOFO",
}
WIDTHS = (96, 18, 33, 33)  # mm: description, quantity, price, amount


class _Paper(FPDF):
    footer_text = ""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("main", size=8)
        self.set_text_color(110)
        self.cell(130, 5, self.footer_text)
        self.cell(0, 5, f"Page {self.page_no()} of {{nb}}", align="R")
        self.set_text_color(0)


def invoice_pdf(invoice: Invoice) -> bytes:
    """The paper of an issued invoice. Raises Conflict for one without a number."""
    if invoice.number is None:
        raise Conflict(
            "It gets its number, and can be downloaded, when it is issued: pay it, or choose a transfer."
        )
    lines = list(invoice.lines.all())
    is_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    title = "Credit note" if is_note else "Invoice"
    pdf = _Paper()
    pdf.footer_text = f"{title} {invoice.number}"
    pdf.set_title(f"{title} {invoice.number}")
    pdf.set_creation_date(invoice.issued_at)
    pdf.set_margin(15)
    pdf.set_auto_page_break(True, 20)
    with TemporaryDirectory() as folder:
        _fonts(pdf, Path(folder), _text_of(invoice, [line.description for line in lines]))
        pdf.add_page()
        _heads(pdf, invoice, title)
        _rows(pdf, invoice, lines)
        _sums(pdf, invoice)
        pdf.set_font("main", size=9)
        for text in _remarks(invoice):
            pdf.ln(3)
            pdf.multi_cell(0, 5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        return bytes(pdf.output())


def _fonts(pdf: FPDF, folder: Path, text: str) -> None:
    """Loads the fonts that the text needs: those of East Asia are large. Their package has them as bytes only."""
    for style, name in (("", "figo"), ("B", "figbo")):
        (folder / f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(name))
        pdf.add_font("main", style, folder / f"{name}.ttf")
    blocks = {unicodedata.name(c, "").split(" ")[0] for c in set(text) if ord(c) > 0x1100}
    wanted = [n for n, marks in (("cjk", EAST), ("hangul", {"HANGUL"})) if blocks & marks]
    for name in wanted:
        pdf.add_font(name, "", str(files("justmytype_intl_cjk") / "fonts" / "ofl" / CJK[name]))
    pdf.set_fallback_fonts(wanted, exact_match=False)
    pdf.set_text_shaping(True)


def _text_of(invoice: Invoice, descriptions: list[str]) -> str:
    people = [p.get(k, "") for p in (invoice.seller, invoice.buyer) for k in ("name", "tax_id", "bank")]
    addresses = [line for p in (invoice.seller, invoice.buyer) for line in p.get("address", [])]
    return " ".join([*people, *addresses, *descriptions, invoice.note])


def _heads(pdf: FPDF, invoice: Invoice, title: str) -> None:
    top = pdf.get_y()
    pdf.set_font("main", "B", 12)
    pdf.multi_cell(90, 6, invoice.seller.get("name", ""), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _party(pdf, invoice.seller)
    left = pdf.get_y()
    pdf.set_xy(110, top)
    pdf.set_font("main", "B", 18)
    pdf.cell(0, 9, title, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    facts = [("Number", invoice.number), ("Date", day_text(invoice.issued_at))]
    if invoice.corrects:
        facts += [("For invoice", invoice.corrects.number), ("of", day_text(invoice.corrects.issued_at))]
    elif invoice.status == Invoice.Status.OPEN:
        facts.append(("Due", day_text(invoice.due_at)))
    facts.append(("Status", "Refunded" if invoice.corrects else invoice.get_status_display()))
    for name, value in facts:
        pdf.set_x(110)
        pdf.set_font("main", size=9)
        pdf.cell(45, 5, name, align="R")
        pdf.set_font("main", "B", 9)
        pdf.cell(0, 5, value, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_y(max(left, pdf.get_y()) + 8)
    pdf.set_font("main", size=9)
    pdf.cell(0, 5, "Billed to", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font("main", "B", 10)
    pdf.multi_cell(110, 5.5, invoice.buyer.get("name", ""), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _party(pdf, invoice.buyer)
    pdf.ln(8)


def _party(pdf: FPDF, party: dict) -> None:
    pdf.set_font("main", size=9)
    tax_id = [f"Tax id {party['tax_id']}"] if party.get("tax_id") else []
    for line in [*party.get("address", []), *tax_id]:
        pdf.multi_cell(110, 5, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _rows(pdf: FPDF, invoice: Invoice, lines: list) -> None:
    pdf.set_font("main", size=9)
    pdf.set_draw_color(190)
    aligns = ("LEFT", "RIGHT", "RIGHT", "RIGHT")
    with pdf.table(
        col_widths=WIDTHS, text_align=aligns, borders_layout="HORIZONTAL_LINES", line_height=6, padding=1
    ) as table:
        table.row(["Description", "Quantity", "Price", "Amount"])
        for line in lines:
            table.row(
                [
                    line.description,
                    str(line.quantity),
                    amount_text(line.unit_price, invoice.currency),
                    amount_text(line.amount, invoice.currency),
                ]
            )


def _sums(pdf: FPDF, invoice: Invoice) -> None:
    pdf.ln(3)
    sums = [("Subtotal", invoice.subtotal)]
    if invoice.tax_name:
        percent = format_decimal(invoice.tax_percent, locale="en")
        sums.append((f"{invoice.tax_name} {percent} %", invoice.tax))
    for name, amount in sums:
        pdf.set_font("main", size=9)
        pdf.cell(sum(WIDTHS) - 40, 6, name, align="R")
        pdf.cell(40, 6, amount_text(amount, invoice.currency), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font("main", "B", 11)
    pdf.cell(sum(WIDTHS) - 40, 8, f"Total {invoice.currency}", align="R")
    pdf.cell(
        40, 8, amount_text(invoice.total, invoice.currency), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )


def _remarks(invoice: Invoice) -> list[str]:
    remarks = [invoice.note] if invoice.note else []
    if invoice.status == Invoice.Status.PAID and not invoice.corrects:
        remarks.append(f"Paid on {day_text(invoice.paid_at)}. Thank you.")
    elif invoice.status == Invoice.Status.OPEN and invoice.seller.get("bank"):
        remarks.append(f"Please transfer the total, naming {invoice.number}, to: {invoice.seller['bank']}")
    return remarks


def amount_text(amount: Decimal, currency: str) -> str:
    return format_currency(amount, currency, locale="en", format="#,##0.00 ¤¤", currency_digits=True)


def day_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
