"""Files of every kind, changed at random, whose unread columns hold canaries.

The same files for the same seed.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.unit.amazon.report_fixtures.builders import (
    BY_ORDER_DATE_COLUMNS,
    DROPPED,
    ORDER_COLUMNS,
    SETTLEMENT_COLUMNS,
    all_orders,
    order,
    settlement,
    traffic,
)
from tests.unit.amazon.report_fixtures.business_reports import NAMES, business_csv
from tests.unit.amazon.report_fixtures.lookalikes import BUSINESS, OTHERS, TRANSACTIONS, table
from tests.unit.amazon.report_fixtures.transactions import transactions

_CELLS = (
    "ZZQ1CELL",
    "Quixville",
    "saint-quixville",
    "Erika Quixmann",
    "quix@example.org",
    "PO Quix 4711",
    "12345 Quixstadt",
    "quix-name",
)
#: Any of them, also where an output folds case or changes separators.
CANARY = re.compile(r"zzq1|quix", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed file.

    `moved`: cells may be below another column's name, so what is kept of it may be any cell.
    """

    number: int
    data: bytes
    moved: bool
    what: str


def _seed_texts(chance: random.Random) -> str:
    """Return the text of one unchanged file with canaries in every column that is not read."""
    pick = chance.choice
    kind = chance.randrange(12)
    if kind > 9:
        return _business_text(chance, by_date=kind == 10)
    if kind < 4:
        columns = [
            *pick((ORDER_COLUMNS, BY_ORDER_DATE_COLUMNS)),
            *pick(((), ("buyer-name", "gift-message"), ("quix-column",))),
        ]
        hidden = [*DROPPED.split(), "buyer-name", "gift-message", "quix-column"]
        stores = pick(
            (
                ("Amazon.de", "EUR"),
                ("Amazon.co.jp", "JPY"),
                ("Amazon.com", "USD"),
                ("Amazon.in", "INR"),
            )
        )
        return all_orders(
            *(
                order(
                    **{name.replace("-", "_"): pick(_CELLS) for name in hidden},
                    sku=f"S-{number}",
                    sales_channel=stores[0],
                    currency=stores[1],
                )
                for number in range(chance.randrange(1, 5))
            ),
            columns=columns,
        )
    if kind < 6:
        lines = [
            ("ItemPrice", "Principal", "19.90"),
            ("ItemFees", "Commission", "-2.99"),
            ("ItemPrice", "Shipping", "3.10"),
        ]
        text = settlement(
            *lines,
            total="20.01",
            merchant_order_id=pick(_CELLS),
            merchant_order_item_id=pick(_CELLS),
            merchant_adjustment_item_id=pick(_CELLS),
        )
        return text.replace(".", ",") if chance.random() < 0.3 else text
    if kind == 6:
        return transactions(
            *({"order-id": f"302-1234567-765432{number}"} for number in range(3)),
            language=pick(("EN", "DE", "JA")),
            hidden=tuple(pick(_CELLS) for _ in range(4)),
        )
    if kind == 7:
        document = traffic("2026-03-01", "2026-03-02", products=2)
        for row in (*document["salesAndTrafficByDate"], *document["salesAndTrafficByAsin"]):
            row["buyerName"] = pick(_CELLS)
            next(value for value in row.values() if isinstance(value, dict))["shipCity"] = pick(
                _CELLS
            )
        return json.dumps(document)
    headers: list[tuple[str, ...]] = [
        *TRANSACTIONS.values(),
        *(tuple(names.split()) for _, names in OTHERS),
    ]
    headers += [names for pair in BUSINESS.values() for names in pair]
    names = headers[chance.randrange(len(headers))]
    return table(
        names, separator=pick((",", ";", "\t")), preamble=pick((0, 1, 7)), end="\n"
    ).replace("ZZQ1CELL", pick(_CELLS))


def _business_text(chance: random.Random, *, by_date: bool) -> str:
    """Return the text of a Business Report with canaries in every column that is not read."""
    names = NAMES[chance.choice(sorted(NAMES))]
    hidden = [names[3], f"{names[4].split()[0]} - B2B", chance.choice(_CELLS)]
    head = [*(names[:1] if by_date else names[1:3]), *names[4:], *hidden]
    rows = []
    for number in range(1, chance.randrange(2, 6)):
        whose = [f"2026-03-{number:02}"] if by_date else ["B0TESTTEE0", f"B0TESTTEE{number}"]
        figures = ["1,200", "1,800", "97,50 %", "40", "1.234,56 €"]
        rows.append([*whose, *figures, *(chance.choice(_CELLS) for _ in hidden)])
    separator = chance.choice((",", ",", "\t", ";"))
    data = business_csv(head, *rows, separator=separator)
    return data.decode("utf-8-sig").replace("\r\n", "\n")


