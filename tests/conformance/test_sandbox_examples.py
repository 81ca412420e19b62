"""Our decoders against Amazon's own models.

Every documented path is kept or dropped on purpose; every sandbox example decodes, and nothing of a
person is in the result.

The models are Amazon's (Apache-2.0) and are not part of this repository. They are found by
THESELLER_AMAZON_MODELS, a folder that holds ``orders_2026-01-01.json`` and its siblings; without
them these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from theseller.amazon.decoders import (
    balances,
    finances,
    inventory,
    orders,
    recipients,
    reports,
    sales,
    sellers,
)
from theseller.amazon.decoders.orders import DROPPED_FROM_ORDER
from theseller.amazon.decoders.shape import Shape, Why, dropped
from theseller.amazon.decoders.shapes import SHAPES
from theseller.amazon.operations import OPERATIONS

FILES = {
    "orders_2026-01-01": ("searchOrders", "getOrder"),
    "finances_2024-06-19": ("listTransactions", "listBalances", "listSummary"),
    "fbaInventory": ("getInventorySummaries",),
    "reports_2021-06-30": ("createReport", "getReports", "getReport", "getReportDocument"),
    "sellers": ("getMarketplaceParticipations",),
    "sales": ("getOrderMetrics",),
}
DECODE = {
    "searchOrders": orders.decode_orders_page,
    "getOrder": orders.decode_order,
    "listTransactions": finances.decode_transactions,
    "listBalances": balances.decode_balances,
    "listSummary": balances.decode_summaries,
    "getInventorySummaries": inventory.decode_inventory,
    "createReport": reports.decode_created_report,
    "getReports": reports.decode_reports,
    "getReport": reports.decode_report,
    "getReportDocument": reports.decode_report_document,
    "getMarketplaceParticipations": sellers.decode_participations,
    "getOrderMetrics": sales.decode_order_metrics,
}
NAMES = sorted(OPERATIONS)


def _folder() -> Path | None:
    named = os.environ.get("THESELLER_AMAZON_MODELS")
    candidates = (
        [Path(named)]
        if named
        else [Path(__file__).parents[3] / "shared" / "reference" / "amazon-models"]
    )
    return next((path for path in candidates if (path / "orders_2026-01-01.json").is_file()), None)


FOLDER = _folder()
needs_models = pytest.mark.skipif(
    FOLDER is None,
    reason="Amazon's models are not here: set THESELLER_AMAZON_MODELS to their folder",
)


def model_of(operation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Amazon's document and its definition of `operation`, with ``_method`` and ``_path`` added."""
    assert FOLDER is not None
    file = next(name for name, operations in FILES.items() if operation in operations)
    document = json.loads((FOLDER / f"{file}.json").read_text())
    for path, methods in document["paths"].items():
        for method, definition in methods.items():
            if isinstance(definition, dict) and definition.get("operationId") == operation:
                return document, {**definition, "_method": method.upper(), "_path": path}
    raise AssertionError(f"{operation} is not in Amazon's model")


