"""Every report type that is read has one format, one handler and one emulated generator."""

from __future__ import annotations

from theseller.amazon.reports import ReportType, must_add_up
from theseller.amazon.reports.format_registry import FORMATS, TYPE_NAMES, title
from theseller.amazon.spapi_operations import ALLOWED_REPORT_TYPES
from theseller.emulator.reports.document_rendering import GENERATORS
from theseller.ingest.report_handlers.registry import HANDLERS, handler_of, types_completing
from theseller.ingest.report_handlers.types import Facts


def test_each_type_has_one_format_one_handler_and_one_generator() -> None:
    formats = [kind for form in FORMATS for kind in form.titles]
    handled = [kind for handler in HANDLERS for kind in handler.types]
    assert sorted(formats) == sorted(handled) == sorted(ReportType) == sorted(TYPE_NAMES.values())
    assert {kind.value for kind in ReportType} == set(GENERATORS) == set(ALLOWED_REPORT_TYPES)


def test_a_handler_is_found_by_any_of_its_types() -> None:
    assert all(kind in handler_of(kind).types for kind in ReportType)


def test_titles_are_those_of_seller_central_and_an_unknown_type_is_shown_as_it_is() -> None:
    assert title(ReportType.SETTLEMENT_V2.value) == "Settlement, flat file V2"
    assert title("GET_SOMETHING_NEW") == "GET_SOMETHING_NEW"
    assert title(None) == "not recognized"


def test_settlements_and_transactions_must_add_up_and_complete_money() -> None:
    money = [ReportType.SETTLEMENT_V2, ReportType.TRANSACTIONS]
    assert [kind for kind in ReportType if must_add_up(kind)] == money
    assert types_completing(Facts.MONEY) == [kind.value for kind in money]
    assert set(types_completing(Facts.ORDERS)) == {
        ReportType.ALL_ORDERS_BY_ORDER_DATE.value,
        ReportType.ALL_ORDERS_BY_LAST_UPDATE.value,
    }
