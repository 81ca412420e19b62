"""Which encoding a file has: known from the cells that are kept, or the file is refused.

No text is read in wrong letters.
"""

from __future__ import annotations

import pytest
from tests.unit.amazon.report_fixtures.builders import all_orders, order, settlement

from theseller.amazon.reports import (
    AllOrdersLine,
    Inspection,
    SettlementLine,
    inspect_report,
    read_report,
)

_POLISH = ("Żółta szczotka łazienkowa", "Pościel bawełniana, gęsia", "Ręcznik kąpielowy 70×140 cm")
_CZECH = ("Dřevěný kartáč na vlasy", "Ložní povlečení žluté")
_HUNGARIAN = ("Fésű hajhoz, gyöngyház", "Törölköző kék")
_TURKISH = ("Ahşap saç fırçası", "Işıklı ayna, gümüş çerçeve", "İpek yastık kılıfı")
_CHINESE = ("木制梳子 黄色", "浴室用品套装")
_JAPANESE = ("木製ブラシ やわらかめ", "黄色いブラシ")
_KOREAN = ("나무 빗 노란색",)
_RUSSIAN = ("Щётка для волос",)
_GREEK = ("Βούρτσα μαλλιών",)
_GERMAN = ("Bürste aus Buchenholz – 3 m² groß", "Größe „L“, süß", "Café-Crème 5 €")
_FRENCH = ("Brosse à cheveux", "Œuf en bois, cœur", "Crème brûlée créée à Noël", "Théâtre d’été")
_OTHERS = (
    "¿Cepillo pequeñín? 1ª edición",
    "Escova de cabelo, coleção Nº 2",
    "Spazzola più morbida, è così",
    "Hårbørste blå",
)


def _file(*titles: str, store: str = "Amazon.de", city: str = "Berlin") -> str:
    return all_orders(
        *(
            order(product_name=title, sku=f"S-{at}", sales_channel=store, ship_city=city)
            for at, title in enumerate(titles)
        )
    )


def _titles(data: bytes, **options: str) -> list[str]:
    return [
        row.title
        for row in read_report([data], **options).rows()  # type: ignore[arg-type]
        if isinstance(row, AllOrdersLine)
    ]


@pytest.mark.parametrize(
    ("titles", "codec", "store"),
    [
        (_POLISH, "cp1250", "Amazon.pl"),
        (_POLISH[:1], "cp1250", "Amazon.pl"),
        (_POLISH[2:], "cp1250", "Amazon.pl"),
        (("pędzel",), "cp1250", "Amazon.de"),
        (("RØDE NT1", "Geburtstagszubehör", "Pre\u2013shave ™"), "cp1252", "Amazon.com"),
        (
            ("Première cuillère", "très êtes, même forêt", "Limões, irmã, João"),
            "cp1252",
            "Amazon.fr",
        ),
        (_POLISH, "cp1250", "Amazon.de"),
        ((*_POLISH, *_GERMAN[1:2]), "cp1250", "Amazon.de"),
        (_TURKISH, "cp1254", "Amazon.com.tr"),
        (_TURKISH[:1], "cp1254", "Non-Amazon"),
        ((*_TURKISH, *_GERMAN), "cp1254", "Amazon.de"),
        (_GERMAN, "cp1252", "Amazon.de"),
        (_FRENCH, "cp1252", "Amazon.fr"),
        (_FRENCH, "cp1252", "Amazon.pl"),
        (_OTHERS, "cp1252", "Amazon.com"),
        (("Crêpe",), "cp1252", "Amazon.fr"),
        (("Škoda Octavia mat",), "cp1252", "Amazon.de"),
        (_JAPANESE, "cp932", "Amazon.co.jp"),
        (_JAPANESE, "cp932", "Non-Amazon"),
        (("木製ﾌﾞﾗｼ 黄色",), "cp932", "Amazon.co.jp"),
    ],
)
def test_encoding_is_detected_from_letters_and_store(
    titles: tuple[str, ...], codec: str, store: str
) -> None:
    data = _file(*titles, store=store).encode(codec)
    assert _titles(data) == list(titles)


