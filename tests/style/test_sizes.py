"""Sizes, exemptions and leftovers: style as a test. Numbers may only tighten."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

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


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line of a file with its place, `path:number`."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield f"{_name(path)}:{number}", line


def test_modules_and_functions_are_short() -> None:
    assert len(PYTHON) > 1000
    too_long = []
    for path in PYTHON:
        text = path.read_text()
        limit = TEST_LINES_MAX if "tests" in path.parts else MODULE_LINES_MAX
        if (lines := len(text.splitlines())) > limit:
            too_long.append(f"{_name(path)}: {lines} lines")
        too_long += [
            f"{_name(path)}: {node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
        ]
    assert too_long == []


def test_job_functions_have_few_statements() -> None:
    jobs = {
        f"{_name(path)}: {node.name}": sum(isinstance(one, ast.stmt) for one in ast.walk(node)) - 1
        for path in PYTHON
        if path.name == "tasks.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert jobs
    assert {job: count for job, count in jobs.items() if count > TASK_STATEMENTS_MAX} == {}


#: What no line of the program may hold, with what to do about it.
_TOO_WIDE = {
    r"#\s*noqa(?!:)": "noqa without a rule",
    r"#\s*type:\s*ignore(?!\[)": "ignore without a code",
    r"\b(TODO|FIXME|HACK)\b": "finish it, or write an issue",
}


def test_every_exemption_is_specific() -> None:
    found = [
        f"{place}: {advice}"
        for path in PYTHON
        if "src" in path.parts
        for place, line in _lines(path)
        for pattern, advice in _TOO_WIDE.items()
        if re.search(pattern, line)
    ]
    assert found == []


def test_lines_of_a_template_are_short() -> None:
    templates = [path for path in _files(".html") if "src" in path.parts]
    assert len(templates) > 100
    too_long = [
        f"{place}: {len(line)} columns"
        for path in templates
        for place, line in _lines(path)
        if len(line) > TEMPLATE_COLUMNS_MAX
    ]
    assert too_long == []


def test_templates_carry_no_inline_style_or_script() -> None:
    inline = re.compile(
        r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']"
        r"|<script(?![^>]*\b(src|type=\"application/json\"))[^>]*>"
    )
    assert [_name(path) for path in _files(".html") if inline.search(path.read_text())] == []


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
