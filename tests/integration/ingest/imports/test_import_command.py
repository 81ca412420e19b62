"""`theseller import`: which shop, which files, what it says and its exit status, as the web's role."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.db import connections
from tests.cast import NOON, Cast
from tests.integration.ingest.imports.files import (
    ALICE,
    DORA,
    picture,
    report,
    settlement_text,
    text_of_everything,
    zipped,
)

from theseller.accounts.operations import add_member
from theseller.accounts.types import MemberRole
from theseller.amazon.reports import ReportType
from theseller.cli.main import main
from theseller.emulator.canary_texts import PREFIX
from theseller.tenancy.tenant_scope import tenant_scope

ORDERS, TRAFFIC = ReportType.ALL_ORDERS_BY_ORDER_DATE, ReportType.SALES_AND_TRAFFIC


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings are read already; this only says that no embedded database needs to run.
    monkeypatch.setenv("DATABASE_URL", "postgresql:///unused?host=/unused")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orders.txt").write_text(report(ALICE, ORDERS))
    (tmp_path / "settlement.txt").write_text(settlement_text(ALICE))
    (tmp_path / "traffic.json.gz").write_bytes(zipped(report(ALICE, TRAFFIC)))
    (tmp_path / "japan.txt").write_bytes(report(DORA, ORDERS).encode("cp932"))
    (tmp_path / "junk.txt").write_bytes(b"\x00\x01junk")
    return tmp_path


def test_importing_every_report_type_twice_changes_nothing_the_second_time(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        str(folder / name)
        for name in ("orders.txt", "settlement.txt", "traffic.json.gz", "japan.txt")
    ]
    assert main(["import", *files, "--as", cast.alice.email]) == 0
    said = capsys.readouterr()
    assert f"Into Alice's shop ({cast.alices_shop}):" in said.out
    assert "4 files: 4 imported, 0 already there, 0 nothing to store, 0 refused;" in said.out
    assert said.err == ""
    with tenant_scope(cast.alices_shop), connections["default"].cursor() as cursor:
        cursor.execute("select count(*) from analytics_day")
        assert cursor.fetchone()[0] > 0
        cursor.execute("select count(*) from ingest_dirty_day")
        assert cursor.fetchone()[0] == 0
    before = picture()
    assert main(["import", *files, "--shop", str(cast.alices_shop)]) == 0
    assert "0 imported, 4 already there" in capsys.readouterr().out
    assert picture() == before
    everything = text_of_everything()
    assert "process:cli" in everything
    assert PREFIX not in everything + said.out


def test_import_command_imports_valid_files_next_to_an_invalid_one(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(folder / name) for name in ("junk.txt", "orders.txt", "missing.txt")]
    assert main(["import", *files, str(folder), "--as", cast.alice.email, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [file["status"] for file in document["files"]] == [
        "refused",
        "imported",
        "refused",
        "refused",
    ]
    assert "this is a folder" in document["files"][3]["why_not"]
    assert document["imported"] is False
    assert document["shop"] == str(cast.alices_shop)
    assert document["days_recomputed"] > 0


def test_refused_rows_are_shown_and_left_out_only_on_request(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, first, *rest = report(ALICE, ORDERS).split("\n")
    cells = first.split("\t")
    cells[header.split("\t").index("item-price")] = f"{PREFIX}INTHEWRONGCELL"
    (folder / "bad.txt").write_text("\n".join([header, "\t".join(cells), *rest]))
    before = picture()
    assert main(["import", str(folder / "bad.txt"), "--as", cast.alice.email]) == 1
    said = capsys.readouterr().out
    assert "line 2, item-price: not an amount such as 1234.56" in said
    assert "bad.txt: REFUSED" in said
    assert picture() == before
    assert (
        main(["import", str(folder / "bad.txt"), "--as", cast.alice.email, "--allow-refused-rows"])
        == 0
    )
    assert "1 row skipped: unreadable." in capsys.readouterr().out
    assert PREFIX not in said + text_of_everything()


def test_import_command_reads_standard_input(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(zipped(report(ALICE, ORDERS)))))
    assert main(["import", "-", "--as", cast.alice.email]) == 0
    assert "standard input: All Orders, by order date: imported" in capsys.readouterr().out


def test_the_shop_is_found_by_a_person_or_an_id(
    cast: Cast, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "orders.txt")

    def fails(*arguments: str) -> tuple[int, str]:
        before = picture()
        try:
            status = main(["import", file, *arguments])
        except SystemExit as wrong_usage:
            status = int(str(wrong_usage.code))
        assert picture() == before
        return status, capsys.readouterr().err

    assert fails()[0] == 2
    status, said = fails("--shop", "Alice's shop")
    assert (status, "add --as EMAIL" in said) == (2, True)
    status, said = fails("--shop", "00000000-0000-7000-8000-000000000000")
    assert (status, "There is no shop with this id" in said) == (1, True)
    status, said = fails("--as", "nobody@example.com")
    assert (status, "No user with this address" in said) == (1, True)
    status, said = fails("--as", cast.alice.email, "--shop", "Charlie's shop")
    assert (status, f"Choose one with --shop: Alice's shop ({cast.alices_shop})." in said) == (
        2,
        True,
    )
    add_member(
        person=cast.alice.id,
        role=MemberRole.VIEWER,
        tenant=cast.charlies_shop,
        actor="process:test",
        at=NOON,
    )
    status, said = fails("--as", cast.alice.email)
    assert (status, str(cast.charlies_shop) in said) == (2, True)
    status, said = fails("--as", cast.alice.email, "--shop", "Charlie's shop")
    assert (status, "may not import" in said) == (1, True)
    assert main(["import", file, "--as", cast.alice.email.upper(), "--shop", "Alice's shop"]) == 0
