"""`docs/data-map.md` is generated from the data map, and the live database has nothing else.

An unregistered thing fails here first.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from tests.demo_deployment import ROOT

from theseller.controls.probe_tools.data_map_drift import inventory_drift
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.datamap.documentation_page import page
from theseller.lib import clock

DOCUMENT = Path(ROOT) / "docs" / "data-map.md"


def test_the_document_is_generated_from_the_data_map() -> None:
    if os.environ.get("THESELLER_WRITE_DOCS"):
        DOCUMENT.write_text(page(), encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == page(), (
        "run: THESELLER_WRITE_DOCS=1 pytest tests/completeness/test_data_map.py"
    )


def test_everything_in_the_database_is_in_the_data_map(database: str) -> None:
    # What a process that serves keeps is in the map too: the list of static files is made here.
    get_wsgi_application()
    assert (
        list(inventory_drift(ProbeContext(clock.now(), probe="probe", application="worker"))) == []
    )
