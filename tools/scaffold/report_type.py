"""A new report type: decoder, its test, handler, emulated generator, and their registrations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.scaffold.edits import (
    Edits,
    ScaffoldError,
    add_to_changelog,
    check_name,
    class_name,
    template,
)

_AMAZON = "src/theseller/amazon"
_COLUMN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TYPE = re.compile(r"GET_[A-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of column: the field's type, its parser, a cell, its value, an emulated cell."""

    annotation: str
    parser: str
    cell: str
    value: str
    emulated: str


KINDS = {
    "instant": _Kind(
        "datetime",
        "cell_parsers.instant",
        "2026-10-05T10:00:00+00:00",
        "datetime(2026, 10, 5, 10, tzinfo=UTC)",
        "posted",
    ),
    "number": _Kind("str", "_number", "1234567890", '"1234567890"', "str(number)"),
    "words": _Kind("str", "cell_parsers.words", "Standard", '"Standard"', '"Standard"'),
    "sku": _Kind("str", "sku_of", "SKU-A", '"SKU-A"', "item.product.sku"),
    "asin": _Kind("str", "cell_parsers.asin", "B0BRUSH001", '"B0BRUSH001"', "item.product.asin"),
    "currency": _Kind("str", "cell_parsers.currency", "EUR", '"EUR"', "currency"),
    "amount": _Kind(
        "Decimal",
        "partial(_amount, digits=2)",
        "12.34",
        'Decimal("12.34")',
        "amount(50 * item.quantity, currency)",
    ),
    "whole": _Kind("int", "cell_parsers.whole", "2", "2", "str(item.quantity)"),
}
_NUMBER_PARSER = """
def _number(text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 40:
        raise BadCellError(gettext_noop("not a number"))
    return text

"""


