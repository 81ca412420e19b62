"""Our decoders against Amazon's official SDK.

Every documented path is kept or dropped on purpose; an answer with a value at every path decodes,
and nothing of a person is in the result.

`bin/clients` installs the SDK from the package index; bin/test calls it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.conformance import amazon_sdk

from theseller.amazon.decoders import (
    finances_balances_and_summaries,
    inventory,
    marketplace_participations,
    order_metrics,
    orders,
    recipients,
    reports_api,
    transactions,
)
from theseller.amazon.decoders.all_response_shapes import SHAPES
from theseller.amazon.decoders.orders import DROPPED_FROM_ORDER
from theseller.amazon.decoders.response_shape import Shape, Why, dropped
from theseller.amazon.spapi_operations import OPERATIONS

DECODE = {
    "searchOrders": orders.decode_orders_page,
    "getOrder": orders.decode_order,
    "listTransactions": transactions.decode_transactions,
    "listBalances": finances_balances_and_summaries.decode_balances,
    "listSummary": finances_balances_and_summaries.decode_summaries,
    "getInventorySummaries": inventory.decode_inventory,
    "createReport": reports_api.decode_created_report,
    "getReports": reports_api.decode_reports,
    "getReport": reports_api.decode_report,
    "getReportDocument": reports_api.decode_report_document,
    "getMarketplaceParticipations": marketplace_participations.decode_participations,
    "getOrderMetrics": order_metrics.decode_order_metrics,
}
NAMES = sorted(OPERATIONS)


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
    """Return a copy of an example with a canary at every personal path; list them in `made`."""
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
    assert sorted(name for names in amazon_sdk.PACKAGES.values() for name in names) == NAMES


@pytest.mark.parametrize("operation", NAMES)
def test_every_documented_path_is_kept_or_dropped_on_purpose(operation: str) -> None:
    shape = SHAPES[operation]
    model = set(amazon_sdk.leaves(*amazon_sdk.answer_schema(operation)))
    assert model
    known = shape.kept | set(shape.dropped)
    assert model - known == set(), "Amazon documents unclassified paths"
    assert known - model == set(), "we name paths that Amazon does not document"
    assert shape.kept & set(shape.dropped) == set(), "a path is kept that was to be dropped"


@pytest.mark.parametrize("operation", NAMES)
def test_operation_method_path_and_parameters_match_amazons_model(operation: str) -> None:
    plan = OPERATIONS[operation]
    document, definition = amazon_sdk.operation(operation)
    assert (plan.method, plan.path) == (definition["_method"], definition["_path"])
    described = definition["parameters"]
    query = {parameter["name"] for parameter in described if parameter["in"] == "query"}
    assert plan.params | {name for name, _ in plan.forced} <= query
    if plan.body:
        name = next(p["schema"]["$ref"] for p in described if p["in"] == "body").rpartition("/")[2]
        assert plan.body <= set(document["definitions"][name]["properties"])


@pytest.mark.parametrize("operation", NAMES)
def test_operation_rate_and_burst_match_amazons_documentation(operation: str) -> None:
    """The plan is in the operation's description, as a Markdown table of rate and burst."""
    _, definition = amazon_sdk.operation(operation)
    numbers = [
        (float(rate), float(burst))
        for rate, burst in re.findall(
            r"\| *([0-9.]+) *\| *([0-9.]+) *\|", definition["description"]
        )
    ]
    assert numbers == [(OPERATIONS[operation].rate, float(OPERATIONS[operation].burst))]


@pytest.mark.parametrize("operation", NAMES)
def test_decoded_response_with_every_path_has_no_personal_data(operation: str) -> None:
    example = amazon_sdk.example(operation)
    body = json.dumps(example).encode()
    decoded = DECODE[operation](body)
    assert SHAPES[operation].drift(body) == ()
    personal = personal_values(SHAPES[operation], example) - kept_values(SHAPES[operation], example)
    assert leaked(decoded, personal) == set()


@pytest.mark.parametrize("operation", [name for name in NAMES if personal_paths(SHAPES[name])])
def test_canaries_at_personal_paths_are_not_in_the_decoded_response(operation: str) -> None:
    example, made = amazon_sdk.example(operation), list[str]()
    paths = [path.split(".") for path in personal_paths(SHAPES[operation])]
    body = json.dumps(with_canaries(example, paths, made)).encode()
    assert len(made) == len(paths)
    decoded = DECODE[operation](body)
    assert leaked(decoded, set(made)) == set()


def test_the_slip_s_decoder_knows_every_path_and_keeps_none_that_a_slip_has_no_line_for() -> None:
    """The one decoder that keeps anything of a buyer, held against the same model as the others."""
    shape = recipients.SLIP_DATA
    model = set(amazon_sdk.leaves(*amazon_sdk.answer_schema("getOrder")))
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
        "districtOrCounty", "stateOrRegion", "postalCode",
        "countryCode", "phone", "order.orderItems[].fulfillment.packing.giftOption.giftMessage",
    }  # fmt: skip
    example = amazon_sdk.example("getOrder")
    body = json.dumps(example).encode()
    decoded, drift = recipients.decode_slip_data(body)
    assert drift == ()
    assert leaked(decoded, personal_values(shape, example) - kept_values(shape, example)) == set()


def test_the_examples_contain_personal_data() -> None:
    """Without this the test above could pass on examples with nothing to leak."""
    for name in ("searchOrders", "getOrder"):
        personal = personal_values(SHAPES[name], amazon_sdk.example(name))
        assert len(personal) > 40
        assert any(text.endswith("recipient.deliveryAddress.name") for text in personal)


class _LeakyRecipientAddress(msgspec.Struct, rename="camel"):
    name: str | None = None


class _LeakyRecipient(msgspec.Struct, rename="camel"):
    delivery_address: _LeakyRecipientAddress | None = None


class _LeakyOrder(msgspec.Struct, rename="camel"):
    recipient: _LeakyRecipient | None = None


class _LeakyPage(msgspec.Struct):
    orders: list[_LeakyOrder]


def test_additional_personal_field_in_a_model_is_detected() -> None:
    leaky = Shape("searchOrders", _LeakyPage, SHAPES["searchOrders"].dropped)
    assert leaky.kept & set(leaky.dropped) == {"orders[].recipient.deliveryAddress.name"}
    example = amazon_sdk.example("searchOrders")
    caught = leaked(leaky.decode(json.dumps(example).encode()), personal_values(leaky, example))
    assert caught == {"text of orders[].recipient.deliveryAddress.name"}


def test_undeclared_path_of_a_response_is_detected() -> None:
    forgetful = Shape("getReport", reports_api.ReportState, dropped())
    model = set(amazon_sdk.leaves(*amazon_sdk.answer_schema("getReport")))
    assert model - forgetful.kept - set(forgetful.dropped) == {"reportScheduleId"}
    assert forgetful.drift(b'{"reportScheduleId":"1"}') == ("reportScheduleId",)
