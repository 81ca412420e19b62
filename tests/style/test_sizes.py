"""Sizes, exemptions and leftovers: style as a test. Numbers may only tighten."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX, TASK_STATEMENTS_MAX = 460, 690, 70, 10
TEMPLATE_COLUMNS_MAX = 120


def _files(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        ROOT / name
        for name in listed.stdout.split("\0")
        if name.endswith(suffixes) and (ROOT / name).is_file()
    ]


PYTHON = [path for path in _files(".py") if "migrations" not in path.parts]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=_name)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    limit = TEST_LINES_MAX if "tests" in path.parts else MODULE_LINES_MAX
    assert len(text.splitlines()) <= limit
    too_long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert too_long == []


@pytest.mark.parametrize("path", [path for path in PYTHON if path.name == "tasks.py"], ids=_name)
def test_job_functions_have_few_statements(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (
                sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1
                <= TASK_STATEMENTS_MAX
            ), node.name


@pytest.mark.parametrize("path", [path for path in PYTHON if "src" in path.parts], ids=_name)
def test_every_exemption_is_specific(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        assert not re.search(r"#\s*noqa(?!:)", line), f"line {number}: noqa without a rule"
        assert not re.search(r"#\s*type:\s*ignore(?!\[)", line), (
            f"line {number}: ignore without a code"
        )
        assert not re.search(r"\b(TODO|FIXME|HACK)\b", line), (
            f"line {number}: finish it, or write an issue"
        )


@pytest.mark.parametrize(
    "path", [path for path in _files(".html") if "src" in path.parts], ids=_name
)
def test_lines_of_a_template_are_short(path: Path) -> None:
    too_long = [
        f"line {number}: {len(line)} columns"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > TEMPLATE_COLUMNS_MAX
    ]
    assert too_long == []


@pytest.mark.parametrize("path", _files(".html"), ids=_name)
def test_templates_carry_no_inline_style_or_script(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))[^>]*>", text)


def test_no_file_names_a_path_of_a_developer_machine() -> None:
    """No path of a machine, no registry host: they would be true nowhere else."""
    bad = re.compile(
        "|".join(
            (
                "/wor" + "k/",
                r"\.\./shar" + "ed",
                "pythonhost" + "ed",
                "pypi.or" + "g/simple",
                "registry.npm" + "js",
            )
        )
    )
    allowed = {ROOT / "tests" / "conformance"}
    for path in _files(".py", ".md", ".toml", ".txt", ".sql", ".html", ".css", ".js", ".yml"):
        if not allowed & set(path.parents):
            assert not bad.search(path.read_text(errors="replace")), _name(path)


def test_no_large_files_and_no_windows_line_ends() -> None:
    for path in _files(""):
        assert path.stat().st_size <= 600_000, _name(path)
        if path.suffix in {".py", ".md", ".sql", ".html", ".css", ".js", ".toml"}:
            assert b"\r\n" not in path.read_bytes(), _name(path)