@pytest.mark.parametrize(
    ("titles", "codec", "store"),
    [
        (_CZECH, "cp1250", "Amazon.de"),
        (_HUNGARIAN, "cp1250", "Amazon.de"),
        (_POLISH, "iso8859-2", "Amazon.pl"),
        (_POLISH, "mac_latin2", "Amazon.pl"),
        (_POLISH, "cp852", "Amazon.pl"),
        (_CHINESE, "gbk", "Amazon.com"),
        (_CHINESE[:1], "gbk", "Amazon.de"),
        (_CHINESE, "gb18030", "Amazon.co.jp"),
        (_CHINESE[1:], "big5hkscs", "Amazon.com"),
        (_JAPANESE, "euc_jp", "Amazon.co.jp"),
        (_JAPANESE[1:], "euc_jp", "Non-Amazon"),
        (_JAPANESE, "iso2022_jp", "Amazon.co.jp"),
        (_KOREAN, "euc_kr", "Amazon.com"),
        (_RUSSIAN, "cp1251", "Amazon.de"),
        (_RUSSIAN, "koi8-r", "Amazon.com"),
        (_GREEK, "cp1253", "Amazon.de"),
        (_GERMAN[1:2], "mac_roman", "Amazon.de"),
        (_GERMAN[1:2], "cp850", "Amazon.de"),
        (_FRENCH[2:3], "cp437", "Amazon.fr"),
        (_FRENCH[1:2], "iso8859-15", "Amazon.fr"),
        (("Crêpe",), "cp1252", "Non-Amazon"),
        *((("čaj", "mačka", "dřevo")[at : at + 1], "cp1250", "Amazon.de") for at in range(3)),
        (("szőlő",), "cp1250", "Amazon.com"),
        (("brânză",), "cp1250", "Amazon.de"),
        (("fűrész",), "cp1250", "Amazon.fr"),
        (("Bürste",), "mac_roman", "Amazon.de"),
        (("niño",), "mac_roman", "Amazon.es"),
        (("А",), "cp1251", "Amazon.com"),
        (("ｶｯﾌﾟ",), "euc_jp", "Amazon.co.jp"),
        (("櫛",), "cp932", "Amazon.com"),
        (_JAPANESE, "cp932", "Amazon.de"),
    ],
)
def test_file_with_undetectable_encoding_is_refused_with_the_reason(
    titles: tuple[str, ...], codec: str, store: str
) -> None:
    found: Inspection = inspect_report([_file(*titles, store=store).encode(codec, "ignore")])
    assert not found.importable
    assert "UTF-8" in found.why_not or "ISO-2022" in found.why_not
    assert "save it as UTF-8" in found.advice


@pytest.mark.parametrize(
    "codec", ["cp1250", "cp1254", "gbk", "euc_jp", "iso2022_jp", "mac_roman", "big5"]
)
def test_a_file_whose_kept_cells_are_ascii_is_read_in_any_encoding(codec: str) -> None:
    cities = {
        "gbk": "上海市",
        "euc_jp": "東京都",
        "iso2022_jp": "東京都",
        "big5": "臺北市",
        "mac_roman": "Köln",
        "cp1254": "Iğdır",
    }
    data = _file("Plain brush", city=cities.get(codec, "Łódź")).encode(codec)
    assert _titles(data) == ["Plain brush"]
    assert "is ASCII" in inspect_report([data]).encoding_evidence or codec == "iso2022_jp"


def test_text_of_a_broken_row_counts_for_encoding_detection() -> None:
    data = _file("Plain\nPościel i gęś", city="Berlin").encode("iso8859-2")
    assert "other encoding" in inspect_report([data]).why_not


@pytest.mark.parametrize("codec", ["cp1250", "cp1254", "euc-jp", "gbk"])
def test_requested_encoding_is_used_to_read_a_report(codec: str) -> None:
    titles = {"cp1250": _CZECH, "cp1254": _TURKISH, "euc-jp": _JAPANESE, "gbk": _CHINESE}[codec]
    assert _titles(_file(*titles).encode(codec), encoding=codec) == list(titles)


def test_a_settlement_is_decided_by_the_same_rule() -> None:
    text = settlement(
        ("ItemPrice", "Principal", "19,90"),
        total="19,90",
        currency="PLN",
        store="Amazon.pl",
        promotion_id="Zniżka świąteczna",
    )
    (row,) = read_report([text.encode("cp1250")]).rows()
    assert isinstance(row, SettlementLine)
    assert row.promotion_id == "Zniżka świąteczna"
    assert not inspect_report([text.encode("iso8859-2")]).importable
    plain = settlement(("ItemPrice", "Principal", "19.90"), total="19.90", merchant_order_id="上海")
    assert inspect_report([plain.encode("gbk")]).importable


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_byte_order_mark_is_refused_by_name(codec: str) -> None:
    assert "UTF-16 without a byte order mark" in inspect_report([_file("A").encode(codec)]).why_not
