"""Amazon's API as its official SDK for Python knows it, and an answer with a value at every path."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The SDK's packages, and the operations of each that TheSeller may call.
PACKAGES = {
    "orders_v2026_01_01": ("searchOrders", "getOrder"),
    "finances_v2024_06_19": ("listTransactions", "listBalances", "listSummary"),
    "fba_inventory_v1": ("getInventorySummaries",),
    "reports_v2021_06_30": ("createReport", "getReports", "getReport", "getReportDocument"),
    "sellers_v1": ("getMarketplaceParticipations",),
    "sales_v1": ("getOrderMetrics",),
    "tokens_v2021_03_01": (),
}
#: Texts that the SDK types as any text, and that are numbers or codes.
_TEXTS = {
    "amount": "12.34",
    "currencyCode": "USD",
    "countryCode": "US",
    "defaultCurrencyCode": "USD",
}
_VALUES = {
    "integer": 3,
    "number": 12.5,
    "boolean": True,
    "date-time": "2026-11-01T12:34:56Z",
    "date": "2026-11-02",
}


@cache
def _documents() -> dict[str, dict[str, Any]]:
    folder = Path(os.environ.get("CLIENTS") or ROOT / ".clients")
    if not (folder / "stamp").is_file():
        pytest.fail("Amazon's SDK is not installed: run bin/clients", pytrace=False)
    program = ROOT / "tests" / "clients" / "describe_amzn_sp_api.py"
    described = subprocess.run(
        [str(folder / "venv" / "bin" / "python"), str(program), *PACKAGES],
        capture_output=True, check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    return dict(json.loads(described.stdout))


def document(package: str) -> dict[str, Any]:
    """Return the description of one of `PACKAGES`, in the form of an OpenAPI document."""
    return _documents()[package]


def operation(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document of an operation and its definition, with ``_method`` and ``_path`` added."""
    package = next(one for one, operations in PACKAGES.items() if name in operations)
    for path, methods in document(package)["paths"].items():
        for method, definition in methods.items():
            if definition["operationId"] == name:
                return document(package), {**definition, "_method": method.upper(), "_path": path}
    raise AssertionError(f"{name} is not in Amazon's SDK")


def answer_schema(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document of an operation and the schema of its answer."""
    found, definition = operation(name)
    return found, definition["responses"]["200"]["schema"]


def leaves(
    found: dict[str, Any], schema: dict[str, Any], path: str = "", seen: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield the leaf paths of a schema; a recursion is yielded once, as itself."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in seen:
            yield path
        else:
            yield from leaves(found, found["definitions"][name], path, (*seen, name))
    elif "items" in schema:
        yield from leaves(found, schema["items"], f"{path}[]", seen)
    elif "properties" in schema:
        for name, value in schema["properties"].items():
            yield from leaves(found, value, f"{path}.{name}".lstrip("."), seen)
    else:
        yield path


def example(name: str) -> dict[str, Any]:
    """Return an answer of an operation: one element in each list, and a text of its own at each path."""
    found, schema = answer_schema(name)
    return dict(_filled(found, schema, "", ()))


def _filled(
    found: dict[str, Any],
    schema: dict[str, Any],
    path: str,
    seen: tuple[str, ...],
) -> Any:  # noqa: ANN401
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _filled(found, found["definitions"][name], path, (*seen, name))
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        if schema["items"].get("$ref", "").rpartition("/")[2] in seen:
            return []
        return [_filled(found, schema["items"], f"{path}[]", seen)]
    if "properties" in schema:
        return {
            name: _filled(found, value, f"{path}.{name}".lstrip("."), seen)
            for name, value in schema["properties"].items()
        }
    return _value(schema, path)


def _value(schema: dict[str, Any], path: str) -> Any:  # noqa: ANN401
    kind = str(schema.get("format") or schema.get("type"))
    if kind == "string":
        return _TEXTS.get(path.rpartition(".")[2], f"text of {path}")
    return _VALUES.get(kind, {})
