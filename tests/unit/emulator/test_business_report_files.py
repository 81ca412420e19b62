"""Business Reports that the emulator writes, in each language, are read with their own figures."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from theseller.amazon.reports import Stated, inspect_report
from theseller.emulator.cli import main
from theseller.emulator.reports.business_report import KINDS, LANGUAGES
from theseller.lib.marketplaces import by_code

DAY = "2026-10-01"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("by", KINDS)
def test_a_file_of_a_day_has_the_figures_of_the_json(
    tmp_path: Path, by: str, language: str
) -> None:
    wanted = ["report", "--seller", "A2ALICEEUROPE1", "--type", "GET_SALES_AND_TRAFFIC_REPORT"]
    wanted += ["--from", DAY, "--to", DAY, "--out"]
    file, document = tmp_path / "BusinessReport.csv", tmp_path / "traffic.json"
    assert main([*wanted, str(file), "--business-report", by, "--language", language]) == 0
    assert main([*wanted, str(document)]) == 0
    day = date.fromisoformat(DAY)
    stated = Stated(by_code("UK"), day, day)
    found = inspect_report([file.read_bytes()], stated=stated)
    assert found.importable
    [entry] = json.loads(document.read_text(), parse_float=Decimal)["salesAndTrafficByDate"]
    which = "by day" if by == "date" else "by product"
    assert found.totals["GBP"] == {
        f"ordered product sales {which}": entry["salesByDate"]["orderedProductSales"]["amount"],
        f"units ordered {which}": entry["salesByDate"]["unitsOrdered"],
        f"sessions {which}": entry["trafficByDate"]["sessions"],
    }
