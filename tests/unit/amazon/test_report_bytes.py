"""Reading report files as bytes: encodings, compression, chunks, limits."""

from __future__ import annotations

import codecs
import gzip
import zipfile
from io import BytesIO

import pytest
from tests.unit.amazon.report_fixtures.builders import ORDER_COLUMNS, all_orders, order, settlement

from theseller.amazon.reports import (
    Limits,
    ReportRefusedError,
    inspect_report,
    open_report,
    read_report,
)

_GOOD = all_orders(order())
_JAPANESE = all_orders(
    *(
        order(
            sales_channel="Amazon.co.jp",
            currency="JPY",
            product_name="木製ブラシ ステップ1 やわらかめ",
        )
        for _ in range(3)
    )
)


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (_GOOD.encode(), "utf-8"),
        (codecs.BOM_UTF8 + _GOOD.encode(), "utf-8"),
        (_GOOD.encode("utf-16"), "utf-16"),
        (_GOOD.encode("cp1252"), "cp1252"),
        (_JAPANESE.encode("cp932"), "cp932"),
        (_JAPANESE.replace("Amazon.co.jp", "").encode("cp932"), "cp932"),
        (_GOOD.replace("Amazon.de", "").encode("cp1252"), "cp1252"),
    ],
)
def test_report_encoding_is_detected_and_recorded_with_evidence(data: bytes, codec: str) -> None:
    report = read_report([data])
    assert report.inspection.encoding == codec
    assert report.inspection.encoding_evidence
    title = "木製ブラシ ステップ1 やわらかめ" if codec == "cp932" else "Bürste aus Buchenholz"
    assert {row.title for row in report.rows()} == {title}  # type: ignore[union-attr]


def test_shift_jis_report_of_a_european_store_needs_the_encoding_option() -> None:
    data = all_orders(order(product_name="木製ブラシ やわらかめ")).encode("cp932")
    found = inspect_report([data])
    assert not found.importable
    assert "--encoding" in found.advice
    assert inspect_report([data], encoding="shift_jis").importable


_UNCLEAR = all_orders(
    order(
        product_name="Caf\u00e9\u2122 \u2013 \u00ab\u00bb\u00e9\u00e8\u00e0",
        sales_channel="Non-Amazon",
    )
).encode("cp1252")


@pytest.mark.parametrize(
    ("data", "declared", "codec"),
    [
        (_UNCLEAR, "Cp1252", "cp1252"),
        (_UNCLEAR, "windows-1252", "cp1252"),
        (_UNCLEAR, "ISO-8859-1", "cp1252"),
        (
            all_orders(order(product_name="木製ブラシ やわらかめ")).encode("cp932"),
            "Shift_JIS",
            "cp932",
        ),
        (_JAPANESE.encode("cp932"), "Cp1252", "cp932"),  # A wrong label: the bytes say otherwise.
        (_GOOD.encode("cp1252"), "utf8", "cp1252"),
        (_GOOD.encode(), "Cp1252", "utf-8"),
        (_GOOD.encode(), "utf8", "utf-8"),
        (_GOOD.encode("utf-16"), "Cp1252", "utf-16"),
        (_GOOD.encode("cp1252"), "no such\0", "cp1252"),
    ],
)
def test_the_charset_that_a_document_is_served_with_decides_where_nothing_else_does(
    data: bytes, declared: str, codec: str
) -> None:
    report = read_report([data], declared=declared)
    assert report.inspection.encoding == codec


def test_document_with_unclear_encoding_and_no_charset_is_refused() -> None:
    assert not inspect_report([_UNCLEAR]).importable


def test_one_byte_damage_in_utf8_is_named_by_line() -> None:
    data = (
        all_orders(*(order() for _ in range(9))).encode().replace(b"B\xc3\xbcrste", b"B\xffrste", 1)
    )
    found = inspect_report([data])
    assert found.why_not.startswith("line 2: this is damaged UTF-8")


@pytest.mark.parametrize("encoding", ["latin-9", "no such", "utf\x008", "utf-16", "cp932x"])
def test_other_encodings_are_refused(encoding: str) -> None:
    assert not inspect_report([_GOOD.encode()], encoding=encoding).importable


def test_wrong_requested_encoding_is_refused_with_the_line_number() -> None:
    found = inspect_report([_GOOD.encode("cp1252")], encoding="utf-8")
    assert found.why_not == "line 2: this is not valid UTF-8"


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_report_is_read_alike_for_any_chunk_size_and_line_ending(size: int, end: str) -> None:
    data = all_orders(
        order(), order(sku="BRUSH-2", product_name="a\u2028b\x85c \x0b"), end=end
    ).encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    titles = [row.title for row in read_report(iter(chunks)).rows()]  # type: ignore[union-attr]
    assert titles == ["Bürste aus Buchenholz", "a\u2028b\x85c \x0b"]


