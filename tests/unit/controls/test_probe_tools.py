"""Tools of the probes.

Canaries in every place, a search that finds what is planted, a version that notices every byte.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from theseller.amazon.decoders.all_response_shapes import SHAPES
from theseller.amazon.decoders.response_shape import Shape
from theseller.amazon.reports.report_reader import Options, stream_report
from theseller.amazon.reports.report_types_and_columns import COLUMNS, ReportType
from theseller.controls.catalogue.cred_access_token_memory import _IN_FILES, _unpacked
from theseller.controls.catalogue.pii_strip import _PERSONAL_COLUMN
from theseller.controls.probe_tools import module_imports
from theseller.controls.probe_tools.decoder_canary_samples import (
    CANARY,
    STATED,
    UNLISTED_FIELD,
    business_reports_with_canaries,
    decoded_values,
    report_with_canaries,
    response_with_canaries,
)
from theseller.controls.probe_tools.table_and_file_search import search_files
from theseller.lib import code_version


@pytest.mark.parametrize("shape", list(SHAPES.values()), ids=list(SHAPES))
def test_response_with_canaries_has_one_at_every_dropped_path(shape: Shape[Any]) -> None:
    body = response_with_canaries(shape, unlisted=False)
    assert shape.drift(body) == ()
    document = json.loads(body)
    for path in shape.dropped:
        assert CANARY in json.dumps(_at(document, path.split("."))), path
    assert UNLISTED_FIELD in " ".join(shape.drift(response_with_canaries(shape, unlisted=True)))
    assert CANARY not in decoded_values(shape, body)


def _at(node: Any, segments: list[str]) -> Any:  # noqa: ANN401
    for segment in segments:
        name = segment.removesuffix("[]")
        node = node[name]
        if segment.endswith("[]") and isinstance(node, list):
            node = node[0]
    return node


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_a_report_has_a_canary_in_every_dropped_column(kind: ReportType) -> None:
    body = report_with_canaries(kind)
    assert body.count(CANARY.encode()) >= len(COLUMNS[kind].dropped) + 1
    stream = stream_report([body], Options(expected=kind, stated=STATED))
    assert len([row for batch in stream.batches() for row in batch]) == 1


def test_a_business_report_has_a_canary_in_every_dropped_column() -> None:
    for body in business_reports_with_canaries():
        assert body.count(CANARY.encode()) == 3
        stream = stream_report([body], Options(stated=STATED))
        assert len([row for batch in stream.batches() for row in batch]) == 1


def test_file_search_finds_a_match_across_two_read_blocks(tmp_path: Path) -> None:
    needle = b"Atza|IwEB"
    for offset in range(-len(needle) - 1, 3):
        (tmp_path / "log").write_bytes(b"x" * ((1 << 20) + offset) + needle + b"y" * 10)
        found = search_files([tmp_path / "log"], tmp_path, _IN_FILES)
        assert found.hits == ("file log",), offset
    (tmp_path / "clean").write_bytes(b"Atza is a word" * 9)
    clean = search_files([tmp_path / "clean", tmp_path / "gone"], tmp_path, _IN_FILES)
    assert (clean.hits, clean.items, clean.size, clean.skipped) == ((), 1, 126, 0)


def test_unreadable_path_is_counted_as_skipped(tmp_path: Path) -> None:
    assert (
        search_files([tmp_path], tmp_path, re.compile(b"x")).skipped == 1
    )  # a folder can't be read as a file


@pytest.mark.parametrize("stored", ["", "plain text", ".!!!:1:2", ".AAAA:1:2", "e30:1:2"])
def test_any_stored_session_text_is_unpacked_without_error(stored: str) -> None:
    assert isinstance(_unpacked(stored), bytes)


@pytest.mark.parametrize(
    "column",
    [
        "buyer_email",
        "ship_city",
        "recipient_name",
        "phone",
        "postal_code",
        "gift_message",
        "ip",
        "customer_id",
    ],
)
def test_column_with_a_personal_name_is_matched(column: str) -> None:
    assert re.search(_PERSONAL_COLUMN, column)


@pytest.mark.parametrize(
    "column",
    [
        "sku",
        "title",
        "shipping_price",
        "gift_wrap_price",
        "description",
        "zipped",
        "emails_sent_count_x",
    ],
)
def test_column_without_personal_data_is_not_matched(column: str) -> None:
    assert not re.search(_PERSONAL_COLUMN, column)


@pytest.mark.parametrize(
    "changed",
    [
        "module.py",
        "sub/grants.sql",
        "sub/rights.txt",
        "templates/page.html",
        "static/site.css",
        "static/font.woff2",
    ],
)
def test_code_version_changes_with_each_file_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    file = tmp_path / changed
    file.parent.mkdir(exist_ok=True)
    (tmp_path / "other.py").write_bytes(b"")
    versions = [_version_of(tmp_path, monkeypatch)]
    for content in (b"", b"a = 1\n", b"a = 2\n"):
        file.write_bytes(content)
        versions.append(_version_of(tmp_path, monkeypatch))
    renamed = file.rename(file.with_name(f"renamed{file.suffix}"))
    versions.append(_version_of(tmp_path, monkeypatch))
    assert len(set(versions)) == len(versions) == 5

    renamed.rename(file)
    assert _version_of(tmp_path, monkeypatch) == versions[3]


def test_moving_text_between_two_files_changes_the_code_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = set()
    for one, other in (("ab", "c"), ("a", "bc"), ("c", "ab")):
        (tmp_path / "one.py").write_text(one)
        (tmp_path / "other.py").write_text(other)
        versions.add(_version_of(tmp_path, monkeypatch))
    assert len(versions) == 3


def test_code_version_changes_with_installed_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / "some_library-1.0.dist-info"
    info.mkdir()
    versions = [code_version.code_version.__wrapped__()]
    for release, digest in (("1.0", "sha256=a"), ("1.1", "sha256=a"), ("1.1", "sha256=b")):
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: some-library\nVersion: {release}\n"
        )
        (info / "RECORD").write_text(f"some_library.py,{digest},1\n")
        versions.append(code_version.code_version.__wrapped__())
    assert len(set(versions)) == len(versions) == 4


def test_code_version_does_not_depend_on_path_or_time(
    tmp_path: Path,
) -> None:
    """In processes of their own: another folder, order of hashes and time, and with the modules compiled."""
    versions = set()
    for place, seed in (("first", "1"), ("a longer/second place", "2")):
        shutil.copytree(
            code_version.PACKAGE,
            tmp_path / place / "theseller",
            ignore=shutil.ignore_patterns("__pycache__"),
            copy_function=shutil.copyfile,
        )
        for _ in range(2):
            versions.add(_version_in_process(tmp_path / place, seed))
    assert versions == {code_version.code_version.__wrapped__()}


def test_code_version_includes_python_sql_and_template_files() -> None:
    covered = {
        path.relative_to(code_version.PACKAGE).as_posix() for path in code_version.source_files()
    }
    assert covered >= {
        "postgres/sql/grants.sql",
        "postgres/sql/rights.txt",
        "postgres/sql/functions.txt",
        "controls/templates/controls/page.html",
    }
    assert not [name for name in covered if name.endswith(".pyc")]


def _version_of(package: Path, patch: pytest.MonkeyPatch) -> str:
    with patch.context() as patched:
        patched.setattr(code_version, "PACKAGE", package)
        return code_version.code_version.__wrapped__()


def _version_in_process(place: Path, seed: str) -> str:
    code = (
        "from theseller.lib import code_version as c; print(c.PACKAGE, c.code_version(), sep='\\n')"
    )
    environ = {"PYTHONPATH": str(place), "PYTHONHASHSEED": seed, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    package, version = done.stdout.split("\n")[:2]
    assert package == str(place / "theseller")
    return version


def test_module_imports_are_resolved_to_full_names() -> None:
    assert "httpx" in module_imports.module_imports()["amazon/lwa.py"]
    assert "theseller.lib.clock" in module_imports.module_imports()["controls/tasks.py"]
