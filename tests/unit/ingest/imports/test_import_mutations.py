"""What the page and the command line say of a changed file holds no cell of a column that is not read."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from tests.unit.amazon.report_fixtures.mutations import CANARY, mutants

from theseller.accounts.types import TenantContext
from theseller.amazon.reports import inspect_report
from theseller.cli.report_inspection_output import inspection_text
from theseller.ingest.imports.forms import ImportForm
from theseller.ingest.imports.views import _card
from theseller.lib.marketplaces import by_code


def _shown(first: int, count: int) -> int:
    day = {"first_day": "2026-03-01", "last_day": "2026-03-01"}
    form = ImportForm({"encoding": "", "store": "DE", **day}, stores=[by_code("DE")])
    assert form.is_valid()
    shown = 0
    for mutant in mutants(first, count):
        file = SimpleUploadedFile("report.txt", mutant.data)
        # who looks is asked before a file is stored, and none is
        tenant_context: TenantContext = None  # type: ignore[assignment]
        page = render_to_string(
            "ingest/import_card.html", {"card": _card(file, form, tenant_context)}
        )
        text = inspection_text("report.txt", inspect_report([mutant.data]))
        for output in (page, text):
            leak = CANARY.search(output)
            assert leak is None, f"mutant {mutant.number} ({mutant.what})"
        shown += "Columns not read" in page
    return shown


def test_no_cell_of_an_unread_column_is_shown() -> None:
    assert _shown(40_000, 120) > 20


@pytest.mark.exhaustive
def test_no_cell_of_an_unread_column_is_shown_of_thousands_of_files() -> None:
    assert _shown(41_000, 3_000) > 500