def add_report_type(
    edits: Edits, *, report_type: str, name: str, title: str, role: str, columns: Sequence[str]
) -> None:
    """Add a report type whose rows are read and counted.

    Args:
        edits: what is written.
        report_type: Amazon's name, such as ``GET_FBA_LABEL_FEES_DATA``.
        name: of the new modules, such as ``label_fees``.
        title: Amazon's name in Seller Central.
        role: a member of `Role`, in small letters.
        columns: ``column:kind`` of those that are kept, ``column`` of those that are dropped.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    if not _TYPE.fullmatch(report_type):
        raise ScaffoldError(f"{report_type!r} is no report type: it begins with GET_")
    kept, dropped = _read_columns(columns)
    check_name(name)
    role_title = _role_title(edits, role)
    values = {
        "type": report_type, "name": name, "member": name.upper(), "class": class_name(name),
        "title": title, "short": name.replace("_", "-"), "role": role_title,
        **_column_texts(kept),
    }  # fmt: skip
    _create(edits, name, values)
    _allow_columns(edits, values, kept, dropped)
    _register(edits, values, role)
    _describe(edits, values, kept)


def _read_columns(columns: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    kept: dict[str, str] = {}
    dropped = []
    for column in columns:
        name, _, kind = column.partition(":")
        if not _COLUMN.fullmatch(name) or (kind and kind not in KINDS):
            known = ", ".join(KINDS)
            raise ScaffoldError(f"{column!r}: write column:kind; the kinds are {known}")
        if kind:
            kept[name] = kind
        else:
            dropped.append(name)
    found = list(kept.values())
    if found.count("currency") != 1 or "instant" not in found or "amount" not in found:
        raise ScaffoldError(
            "the columns need one currency, and at least one instant and one amount; for another"
            " report see docs/develop/add-a-report-type.md"
        )
    return kept, dropped


def _role_title(edits: Edits, role: str) -> str:
    text = edits.read(f"{_AMAZON}/roles.py").partition("class RestrictedRole")[0]
    roles = dict(re.findall(r'(?m)^    ([A-Z_]+) = "(.+)"$', text))
    if role.upper() not in roles:
        raise ScaffoldError(f"{role!r} is no role: {', '.join(map(str.lower, roles))}")
    return str(roles[role.upper()])


def _column_texts(kept: dict[str, str]) -> dict[str, str]:
    kinds = {name: KINDS[kind] for name, kind in kept.items()}
    fields = {name: name.replace("-", "_") for name in kept}

    def first(kind: str) -> str:
        return next(name for name, found in kept.items() if found == kind)

    return {
        "instant": first("instant"),
        "currency": first("currency"),
        "amounts": ", ".join(f'"{name}"' for name, kind in kept.items() if kind == "amount"),
        "number_parser": _NUMBER_PARSER if "number" in kept.values() else "",
        "fields": "\n".join(f"    {fields[name]}: {one.annotation}" for name, one in kinds.items()),
        "parsers": "\n".join(f'    "{name}": {one.parser},' for name, one in kinds.items()),
        "samples": "\n".join(f'    "{name}": "{one.cell}",' for name, one in kinds.items()),
        "expected": "\n".join(
            f"        {fields[name]}={one.value}," for name, one in kinds.items()
        ),
        "columns": "\n".join(f'    "{name}",' for name in kept),
        "cells": "\n".join(f"        {one.emulated}," for one in kinds.values()),
        "unused": "" if "number" in kept.values() else "    del number  # no column shows it\n",
    }


def _create(edits: Edits, name: str, values: dict[str, str]) -> None:
    decoder = template("report_decoder.py", values)
    if "sku_of," not in decoder:
        decoder = decoder.replace(
            "from theseller.amazon.reports.all_orders_cells import sku_of\n", ""
        )
    edits.create(f"{_AMAZON}/reports/{name}.py", decoder)
    edits.create(
        f"tests/unit/amazon/test_report_{name}.py", template("report_decoder_test.py", values)
    )
    edits.create(
        f"src/theseller/ingest/report_handlers/{name}.py", template("report_handler.py", values)
    )
    edits.create(
        f"src/theseller/emulator/reports/{name}.py", template("report_generator.py", values)
    )


def _allow_columns(
    edits: Edits, values: dict[str, str], kept: dict[str, str], dropped: list[str]
) -> None:
    path = f"{_AMAZON}/reports/report_types_and_columns.py"
    member = values["member"]
    edits.after(
        path,
        '    SALES_AND_TRAFFIC = "GET_SALES_AND_TRAFFIC_REPORT"\n',
        f'    {member} = "{values["type"]}"\n',
    )
    required = ", ".join(f'"{name}"' for name in kept)
    reasons = ", ".join(f'"{name}": _NOT_NEEDED' for name in dropped)
    edits.before(
        path,
        "#: Flat files only.",
        f"_{member} = Columns(required=frozenset({{{required},}}), optional=frozenset(),"
        f" dropped=MappingProxyType({{{reasons}}}),)\n\n",
    )
    edits.after(
        path,
        "        ReportType.SETTLEMENT_V2: _SETTLEMENT,\n",
        f"        ReportType.{member}: _{member},\n",
    )


def _register(edits: Edits, values: dict[str, str], role: str) -> None:
    name, cls = values["name"], values["class"]
    registry = f"{_AMAZON}/reports/format_registry.py"
    edits.after(registry, "    all_orders,\n", f"    {name},\n")
    edits.after(registry, "    settlement.FORMAT,\n", f"    {name}.FORMAT,\n")
    reader = f"{_AMAZON}/reports/report_reader.py"
    edits.after(reader, "| SettlementLine", f" | {cls}Line")
    edits.after(
        reader,
        "from theseller.amazon.reports.settlement import SettlementLine\n",
        f"from theseller.amazon.reports.{name} import {cls}Line\n",
    )
    edits.after(
        f"{_AMAZON}/reports/flat_file_header.py",
        '    " the settlement Flat File V2,"\n',
        f'    " {values["title"]},"\n',
    )
    handlers = "src/theseller/ingest/report_handlers/registry.py"
    edits.after(handlers, "    all_orders,\n", f"    {name},\n")
    edits.after(handlers, "    settlement.HANDLER,\n", f"    {name}.HANDLER,\n")
    edits.before(
        f"{_AMAZON}/spapi_operations.py",
        '        "GET_SALES_AND_TRAFFIC_REPORT": frozenset',
        f'        "{values["type"]}": frozenset({{Role.{role.upper()}}}),\n',
    )
    generators = "src/theseller/emulator/reports/document_rendering.py"
    edits.after(generators, "    all_orders,\n", f"    {name},\n")
    edits.after(generators, "*settlement.GENERATORS", f", *{name}.GENERATORS")


def _describe(edits: Edits, values: dict[str, str], kept: dict[str, str]) -> None:
    samples = "src/theseller/controls/probe_tools/decoder_canary_samples.py"
    known = edits.read(samples)
    new = {name: kind for name, kind in kept.items() if f'\n    "{name}": ' not in known}
    edits.after(
        samples,
        "\n_CELLS = {\n",
        "".join(f'    "{name}": "{KINDS[kind].cell}",\n' for name, kind in new.items()),
    )
    edits.after(
        "tests/integration/ingest/imports/test_import_report.py",
        "\nCOUNTED_ONLY: tuple[str, ...] = (",
        f'"{values["type"]}",',
    )
    edits.before(
        "docs/operate/report-files.md",
        "| Sales and traffic | the Reports API",
        f"| {values['title']} | the Reports API (`{values['type']}`). Rows are counted, none is"
        " stored yet | text with tabs, also gzipped | column names in English |\n",
    )
    add_to_changelog(
        edits, f"Report files of the type *{values['title']}* are read, and their rows counted."
    )
