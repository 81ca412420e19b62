"""Tokens API 2021-03-01: createRestrictedDataToken.

Answers are as recorded for applications with and without a restricted role.
"""

from __future__ import annotations

import json
import re
from typing import Any

from theseller.emulator.spapi.call_parameters import Call
from theseller.emulator.spapi.errors import ApiError, invalid

_SHIPPING = frozenset({"Direct to Consumer Shipping (Restricted)"})
_TAX = frozenset({"Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"})
#: Which restricted roles open a data element. Any one is enough.
_ELEMENT_ROLES = {
    "buyerInfo": _SHIPPING | _TAX,
    "shippingAddress": _SHIPPING | _TAX,
    "buyerTaxInformation": _TAX,
}
_MOST_RESOURCES = 50
#: Restricted operations that are emulated: pattern of the path (an id or its placeholder), and
#: whether they need `dataElements`.
_RESOURCES = (
    (re.compile(r"/orders/v0/orders"), True),
    (re.compile(r"/orders/v0/orders/([^/]+)"), True),
    (re.compile(r"/orders/v0/orders/([^/]+)/orderItems"), True),
    (re.compile(r"/orders/v0/orders/([^/]+)/(?:address|buyerInfo|orderItems/buyerInfo)"), False),
)


def create_restricted_data_token(call: Call) -> dict[str, Any]:
    """Return a token that opens the named resources for an hour.

    Raises:
        ApiError: the request is malformed, or the application's roles do not open the resources.
    """
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    resources = body.get("restrictedResources") if isinstance(body, dict) else None
    if not isinstance(resources, list) or not 1 <= len(resources) <= _MOST_RESOURCES:
        raise _malformed()
    grants = [_grant(call, resource) for resource in resources]
    token = call.emulator.state.restricted(call.seller.id, sorted(call.roles), grants, call.at)
    return {"restrictedDataToken": token, "expiresIn": 3600}


def _malformed() -> ApiError:
    return ApiError(
        400,
        "InvalidRequest",
        "Request is missing or has invalid parameters",
        "Resource not provided.",
    )


def _grant(call: Call, resource: object) -> dict[str, Any]:
    """Return the method, path and data elements of one requested resource.

    Raises:
        ApiError: the resource is malformed, or the application's roles do not open it.
    """
    if (
        not isinstance(resource, dict)
        or resource.get("method") != "GET"
        or not isinstance(resource.get("path"), str)
    ):
        raise _malformed()
    path, elements = resource["path"], resource.get("dataElements") or []
    needs_elements = next((needs for pattern, needs in _RESOURCES if pattern.fullmatch(path)), None)
    if (
        needs_elements is None
        or not isinstance(elements, list)
        or not set(elements) <= set(_ELEMENT_ROLES)
    ):
        raise _malformed()
    closed = [element for element in elements if not call.roles & _ELEMENT_ROLES[element]]
    if closed:
        raise invalid(
            "Application does not have access to one or more requested data elements:"
            f" [{', '.join(closed)}]"
        )
    if not elements and not call.roles & (_SHIPPING | _TAX):
        raise invalid("Application do not have access to some or all requested resource")
    if needs_elements and not elements:
        raise invalid("Request is missing dataElements")
    return {"path": path, "elements": elements}


def opened(grants: list[dict[str, Any]], path: str) -> frozenset[str] | None:
    """Return the data elements that a restricted data token opens at `path`.

    None if it does not open `path` at all.
    """
    for grant in grants:
        pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(grant["path"]))
        if re.fullmatch(pattern, path):
            return frozenset(grant["elements"]) or frozenset(_ELEMENT_ROLES)
    return None
