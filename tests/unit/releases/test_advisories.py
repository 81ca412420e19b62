"""Advisories: what an archive says, which versions it affects, and the commands."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.advisories import (
    BY_RANGE,
    not_affected,
    openvex,
    osv,
    store_advisories,
    usual,
    write_archive,
)

from theseller.cli.main import main
from theseller.lib import clock
from theseller.releases import advisories
from theseller.releases.advisories import (
    AdvisoriesError,
    Advisory,
    affects,
    find_matches,
    load_snapshot,
    read_archive,
    why_unusable,
)
from theseller.releases.openvex_statements import VexError, parse_statements

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
INTRODUCED, FIXED = {"introduced": "1.0"}, {"fixed": "1.5"}


def _advisory(*events: dict[str, str], versions: tuple[str, ...] = ()) -> Advisory:
    pairs = tuple(next(iter(event.items())) for event in events)
    return Advisory("TEST", (), "", versions, (pairs,) if pairs else ())


@pytest.mark.parametrize(
    ("advisory", "affected", "unaffected"),
    [
        (_advisory(INTRODUCED, FIXED), ["1.0", "1.4.9", "1.5rc1", "1.0.post1", "1.4+local"], ["1.0rc1", "0.9", "1.5", "1.5.post1", "2"]),
        (_advisory({"introduced": "0"}, FIXED), ["0", "0.0.1.dev1", "0a1", "1.4"], ["1.5", "2"]),
        (_advisory(INTRODUCED), ["1.0", "99"], ["0.9"]),
        (_advisory(INTRODUCED, {"last_affected": "1.4"}), ["1.0", "1.4", "1.4.0"], ["1.4.1", "0.9"]),
        (_advisory(INTRODUCED, FIXED, {"introduced": "2.0"}, {"fixed": "2.1"}), ["1.2", "2.0.5"], ["1.7", "2.1"]),
        (_advisory({"fixed": "2.1"}, {"introduced": "2.0"}, FIXED, INTRODUCED), ["1.2", "2.0.5"], ["1.7", "2.1"]),
        (_advisory(INTRODUCED, {"limit": "1.5"}), ["1.4"], ["1.5"]),
        (_advisory(INTRODUCED, {"limit": "*"}), ["1.4", "3"], ["0.1"]),
        (_advisory(versions=("1.4", "2.0")), ["1.4", "1.4.0", "2"], ["1.4.1", "1.5"]),
        (_advisory(versions=("1.4-custom-old",)), ["1.4-custom-old"], ["1.5"]),
        (_advisory(INTRODUCED, FIXED, versions=("3.0",)), ["1.1", "3.0"], ["2.0"]),
        (_advisory({"introduced": "no version"}), ["1.0"], []),
        (_advisory(), [], ["1.0"]),
        (_advisory({"introduced": "1!1.0"}), ["1!1.0"], ["2026.1"]),
    ],
)  # fmt: skip
def test_ranges_are_evaluated_as_the_schema_says(
    advisory: Advisory, affected: list[str], unaffected: list[str]
) -> None:
    assert [version for version in affected if not affects(advisory, version)] == []
    assert [version for version in unaffected if affects(advisory, version)] == []


def test_an_archive_is_read(tmp_path: Path) -> None:
    documents = [
        *usual(AT),
        osv("OTHER", "Django", at=AT, versions=["9"], affected=[{"package": {"ecosystem": "npm", "name": "django"}}]),
        osv("WITHDRAWN", "Django", at=AT, versions=["9"], withdrawn=AT.isoformat()),
        osv("NEWER", "Some_Package", at=AT + timedelta(hours=1), versions=["9"]),
    ]  # fmt: skip
    documents[0]["affected"][0]["ranges"].append(
        {"type": "GIT", "repo": "https://example.com", "events": [{"introduced": "0"}]}
    )
    snapshot = read_archive(write_archive(tmp_path / "all.zip", documents))
    assert snapshot.newest == AT + timedelta(hours=1)
    assert snapshot.count == 5
    assert [one.id for one in snapshot.advisories["django"]] == ["PYSEC-2021-439"]
    assert "some-package" in snapshot.advisories
    assert [match.advisory.id for match in find_matches(snapshot, [("django", "3.2.1")], ())] == [
        "PYSEC-2021-439"
    ]
    assert list(find_matches(snapshot, [("django", "5.2.19"), ("none", "1")], ())) == []


_PACKAGE = {"ecosystem": "PyPI", "name": "x"}


def _with_affected(affected: object) -> str:
    return json.dumps({"id": "A", "modified": AT.isoformat(), "affected": [affected]})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "no advisory about a package"),
        ({"a.json": "no JSON"}, "a.json is no JSON document"),
        ({"a.json": "[]"}, "a.json is no advisory"),
        ({"a.json": '{"id": "A"}'}, "no time of its last change"),
        ({"a.json": json.dumps(osv("A", "x", at=AT, withdrawn="now"))}, "no advisory about"),
        ({"a.json": _with_affected({"package": {"ecosystem": "PyPI"}})}, "A has not the form"),
        ({"a.json": _with_affected({"package": _PACKAGE, "ranges": [{}]})}, "A has not the form"),
        ({"a.json": _with_affected("x")}, "A has not the form"),
    ],
)
def test_what_is_no_archive_of_advisories_is_refused(
    tmp_path: Path, content: dict[str, str], says: str
) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    with pytest.raises(AdvisoriesError, match=says):
        read_archive(path)
    path.write_text("no archive")
    with pytest.raises(AdvisoriesError, match="no archive of advisories"):
        read_archive(path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "all.zip", usual(AT))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
    begin = first.header_offset + 30 + len(first.filename)
    # The last byte may hold no bit of the content.
    for place in range(begin, begin + first.compress_size - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with pytest.raises(AdvisoriesError, match="no archive of advisories"):
            read_archive(path)


def test_an_archive_that_expands_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_archive(tmp_path / "all.zip", [osv("A", "x", at=AT, details="x" * 100_000)])
    monkeypatch.setattr(advisories, "_FILE_BYTES_MAX", 10_000)
    with pytest.raises(AdvisoriesError, match="larger than any advisory"):
        read_archive(path)
    monkeypatch.setattr(advisories, "_ALL_BYTES_MAX", 10_000)
    with pytest.raises(AdvisoriesError, match=r"larger than any of OSV's"):
        read_archive(path)


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(0), ""),
        (timedelta(days=7), ""),
        (timedelta(days=7, seconds=1), "7 days old"),
        (timedelta(days=-2), "in the future"),
    ],
)
def test_advisories_are_usable_for_seven_days(tmp_path: Path, age: timedelta, says: str) -> None:
    folder = store_advisories(tmp_path, usual(AT - age))
    assert says in why_unusable(load_snapshot(folder / "pypi.json"), AT)
    assert bool(says) == bool(why_unusable(load_snapshot(folder / "pypi.json"), AT))


def _never(*_arguments: object) -> bool:
    return False


def test_a_matcher_that_finds_nothing_or_too_much_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = load_snapshot(store_advisories(tmp_path, usual(AT)) / "pypi.json")
    monkeypatch.setattr(advisories, "affects", _never)
    assert "list no vulnerability" in why_unusable(snapshot, AT)
    monkeypatch.setattr(advisories, "affects", lambda _one, version: version in {"3.2.0", "1.5"})
    assert "planted vulnerability was not found" in why_unusable(snapshot, AT)


def test_statements_accept_an_advisory_of_one_version(tmp_path: Path) -> None:
    snapshot = load_snapshot(store_advisories(tmp_path, usual(AT)) / "pypi.json")
    purl = f"pkg:pypi/{BY_RANGE}@1.4"
    product = {"@id": "pkg:pypi/theseller@0.1.0", "subcomponents": [{"@id": purl}]}
    for statement in (
        not_affected("TEST-1", purl),
        not_affected("CVE-TEST-1", purl),
        {**not_affected("TEST-1"), "products": [product]},
        {**not_affected("OTHER", purl), "vulnerability": {"name": "OTHER", "aliases": ["TEST-1"]}},
        {**not_affected("TEST-1", purl), "status": "fixed", "justification": ""},
    ):
        statements = parse_statements(json.dumps(openvex(statement)).encode())
        [match] = find_matches(snapshot, [(BY_RANGE, "1.4")], statements)
        assert match.accepted is not None, statement
        [match] = find_matches(snapshot, [(BY_RANGE, "1.4.1")], statements)
        assert match.accepted is None
    for status in ("affected", "under_investigation"):
        statement = {**not_affected("TEST-1", purl), "status": status}
        assert parse_statements(json.dumps(openvex(statement)).encode()) == ()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("no JSON", "no JSON document"),
        ({"statements": []}, "no OpenVEX document"),
        (openvex({**not_affected("X", "pkg:pypi/x@1"), "justification": ""}), "needs a justification"),
        (openvex({**not_affected("X", "pkg:pypi/x@1"), "status": "fine"}), "is no status"),
        (openvex(not_affected("X", "pkg:pypi/x")), "no package of PyPI with its version"),
        (openvex(not_affected("X", "pkg:npm/x@1")), "no package of PyPI with its version"),
        (openvex({"status": "fixed"}), "statement 1 can't be used"),
        (openvex({**not_affected("X"), "vulnerability": "X"}), "statement 1 can't be used"),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(document: dict[str, Any] | str, says: str) -> None:
    content = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(VexError, match=says):
        parse_statements(content.encode())


def test_the_commands_import_check_and_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    monkeypatch.setattr(advisories, "installed_packages", lambda: [(BY_RANGE, "1.4"), ("ok", "1")])
    command = ["release", "advisories"]
    assert main([*command, "check"]) == 1
    assert "No advisories are imported." in capsys.readouterr().err
    path = str(write_archive(tmp_path / "all.zip", usual(clock.now())))
    assert main([*command, "import", path]) == 0
    assert "stored: advisories 4, newest" in capsys.readouterr().out
    assert (state / "advisories").stat().st_mode & 0o777 == 0o700
    assert main([*command, "check"]) == 1
    said = capsys.readouterr().out
    assert f"✗ {BY_RANGE} 1.4  TEST-1 CVE-TEST-1  A vulnerability of {BY_RANGE}\n" in said
    assert "2 packages, 4 advisories" in said
    vex = tmp_path / "vex.json"
    vex.write_text(json.dumps(openvex(not_affected("TEST-1", f"pkg:pypi/{BY_RANGE}@1.4"))))
    assert main([*command, "accept", str(vex)]) == 0
    assert capsys.readouterr().out == "stored: statements 1\n"
    assert main([*command, "check", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["vulnerabilities"]
    assert found["accepted"] == "vulnerable_code_not_in_execute_path"
    acts = [json.loads(line) for line in (state / "audit" / "acts").read_text().splitlines()]
    assert [act["tag"] for act in acts] == [
        "operations:advisories:imported", "operations:advisories:accepted",
    ]  # fmt: skip


def test_the_commands_refuse_what_proves_nothing_and_keep_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    command = ["release", "advisories"]
    good = str(write_archive(tmp_path / "all.zip", usual(clock.now())))
    assert main([*command, "import", good]) == 0
    before = (state / "advisories" / "pypi.json").read_bytes()
    capsys.readouterr()
    old = str(write_archive(tmp_path / "old.zip", usual(clock.now() - timedelta(days=30))))
    few = str(write_archive(tmp_path / "few.zip", usual(clock.now())[1:]))
    (tmp_path / "none.zip").write_text("no archive")
    for path, says in (
        (old, "30 days old"), (few, "list no vulnerability"),
        (str(tmp_path / "none.zip"), "no archive of advisories"),
        (str(tmp_path / "missing.zip"), "can't be read"),
    ):  # fmt: skip
        assert main([*command, "import", path]) == 1
        assert says in capsys.readouterr().err
    assert main([*command, "accept", good]) == 1
    assert "was not accepted" in capsys.readouterr().err
    assert main([*command, "accept", str(tmp_path / "missing.json")]) == 1
    assert (state / "advisories" / "pypi.json").read_bytes() == before
    assert not (state / "advisories" / "openvex.json").exists()
    (state / "advisories" / "openvex.json").write_text("no statements")
    assert main([*command, "check"]) == 1
    assert "stored statements can't be used" in capsys.readouterr().err
    (state / "advisories" / "pypi.json").write_text("damaged")
    assert main([*command, "check"]) == 1
    assert "advisories can't be read" in capsys.readouterr().err
