"""`bin/new` writes what passes the checks and its own tests, or refuses and writes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.style.test_docstrings import SUMMARY_MAX, summaries
from tools.scaffold.__main__ import main
from tools.scaffold.edits import Edits

ROOT = Path(__file__).resolve().parents[3]
_PARTS = ("src", "tests", "tools", "docs", "bin", "deploy", "requirements")
_LABEL_FEES = (
    "charge-date:instant", "label-id:number", "sku:sku", "asin:asin", "service:words", "currency:currency",
    "fee-amount:amount", "tax-amount:amount", "units:whole", "fnsku",
)  # fmt: skip
#: One of each kind, as the guides in docs/develop/ call it.
KINDS: tuple[tuple[str, ...], ...] = (
    ("report-type", "GET_FBA_LABEL_FEES_DATA", "label_fees", "FBA Label Fees",
     "--role", "amazon_fulfillment", *_LABEL_FEES),
    ("report-type", "GET_FBA_SHORT_DATA", "short", "FBA Short",
     "--role", "finance_and_accounting", "day:instant", "unit:currency", "total:amount"),
    ("expiry-job", "drift", "--table", "ingest_drift", "--age", "last_seen_at", "--days", "90"),
    ("page", "analytics", "fees", "Fees by month", "--navigation", "Fees", "--icon", "tally"),
    ("table", "ingest", "sku_note", "What the shop's people wrote about a product.",
     "--category", "shop", "sku:text", "note:text", "written_at:timestamptz"),
    ("command", "drift", "list the fields that this version does not know"),
    ("control", "net-cookies", "4", "No script can read the cookie of a session"),
)  # fmt: skip
#: What refuses it, and the arguments.
REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("exists already", ("command", "legal_hold", "place holds")),
    ("small letters", ("command", "Drift", "x")),
    ("the kinds are", (*KINDS[0][:6], "charge-date:moment")),
    ("the columns need", (*KINDS[0][:6], "charge-date:instant", "sku:sku")),
    ("is no role", (*KINDS[0][:5], "owner", *_LABEL_FEES)),
    ("it begins with GET_", ("report-type", "LABEL_FEES", *KINDS[0][2:])),
    ("no datamap.py describes", (*KINDS[2][:3], "no_table", *KINDS[2][4:])),
    ("has not both columns", (*KINDS[2][:5], "no_column", *KINDS[2][6:])),
    ("begins as 'Products' does", (*KINDS[3][:5], "Payouts")),
    ("has no icon", (*KINDS[3][:6], "--icon", "none")),
    ("imports no `views`", ("page", "privacy", *KINDS[3][2:])),
    ("is no category", (*KINDS[4][:5], "none", "sku:text")),
    ("the types are", (*KINDS[4][:6], "sku:varchar")),
    ("is listed already", ("control", "net-tls", "4", "TLS")),
    ("has no section 99", ("control", "net-new", "99", "New")),
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree in which each kind was written."""
    copy = tmp_path_factory.mktemp("tree")
    # With what Python has compiled, which is half of the time of a test below.
    ignored = shutil.ignore_patterns(".*", "images")
    for part in _PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    for name in ("pyproject.toml", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "Makefile"):
        shutil.copy(ROOT / name, copy / name)
    for arguments in KINDS:
        assert main(list(arguments), root=copy) == 0, arguments
    return copy


def _run(tree: Path, *arguments: str, environ: Mapping[str, str] = MappingProxyType({})) -> str:
    own = {name: value for name, value in os.environ.items() if name != "TESTS_FOLDER"}
    own |= {"PYTHONPATH": f"{tree / 'src'}:{tree}", "PYTHONDONTWRITEBYTECODE": "1", **environ}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=tree,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_what_is_written_passes_format_and_lint(tree: Path) -> None:
    _run(tree, "ruff", "check", "--quiet", "--no-cache", "src", "tests")
    _run(tree, "ruff", "format", "--check", "--quiet", "--no-cache", "src", "tests")


def test_what_is_written_has_short_summaries(tree: Path) -> None:
    """The style's own test reads files of the repository only, and these are new."""
    new = [
        path
        for path in (tree / "src").rglob("*.py")
        if not (ROOT / path.relative_to(tree)).exists()
    ]
    assert len(new) > 10
    found = [summary for path in new for _, summary in summaries(path.read_text())]
    assert [summary for summary in found if len(summary) > SUMMARY_MAX] == []


def test_what_is_written_passes_its_tests_without_a_database(tree: Path) -> None:
    _run(
        tree, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
        "tests/unit/amazon/test_report_label_fees.py", "tests/unit/amazon/test_report_short.py",
        "tests/unit/ingest/report_handlers", "tests/unit/controls/test_catalogue.py",
        "tests/unit/cli/test_commands.py::test_every_command_with_output_has_a_json_option",
        "tests/unit/edge/test_static.py",
        "tests/completeness/test_operator_commands_are_audited.py"
        "::test_audit_test_lists_every_command_line_command",
        "tests/integration/tenancy/test_schema_version_check.py"
        "::test_schema_test_runs_every_command_that_needs_data",
    )  # fmt: skip


@pytest.mark.exhaustive
def test_what_is_written_passes_its_tests_with_a_database(tree: Path) -> None:
    """As after `bin/regenerate`, which writes the generated documents."""
    writers = re.findall(r"(?m)^  (tests/\S+)$", (tree / "bin" / "regenerate").read_text())
    assert len(writers) >= 8
    options = ("pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    _run(tree, *options, *writers, environ={"THESELLER_WRITE_DOCS": "1"})
    _run(
        tree, *options, *writers, "tests/integration/retention/test_drift_expiry.py",
        "tests/integration/analytics/test_fees_page.py", "tests/integration/cli/test_drift_command.py",
        "tests/completeness/test_expiry.py", "tests/unit/datamap",
        "tests/unit/controls/test_probe_tools.py", "tests/unit/amazon/test_allow_list.py",
        "tests/integration/edge/test_translation.py::test_every_text_of_a_shops_pages_is_translated",
    )  # fmt: skip
    imports = "tests/integration/ingest/imports/test_import_report.py"
    _run(tree, *options, imports, "-k", "every_report_type")
    _run(tree, *options, "tests/completeness/test_urls.py", "-k", "fees or exactly")
    _run(tree, *options, "tests/sabotage/test_controls.py", "-k", "net-cookies")


@pytest.mark.parametrize(("reason", "arguments"), REFUSED, ids=lambda one: str(one)[:40])
def test_what_cannot_be_written_is_refused_and_changes_nothing(
    reason: str,
    arguments: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(_edits: Edits) -> list[str]:
        raise AssertionError("it was written")

    monkeypatch.setattr(Edits, "write", write)
    assert main(list(arguments), root=ROOT) == 1
    said = capsys.readouterr()
    assert reason in said.err
    assert said.out == ""
