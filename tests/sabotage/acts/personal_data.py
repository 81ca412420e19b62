"""Section 5: buyers' personal data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
from tests.sabotage.saboteurs import Tools, breaks, sql, with_operation

from theseller.amazon import spapi_operations as allow_list
from theseller.amazon.decoders import all_response_shapes
from theseller.amazon.decoders.response_shape import Shape
from theseller.amazon.spapi_operations import Operation


@breaks("pii-default-none", "allows an operation that answers with buyers' names")
def _buyers(tools: Tools) -> Iterator[None]:
    with_operation(
        tools,
        Operation(
            "getOrderBuyerInfo", "GET", "/orders/v0/orders/{orderId}/buyerInfo", 1, 1, frozenset()
        ),
    )
    yield


@breaks("pii-default-none", "asks for buyers with every order")
def _included(tools: Tools) -> Iterator[None]:
    requested = (("includedData", (*allow_list.INCLUDED_DATA, "BUYER")),)
    with_operation(tools, replace(allow_list.OPERATIONS["getOrder"], forced=requested))
    yield


@breaks("pii-default-none", "lets packing slips be fetched without the role")
def _without_a_role(tools: Tools) -> Iterator[None]:
    name = "getOrder for a packing slip"
    tools.patch.setattr(
        allow_list,
        "OPERATIONS",
        {
            **allow_list.OPERATIONS,
            name: replace(allow_list.RESTRICTED_OPERATIONS[name], needs=None),
        },
    )
    yield


@breaks("pii-default-none", "asks for the buyer's account with a packing slip")
def _more_than_a_slip(tools: Tools) -> Iterator[None]:
    name = "getOrder for a packing slip"
    wider = replace(
        allow_list.RESTRICTED_OPERATIONS[name],
        forced=(("includedData", ("RECIPIENT", "FULFILLMENT", "BUYER")),),
    )
    tools.patch.setattr(allow_list, "RESTRICTED_OPERATIONS", {name: wider})
    yield


@breaks("pii-default-none", "asks for every order's recipient with the call for one packing slip")
def _all_slips(tools: Tools) -> Iterator[None]:
    name = "getOrder for a packing slip"
    wider = replace(allow_list.RESTRICTED_OPERATIONS[name], path="/orders/2026-01-01/orders")
    tools.patch.setattr(allow_list, "RESTRICTED_OPERATIONS", {name: wider})
    yield


sql(
    "pii-default-none",
    "takes in a report type that holds addresses",
    "insert into ingest_document (tenant_id, id, connection_id, origin, report_type, source_key,"
    " content_sha256, marketplace_ids, covers_from, covers_until, rows_kept, recorded_at) values"
    " ('{alice}', '{new}', '{open}', 'pulled', 'GET_ORDER_REPORT_DATA_SHIPPING', 'k', sha256('x'),"
    " '{{}}', now(), now(), 1, now())",
    "delete from ingest_document where report_type = 'GET_ORDER_REPORT_DATA_SHIPPING'",
)
for _does, _column, _value in (
    ("stores a buyer's mail address among the facts", "sku", "jane@example.net"),
    ("stores a canary in a product's title", "title", "Brush CNRYABCDEFGHIJKLMNOPQRST"),
):
    sql(
        "pii-strip",
        _does,
        f"update ingest_product set {_column} = '{_value}' where tenant_id = '{{alice}}' and sku ="
        " 'BRUSH-1'",
        "update ingest_product set sku = 'BRUSH-1', title = 'Brush' where tenant_id = '{alice}'",
    )
sql(
    "pii-strip",
    "adds a column for buyers' addresses",
    "alter table ingest_order_line add column ship_city text",
    "alter table ingest_order_line drop column ship_city",
)


@breaks("pii-strip", "teaches a decoder to keep what it does not know")
def _leak(tools: Tools) -> Iterator[None]:
    leaky: Shape[Any] = _Leaky(
        "getOrder",
        all_response_shapes.SHAPES["getOrder"].struct,
        all_response_shapes.SHAPES["getOrder"].dropped,
    )
    tools.patch.setattr(
        all_response_shapes, "SHAPES", {**all_response_shapes.SHAPES, "getOrder": leaky}
    )
    yield


class _Leaky(Shape[Any]):
    def decode(self, body: bytes) -> Any:  # noqa: ANN401
        """Keep everything."""
        return msgspec.json.decode(body)