def _line_ends(text: str, chance: random.Random) -> str:
    return text.replace("\n", chance.choice(("\r", "\r\n", "\r\r\n", "\n\n", "\x85", "\u2028")))


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _without_lines(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    del lines[chance.randrange(len(lines))]
    return "\n".join(lines)


def _twice(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    return "\n".join([*lines[:at], lines[at], *lines[at:]])


def _swapped(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _broken(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(("\n", "\r", "\r\n", "\n\n")) + text[at:]


def _inserted(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    odd = (
        "\t",
        '"',
        ",",
        ";",
        "\x1a",
        "\x00",
        "\ufeff",
        "\ud7ff",
        "é",
        "\u200f",
        "[" * 50,
        "9" * 40,
        "\\u0000",
        "--",
    )
    return text[:at] + chance.choice(odd) + text[at:]


def _without_some(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + text[at + chance.randrange(1, 30) :]


def _separators(text: str, chance: random.Random) -> str:
    return text.replace("\t", chance.choice((",", ";", "|", "    ", "\t\t", '"\t"')))


def _column_renamed(text: str, chance: random.Random) -> str:
    head, end, rest = text.partition("\n")
    names = head.split("\t")
    names[chance.randrange(len(names))] = chance.choice((*_CELLS, "", "sku", "amount", names[0]))
    return "\t".join(names) + end + rest


def _column_removed(text: str, chance: random.Random) -> str:
    rows = [line.split("\t") for line in text.split("\n")]
    at = chance.randrange(len(rows[0]))
    return "\n".join(
        "\t".join(cell for place, cell in enumerate(row) if place != at) for row in rows
    )


def _cell_changed(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    row = chance.randrange(len(lines))
    cells = lines[row].split("\t")
    cells[chance.randrange(len(cells))] = chance.choice(
        (
            "1,234",
            "1.234",
            "12,5",
            "x",
            "-",
            "1e9",
            "NaN",
            "2026-13-45",
            "Yes",
            "1.0",
            "Woot.com",
            "",
            "01/02/2026",
            "٣",
            "9" * 30,
            "\u22125",
        )
    )
    lines[row] = "\t".join(cells)
    return "\n".join(lines)


def _joined(text: str, chance: random.Random) -> str:
    return text + _seed_texts(chance)


_Change = Callable[[str, random.Random], str]
#: Changes that leave each cell below its column's name.
_IN_PLACE: tuple[_Change, ...] = (_line_ends, _cell_changed, _without_lines, _twice)
_MOVING: tuple[_Change, ...] = (
    _cut, _swapped, _broken, _inserted, _without_some, _separators, _column_renamed,
    _column_removed, _joined,
)  # fmt: skip


def _in_bytes(text: str, chance: random.Random) -> tuple[bytes, bool]:
    """Return `text` in some encoding, and whether a byte was damaged, which may have been a tab."""
    codec = chance.choice(
        (
            *["utf-8"] * 5,
            "utf-8-sig",
            "utf-16",
            "utf-16",
            "cp1252",
            "cp932",
            "cp1250",
            "cp1254",
            "gbk",
            "euc_jp",
        )
    )
    data = text.encode(codec, "surrogatepass" if codec.startswith("utf") else "replace")
    damaged = chance.random() < 0.25
    if damaged:
        at = chance.randrange(max(1, len(data)))
        data = data[:at] + bytes([chance.randrange(128, 256)]) + data[at + chance.randrange(2) :]
    return gzip.compress(data, mtime=0) if chance.random() < 0.05 else data, damaged


def mutants(first: int, count: int) -> Iterator[Mutant]:
    """Yield mutants `first` to `first + count`."""
    for number in range(first, first + count):
        chance = random.Random(number)  # the same files each time  # noqa: S311
        text = _seed_texts(chance)
        moved, names = False, []
        for _ in range(chance.choice((1, 1, 2, 3))):
            moving = chance.random() < 0.6
            change = chance.choice(_MOVING if moving else _IN_PLACE)
            moved = moved or moving
            text = change(text, chance) or "\n"
            names.append(change.__name__)
        # A header that is missing or elsewhere gives the cells other names.
        moved = moved or not any(
            name in text.split("\n")[0]
            for name in (
                *(ORDER_COLUMNS[0], SETTLEMENT_COLUMNS[0], "reportSpecification"),
                *(f'"{names[place]}"' for names in NAMES.values() for place in (0, 1)),
            )
        )
        data, damaged = _in_bytes(text, chance)
        yield Mutant(number, data, moved or damaged, "+".join([*names, *["damaged"] * damaged]))