def test_gzip_report_with_several_members_and_padding_is_read() -> None:
    data = _GOOD.encode()
    packed = gzip.compress(data[:100]) + gzip.compress(data[100:]) + b"\x00" * 9
    found = inspect_report(packed[at : at + 5] for at in range(0, len(packed), 5))
    assert found.importable
    assert found.compressed
    assert found.sha256 == inspect_report([data]).sha256


def test_a_callable_is_reopened_and_a_changing_file_is_noticed() -> None:
    data = [_GOOD.encode()]
    report = read_report(lambda: data)
    assert len(list(report.rows())) == 1
    data[0] = all_orders(order(quantity="9")).encode()
    with pytest.raises(ReportRefusedError, match="changed while"):
        list(report.rows())


def _zip(name: str) -> bytes:
    archived = BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(name, _GOOD)
    return archived.getvalue()


_GZIPPED = gzip.compress(all_orders(*(order(sku=f"S-{n}") for n in range(500))).encode())
_SEMICOLONS = _GOOD.replace("\t", ";").encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"  \n\n", "nothing but blanks"),
        (b"\x1a", "nothing but blanks"),
        (_zip("[Content_Types].xml"), "Excel workbook"),
        (_zip("report.txt"), "ZIP archive"),
        (b"\xd0\xcf\x11\xe0 rest", "old Excel"),
        (b"%PDF-1.7 rest", "PDF"),
        (gzip.compress(gzip.compress(_GOOD.encode())), "compressed twice"),
        (_GZIPPED[:-20], "cut off"),
        (_GZIPPED[:200] + b"\x00\xff" * 40 + _GZIPPED[280:], "damaged"),
        (b"\x1f\x8b", "cut off"),
        (b"<!DOCTYPE html><html><body>Sign in</body>", "web page"),
        (b'<?xml version="1.0"?><AmazonEnvelope/>', "XML"),
        (_SEMICOLONS, "separated by semicolons"),
        (_GOOD.replace("\t", ",").encode(), "separated by commas"),
        ("\t".join(f'"{name}"' for name in ORDER_COLUMNS).encode(), "in quotes"),
        (_GOOD.encode()[:100] + b"\x00" + _GOOD.encode()[100:], "binary data"),
        (b"\xff\xfe\x00\x00" + _GOOD.encode("utf-32-le"), "UTF-32"),
        (b"a\tb\tc\nd\te\tf\n", "support this report"),
        (b"hello", "support this report"),
        (_GOOD.split("\n")[1].encode(), "support"),
        (b"x" * 70_000, "longer than 64 KiB"),
        (b"a\t" * 300, "more than 200 columns"),
        (_GOOD.replace("\titem-price\t", "\tprice\t").encode(), "lacks the columns item-price"),
        (_GOOD.replace("\titem-tax\t", "\titem-price\t").encode(), "lacks the columns item-tax"),
        (_GOOD.replace("\tship-city\t", "\titem-tax\t").encode(), "is twice"),
        (b'{"errors": [{"code": "Unauthorized"}]}', "error message of Amazon's"),
        (b'{"reportSpec', "damaged or cut off"),
        (b"[" * 100_000, "no sales and traffic report"),
        (b'{"a":' + b"[" * 100_000, "damaged or cut off"),
        (b"settlement-id\tprice-type\tprice-amount\tother", "old flat file format"),
        (b"datum/uhrzeit;Abrechnungsnummer;Typ;Bestellnummer\n", "payments transaction report"),
        (b"amazon-order-id\tshipment-id\tbuyer-email\tbuyer-name", "holds buyers' addresses"),
    ],
)
def test_file_that_is_not_a_report_is_refused_with_advice(data: bytes, words: str) -> None:
    found = inspect_report([data])
    assert words in found.why_not
    assert found.advice
    assert not found.importable
    with pytest.raises(ReportRefusedError, match=words.replace("(", r"\(")):
        read_report([data])


def test_a_zip_bomb_stops_early() -> None:
    bomb = gzip.compress(b"\t" * (64 << 20))
    served = 0

    def chunks() -> list[bytes]:
        nonlocal served
        served += 1
        return [bomb]

    found = inspect_report(chunks)
    assert "times its size" in found.why_not
    assert served == 1
    assert found.size == 0


def test_total_size_is_capped() -> None:
    found = inspect_report([_GOOD.encode()], limits=Limits(content=300))
    assert "larger than" in found.why_not


def test_open_report_gives_text_lines() -> None:
    opened = open_report([_GOOD.encode("cp1252")])
    assert opened.encoding.codec == "cp1252"
    assert list(opened.lines()) == _GOOD.splitlines()
    assert list(opened.lines()) == _GOOD.splitlines()


def test_the_settlement_of_a_japanese_store() -> None:
    data = settlement(
        ("ItemPrice", "Principal", "1,234"),
        total="1,234",
        currency="JPY",
        store="Amazon.co.jp",
        promotion_id="春のセール",
    )
    found = inspect_report([data.encode("cp932")])
    assert found.importable, found
    assert found.encoding == "cp932"
    assert str(found.totals["JPY"]["settlement total"]) == "1234"
