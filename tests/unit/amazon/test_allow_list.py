"""What may be asked of Amazon, and the roles it needs: no more, no less."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations
from urllib.parse import parse_qs, urlsplit

import pytest

from theseller.amazon import spapi_operations
from theseller.amazon.endpoints import Endpoints
from theseller.amazon.errors import NotAllowedError
from theseller.amazon.feature_requirements import (
    FEATURES,
    STREAMS,
    operations_for,
    roles_for,
    uncovered,
)
from theseller.amazon.roles import RESTRICTED_ROLES, ROLES, RestrictedRole, Role
from theseller.amazon.spapi_operations import (
    ALLOWED_REPORT_TYPES,
    DENIED_REPORT_TYPES,
    INCLUDED_DATA,
    OPERATIONS,
    RESTRICTED_OPERATIONS,
    allowed,
    require_report_type,
)
from theseller.lib.marketplaces import MARKETPLACES, Region, by_code

CHOICES = list(
    chain.from_iterable(combinations(FEATURES, size) for size in range(1, len(FEATURES) + 1))
)


def test_allow_list_holds_exactly_the_expected_operations() -> None:
    assert set(OPERATIONS) == {
        "searchOrders",
        "getOrder",
        "listTransactions",
        "listBalances",
        "listSummary",
        "getInventorySummaries",
        "getMarketplaceParticipations",
        "createReport",
        "getReports",
        "getReport",
        "getReportDocument",
        "getOrderMetrics",
    }
    assert not any(operation.needs for operation in OPERATIONS.values())


@pytest.mark.parametrize(
    "name",
    [
        "createRestrictedDataToken",
        "getOrderAddress",
        "getOrderBuyerInfo",
        "getAccount",
        "",
        "SEARCHORDERS",
    ],
)
def test_operation_outside_the_allow_list_is_refused(name: str) -> None:
    with pytest.raises(NotAllowedError):
        allowed(name)


def test_an_operation_marked_restricted_is_refused_even_in_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marked = replace(OPERATIONS["getOrder"], needs=RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING)
    monkeypatch.setattr(spapi_operations, "OPERATIONS", {**OPERATIONS, "getOrder": marked})
    with pytest.raises(NotAllowedError):
        allowed("getOrder")
    assert allowed("searchOrders").name == "searchOrders"


def test_buyers_and_recipients_are_never_included() -> None:
    assert not {"BUYER", "RECIPIENT", "TAX", "PAYMENT", "PACKAGES", "FULFILLMENT_ORDERS"} & set(
        INCLUDED_DATA
    )
    for name in ("searchOrders", "getOrder"):
        assert dict(OPERATIONS[name].forced) == {"includedData": INCLUDED_DATA}
        assert "includedData" not in OPERATIONS[name].params


def test_restricted_operation_is_refused_without_its_role() -> None:
    assert set(RESTRICTED_OPERATIONS) == {"getOrder for a packing slip"}
    for name, operation in RESTRICTED_OPERATIONS.items():
        with pytest.raises(NotAllowedError):
            allowed(name)
        assert allowed(name, (RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,)) is operation
        plain = OPERATIONS[operation.name]
        assert (operation.method, operation.path, operation.rate, operation.burst) == (
            plain.method,
            plain.path,
            plain.rate,
            plain.burst,
        )
    assert dict(RESTRICTED_OPERATIONS["getOrder for a packing slip"].forced) == {
        "includedData": ("RECIPIENT", "FULFILLMENT")
    }


def test_no_report_type_is_both_allowed_and_denied() -> None:
    assert not set(ALLOWED_REPORT_TYPES) & DENIED_REPORT_TYPES
    for report_type in DENIED_REPORT_TYPES:
        with pytest.raises(NotAllowedError) as refused:
            require_report_type("createReport", report_type)
        assert report_type not in str(refused.value)


def test_a_settlement_report_can_be_listed_but_not_ordered() -> None:
    require_report_type("getReports", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2")
    with pytest.raises(NotAllowedError):
        require_report_type(
            "createReport", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", creating=True
        )


def test_no_role_of_ours_is_restricted_and_each_is_explained() -> None:
    assert not {role.value for role in Role} & RESTRICTED_ROLES
    assert set(ROLES) == set(Role)
    assert all(text.amazon_allows and text.we_read for text in ROLES.values())


@pytest.mark.parametrize("chosen", CHOICES)
@pytest.mark.parametrize("region", list(Region))
def test_the_requested_roles_cover_every_call_of_the_features(
    chosen: tuple[str, ...], region: Region
) -> None:
    assert uncovered(chosen, roles_for(chosen), region) == ()


@pytest.mark.parametrize("chosen", CHOICES)
def test_no_requested_role_is_superfluous(chosen: tuple[str, ...]) -> None:
    roles = roles_for(chosen)
    for role in roles:
        rest = [other for other in roles if other is not role]
        assert any(uncovered(chosen, rest, region) for region in Region), (
            f"{role} could be left out"
        )


def test_each_feature_names_the_roles_that_it_alone_needs() -> None:
    for key, feature in FEATURES.items():
        assert roles_for([key]) == feature.roles
        assert feature.why
        assert feature.data
        assert feature.kept


def test_every_stream_belongs_to_a_feature_and_uses_allowed_operations() -> None:
    assert {stream for feature in FEATURES.values() for stream in feature.streams} == set(STREAMS)
    assert all(name in OPERATIONS for stream in STREAMS.values() for name in stream.operations)
    assert {operation.name for operation in operations_for(["stock"])} == {"getInventorySummaries"}
    with pytest.raises(KeyError):
        roles_for(["everything"])


@pytest.mark.parametrize(
    "marketplace", MARKETPLACES.values(), ids=lambda marketplace: marketplace.code
)
def test_consent_url_is_that_of_the_marketplace(marketplace: object) -> None:
    store = next(m for m in MARKETPLACES.values() if m is marketplace)
    url = urlsplit(
        Endpoints.amazon().consent_url(
            store, "amzn1.sellerapps.app.1", "st&te", "https://us.example/back?x=1", draft=True
        )
    )
    assert (url.scheme, url.hostname, url.path) == (
        "https",
        store.seller_central_host,
        "/apps/authorize/consent",
    )
    assert parse_qs(url.query) == {
        "application_id": ["amzn1.sellerapps.app.1"],
        "state": ["st&te"],
        "redirect_uri": ["https://us.example/back?x=1"],
        "version": ["beta"],
    }


def test_a_published_application_sends_no_version() -> None:
    assert "version" not in Endpoints.amazon().consent_url(
        by_code("DE"), "a", "s", "https://x.example/", draft=False
    )


def test_the_emulated_amazon_is_all_at_one_address() -> None:
    endpoints = Endpoints.emulated("http://127.0.0.1:8100/")
    assert endpoints.lwa_token_url == "http://127.0.0.1:8100/auth/o2/token"
    assert endpoints.spapi_base[Region.EU] == "http://127.0.0.1:8100/spapi/eu"
    consent = endpoints.consent_url(
        by_code("UK"), "a", "s", "http://127.0.0.1:8000/back", draft=False
    )
    assert consent.startswith(
        "http://127.0.0.1:8100/seller-central/sellercentral-europe.amazon.com"
        "/apps/authorize/consent?"
    )


def test_the_real_amazon_has_one_host_per_region() -> None:
    assert {str(base) for base in Endpoints.amazon().spapi_base.values()} == {
        "https://sellingpartnerapi-na.amazon.com",
        "https://sellingpartnerapi-eu.amazon.com",
        "https://sellingpartnerapi-fe.amazon.com",
    }
    assert len(Endpoints.amazon().user_agent) <= 500