def successes(operation: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    document, definition = model_of(operation)
    for status, response in definition["responses"].items():
        if status.startswith("2"):
            yield document, response


def examples(operation: str) -> Iterator[dict[str, Any]]:
    """Yield Amazon's sandbox answers and the model's own example.

    The example only where it is an answer and not a list of them.
    """
    for _, response in successes(operation):
        for case in response.get("x-amzn-api-sandbox", {}).get("static", []):
            yield case["response"]
        for example in response.get("examples", {}).values():
            if operation in {"searchOrders", "getOrder"}:
                yield example


def model_leaves(
    document: dict[str, Any], schema: dict[str, Any], path: str = "", seen: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield the leaf paths of a schema; a recursion is yielded once, as itself."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in seen:
            yield path
        else:
            yield from model_leaves(document, document["definitions"][name], path, (*seen, name))
        return
    for part in schema.get("allOf", ()):
        yield from model_leaves(document, part, path, seen)
    if "items" in schema:
        yield from model_leaves(document, schema["items"], f"{path}[]", seen)
    for name, value in schema.get("properties", {}).items():
        yield from model_leaves(document, value, f"{path}.{name}".lstrip("."), seen)
    if not {"allOf", "items", "properties"} & set(schema):
        yield path


def strings_at(value: object, segments: list[str]) -> Iterator[str]:
    """Yield the texts and numbers at a path of an example."""
    if not segments:
        if value is not None and not isinstance(value, dict | list) and str(value):
            yield str(value)
        return
    name, rest = segments[0], segments[1:]
    if not isinstance(value, dict) or name.removesuffix("[]") not in value:
        return
    inner = value[name.removesuffix("[]")]
    for element in (inner or []) if name.endswith("[]") else [inner]:
        yield from strings_at(element, rest)


def personal_paths(shape: Shape[Any]) -> list[str]:
    return [path for path, why in shape.dropped.items() if why is Why.PII]


def personal_values(shape: Shape[Any], example: dict[str, Any]) -> set[str]:
    """Return every value at a path dropped as PII.

    Short ones (a country, a yes) are left out: they would be found anywhere and prove nothing.
    """
    return {
        text
        for path in personal_paths(shape)
        for text in strings_at(example, path.split("."))
        if len(text) >= 5
    }


def kept_values(shape: Shape[Any], example: dict[str, Any]) -> set[str]:
    return {text for path in shape.kept for text in strings_at(example, path.split("."))}


def with_canaries(value: object, paths: list[list[str]], made: list[str]) -> object:
    """Return a copy of an example with a canary at every personal path; list them in `made`.

    Paths that Amazon left empty are included.
    """
    if not paths:
        return value
    if [] in paths:
        made.append(f"canary-{len(made):04d}-zzq")
        return made[-1]
    if not isinstance(value, dict):
        return value
    copy: dict[str, Any] = dict(value)
    for segment in {path[0] for path in paths}:
        name, below = segment.removesuffix("[]"), [path[1:] for path in paths if path[0] == segment]
        if segment.endswith("[]"):
            copy[name] = [with_canaries(element, below, made) for element in copy.get(name) or [{}]]
        else:
            copy[name] = with_canaries(copy.get(name) or {}, below, made)
    return copy


def present_paths(operation: str, example: dict[str, Any]) -> list[str]:
    """Return the personal paths whose enclosing kept objects are in the example.

    An invented order or item would lack what a decoder needs.
    """
    roots = (
        "orders[].orderItems[]",
        "order.orderItems[]",
        "orders[]",
        "order",
        "payload.transactions[].items[]",
        "payload.transactions[]",
        "payload[]",
    )
    found = []
    for path in personal_paths(SHAPES[operation]):
        root = next(root for root in roots if path.startswith(f"{root}."))
        if any(True for _ in objects_at(example, root.split("."))):
            found.append(path)
    return found


def objects_at(value: object, segments: list[str]) -> Iterator[object]:
    """Yield the objects at a path of an example."""
    if not segments:
        yield value
    elif isinstance(value, dict):
        inner = value.get(segments[0].removesuffix("[]"))
        for element in (
            (inner or []) if segments[0].endswith("[]") else [inner] if inner is not None else []
        ):
            yield from objects_at(element, segments[1:])


def leaked(decoded: object, personal: set[str]) -> set[str]:
    """Return the personal values that the decoded object holds.

    As a value of its own, or anywhere in a long enough text.
    """
    printed, encoded = repr(decoded), msgspec.json.encode(decoded, enc_hook=str).decode()
    words = set(re.findall(r"'([^']*)'|\"([^\"]*)\"", printed))
    whole = {word for pair in words for word in pair}
    texts = {
        text
        for text in personal
        if not text.isdigit()
        and (text in printed or text in encoded or json.dumps(text)[1:-1] in encoded)
    }
    return texts | (personal & whole)


def test_every_operation_has_a_shape_a_decoder_and_a_model() -> None:
    assert set(SHAPES) == set(OPERATIONS) == set(DECODE)
    assert sorted(name for names in FILES.values() for name in names) == NAMES


@needs_models
@pytest.mark.parametrize("operation", NAMES)
def test_every_documented_path_is_kept_or_dropped_on_purpose(operation: str) -> None:
    shape = SHAPES[operation]
    model = {
        leaf
        for document, response in successes(operation)
        for leaf in model_leaves(document, response["schema"])
    }
    assert model
    known = shape.kept | set(shape.dropped)
    assert model - known == set(), "Amazon documents unclassified paths"
    assert known - model == set(), "we name paths that Amazon does not document"
    assert shape.kept & set(shape.dropped) == set(), "a path is kept that was to be dropped"


@needs_models
@pytest.mark.parametrize("operation", NAMES)
def test_method_path_and_parameters_are_amazons(operation: str) -> None:
    plan = OPERATIONS[operation]
    document, definition = model_of(operation)
    assert (plan.method, plan.path) == (definition["_method"], definition["_path"])
    described = [
        document["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p
        for p in definition.get("parameters", [])
    ]
    query = {parameter["name"] for parameter in described if parameter["in"] == "query"}
    assert plan.params | {name for name, _ in plan.forced} <= query
    if plan.body:
        name = next(p["schema"]["$ref"] for p in described if p["in"] == "body").rpartition("/")[2]
        assert plan.body <= set(document["definitions"][name]["properties"])


@needs_models
@pytest.mark.parametrize("operation", NAMES)
def test_rate_and_burst_are_amazons(operation: str) -> None:
    """The plan is in the operation's description, as a Markdown table of rate and burst."""
    _, definition = model_of(operation)
    rows = [
        line.strip().strip("|").split("|")
        for line in definition["description"].splitlines()
        if line.strip().startswith("|")
    ]
    numbers = [
        tuple(float(cell) for cell in row)
        for row in rows
        if len(row) == 2 and all(c.strip().replace(".", "", 1).isdigit() for c in row)
    ]
    assert numbers == [(OPERATIONS[operation].rate, float(OPERATIONS[operation].burst))]


@needs_models
@pytest.mark.parametrize("operation", [name for name in NAMES if name != "getInventorySummaries"])
def test_every_sandbox_example_decodes_without_a_person_in_it(operation: str) -> None:
    found = list(examples(operation))
    assert found
    for example in found:
        body = json.dumps(example).encode()
        decoded = DECODE[operation](body)
        assert SHAPES[operation].drift(body) == ()
        personal = personal_values(SHAPES[operation], example) - kept_values(
            SHAPES[operation], example
        )
        assert leaked(decoded, personal) == set()


@needs_models
@pytest.mark.parametrize("operation", [name for name in NAMES if personal_paths(SHAPES[name])])
def test_a_canary_at_every_personal_path_reaches_nothing(operation: str) -> None:
    for example in examples(operation):
        made: list[str] = []
        body = json.dumps(
            with_canaries(
                example, [path.split(".") for path in present_paths(operation, example)], made
            )
        ).encode()
        assert made
        decoded = DECODE[operation](body)
        assert leaked(decoded, set(made)) == set()


@needs_models
def test_the_slip_s_decoder_knows_every_path_and_keeps_none_that_a_slip_has_no_line_for() -> None:
    """The one decoder that keeps anything of a buyer, held against the same model as the others."""
    shape = recipients.SLIP_DATA
    model = {
        leaf
        for document, response in successes("getOrder")
        for leaf in model_leaves(document, response["schema"])
    }
    assert shape.kept | set(shape.dropped) == model
    assert not shape.kept & set(shape.dropped)
    address = "order.recipient.deliveryAddress."
    personal = {
        path.removeprefix(address)
        for path in shape.kept
        & {f"order.{path}" for path, why in DROPPED_FROM_ORDER.items() if why is Why.PII}
    }
    assert personal == {
        "name", "companyName", "addressLine1", "addressLine2", "addressLine3", "city",
        "districtOrCounty", "stateOrRegion", "postalCode", "countryCode", "phone",
        "order.orderItems[].fulfillment.packing.giftOption.giftMessage",
    }  # fmt: skip
    for example in examples("getOrder"):
        body = json.dumps(example).encode()
        decoded, drift = recipients.decode_slip_data(body)
        assert drift == ()
        kept = " ".join(
            kept_values(shape, example)
        )  # a street is in the first line of its address, too
        assert (
            leaked(decoded, {text for text in personal_values(shape, example) if text not in kept})
            == set()
        )


@needs_models
def test_the_examples_contain_personal_data() -> None:
    """Without this the test above could pass on examples with nothing to leak."""
    personal = [
        personal_values(SHAPES[name], example)
        for name in ("searchOrders", "getOrder")
        for example in examples(name)
    ]
    assert sum(map(len, personal)) > 40
    assert any("John Smith" in values for values in personal)


class _LeakyRecipientAddress(msgspec.Struct, rename="camel"):
    name: str | None = None


class _LeakyRecipient(msgspec.Struct, rename="camel"):
    delivery_address: _LeakyRecipientAddress | None = None


class _LeakyOrder(msgspec.Struct, rename="camel"):
    recipient: _LeakyRecipient | None = None


class _LeakyPage(msgspec.Struct):
    orders: list[_LeakyOrder]


@needs_models
def test_one_field_too_many_makes_these_tests_fail() -> None:
    leaky = Shape("searchOrders", _LeakyPage, SHAPES["searchOrders"].dropped)
    assert leaky.kept & set(leaky.dropped) == {"orders[].recipient.deliveryAddress.name"}
    caught = [
        leaked(leaky.decode(json.dumps(example).encode()), personal_values(leaky, example))
        for example in examples("searchOrders")
    ]
    assert any("John Smith" in values for values in caught)


@needs_models
def test_one_path_too_few_makes_these_tests_fail() -> None:
    forgetful = Shape("getReport", reports.ReportState, dropped())
    document, response = next(successes("getReport"))
    assert set(model_leaves(document, response["schema"])) - forgetful.kept - set(
        forgetful.dropped
    ) == {"reportScheduleId"}
    assert forgetful.drift(b'{"reportScheduleId":"1"}') == ("reportScheduleId",)
