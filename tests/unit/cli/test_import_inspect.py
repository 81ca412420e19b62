"""`theseller inspect`: what it says, its exit status, and that it needs neither database nor Django."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from theseller.amazon.reports import ReportType
from theseller.cli.main import main
from theseller.emulator.canary_texts import PREFIX
from theseller.emulator.reports import document_rendering
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _orders(seller: str = "A2ALICEEXAMPLE1") -> str:
    order = ReportOrder(
        SELLERS[seller],
        ReportType.ALL_ORDERS_BY_ORDER_DATE,
        document_rendering.midnight(date(2026, 10, 1)),
        document_rendering.midnight(date(2026, 10, 3)),
        AT,
        (),
    )
    text = document_rendering.render(World(7), order)
    assert text
    return text


@pytest.fixture(scope="module")
def orders() -> str:
    return _orders()


@pytest.fixture
def file(tmp_path: Path, orders: str) -> Path:
    path = tmp_path / "orders.txt"
    path.write_text(orders)
    return path


def test_inspect_describes_a_valid_file_without_personal_data(
    file: Path, orders: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(file)]) == 0
    said = " ".join(capsys.readouterr().out.split())  # lines are wrapped to the terminal's width
    rows = len(orders.strip().split("\n")) - 1
    for words in (
        "All Orders, by order date (GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL)",
        "decided by its columns",
        f"{rows:,} rows",
        "Oct 2026 in Amazon.",
        "PII: buyer's place of delivery: ship-city, ship-state, ship-postal-code, ship-country",
        "verdict can be imported",
    ):
        assert words in said
    assert PREFIX not in said
    assert PREFIX in orders


def test_json_is_one_document_with_exact_totals(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk").write_bytes(b"\x00junk")
    assert main(["inspect", str(file), str(tmp_path / "junk"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    good, bad = document["files"]
    assert document["importable"] is False
    assert good["importable"] is True
    assert isinstance(good["totals"]["USD"]["item-price"], str)
    assert {"name": "ship-city", "reason": "PII: buyer's place of delivery"} in good[
        "columns_dropped"
    ]
    assert bad["why_not"] == "line 1: the file holds binary data, not text"
    assert main(["inspect", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["importable"] is True


def test_refused_rows_are_named_by_line_and_column(
    file: Path, orders: str, capsys: pytest.CaptureFixture[str]
) -> None:
    header, first, *rest = orders.split("\n")
    cells = first.split("\t")
    cells[header.split("\t").index("quantity")] = f"{PREFIX}SECRET"
    file.write_text("\n".join([header, "\t".join(cells), *rest]))
    assert main(["inspect", str(file)]) == 1
    said = capsys.readouterr().out
    assert "line 2, quantity: not a whole number" in said
    assert "CAN'T be imported: 1 of" in said
    assert PREFIX not in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.txt", "there is no such file"),
        (".", "this is a folder"),
        ("locked", "can't be read: permission denied"),
    ],
)
def test_inspect_of_an_unreadable_file_exits_1_with_the_reason(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "locked":
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0)
    assert main(["inspect", str(tmp_path / name)]) == 1
    assert words in capsys.readouterr().out


def test_control_characters_in_file_names_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tmp_path / "\x1b[2Jx")]) == 1
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x", "--encoding", "klingon"],
        ["x", "--encoding", "rot13"],
        ["x", "--type", "novel"],
        ["-", "-"],
    ],
)
def test_inspect_with_invalid_arguments_exits_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["inspect", *arguments])
    assert caught.value.code == 2


def test_inspect_type_and_encoding_options_override_detection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "japan.txt"
    path.write_bytes(_orders("A4DORAEXAMPLE22").encode("cp932"))
    assert (
        main(["inspect", str(path), "--encoding", "Shift_JIS", "--type", "orders-by-update"]) == 0
    )
    assert "cp932: asked for" in capsys.readouterr().out
    assert main(["inspect", str(path), "--type", "settlement"]) == 1
    assert "was asked for" in capsys.readouterr().out
    assert main(["inspect", str(path), "--encoding", "utf8"]) == 1
    assert "this is not valid UTF-8" in capsys.readouterr().out


def test_inspect_reads_standard_input_and_named_pipes(
    orders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(orders.encode()))))
    assert main(["inspect", "-"]) == 0
    assert capsys.readouterr().out.startswith("standard input\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(orders,))
    writer.start()
    assert main(["inspect", str(pipe)]) == 0
    writer.join()


def test_inspect_imports_no_django_and_writes_no_file(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from theseller.cli.main import main; status = main(sys.argv[1:]);assert"
        " 'django' not in sys.modules; sys.exit(status)"
    )
    state = tmp_path / "state"
    environ = {**os.environ, "THESELLER_STATE": str(state), "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(file)],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.txt"]
