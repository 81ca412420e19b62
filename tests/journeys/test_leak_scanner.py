"""The search itself: it finds each needle in each form, and says where.

It finds nothing in what only looks like one.
"""

from __future__ import annotations

import base64
import gzip
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core import signing
from tests.leak_scanner import AllowedFinding, Exact, LeakScanner

CANARY = "CNRYABCDEFGHIJ234567KLMN"
TOKEN = "Atzr|" + "aB3-_" * 12
SECRET = "k7Q_fV-2mPz9+w/8sLrT4xYb"


def _noise(count: int) -> bytes:
    return random.Random(count).randbytes(count)  # noqa: S311


def _broken_up(text: str, first: int) -> bytes:
    """Write text as PostgreSQL's compression does where it finds no repetition.

    A control byte before each eight letters.
    """
    content = text.encode()
    return b"\0".join(
        [content[:first], *(content[at : at + 8] for at in range(first, len(content), 8))]
    )


FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "inside a line": lambda text: f'{{"event": "could not read {text}"}}\n'.encode(),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "hex": lambda text: text.encode().hex().encode(),
    "upper hex": lambda text: text.encode().hex().upper().encode(),
    "a bytea as COPY writes it": lambda text: b"\\\\x" + text.encode().hex().encode() + b"\t7\n",
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one byte on": lambda text: base64.b64encode(b"x" + text.encode()),
    "base64, two bytes on": lambda text: base64.b64encode(b"xy" + text.encode()),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(b"<" + text.encode() + b">"),
    "base64 in the midst of more": lambda text: base64.b64encode(
        b"z" * 301 + text.encode() + b"z" * 40
    ),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip after other bytes": lambda text: b"0123" + gzip.compress(b"x" * 9000 + text.encode()),
    "gzip cut off": lambda text: gzip.compress(text.encode() + os.urandom(4000))[:-900],
    "gzip of gzip": lambda text: gzip.compress(gzip.compress(text.encode())),
    "zlib": lambda text: zlib.compress(text.encode()),
    "a session": lambda text: signing.dumps({"a": [text] * 9}, compress=True).encode(),
    "a gzipped bytea": lambda text: b"\\\\x" + gzip.compress(text.encode()).hex().encode(),
}


def _hits(content: bytes, *exact: Exact) -> set[str]:
    search = LeakScanner(exact)
    search.content("somewhere", content)
    return {hit.needle for hit in search.found.hits}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_a_token_and_a_known_secret_are_found(form: str) -> None:
    make = FORMS[form]
    around = _noise(500)
    assert _hits(around + make(CANARY) + around if "zlib" not in form else make(CANARY)) == {
        "canary"
    }
    assert _hits(make(TOKEN)) == {"refresh token"}
    assert _hits(make(SECRET), Exact("password", SECRET.encode())) == {"password"}


@pytest.mark.parametrize("first", range(1, 9))
def test_a_canary_is_found_in_what_postgresql_compressed(first: int) -> None:
    assert _hits(b"\x01\x02" + _broken_up(CANARY, first) + b"\0\0") == {"canary"}


@pytest.mark.parametrize("first", range(1, 9))
def test_a_known_secret_is_found_in_what_postgresql_compressed(first: int) -> None:
    assert _hits(
        b"\x01\x02" + _broken_up(SECRET, first) + b"\0\0", Exact("password", SECRET.encode())
    ) == {"password"}


def test_identical_content_is_reported_at_each_of_its_places() -> None:
    search = LeakScanner([Exact("password", SECRET.encode())])
    for place in ("a", "b"):
        search.content(place, SECRET.encode())
    assert [hit.place for hit in search.found.hits] == ["a", "b"]
    assert search.found.bytes == 2 * len(SECRET)


@pytest.mark.parametrize("text", ["Atza%7C" + "x" * 30, "Atza\\u007c" + "x" * 30])
def test_an_escaped_token_is_found(text: str) -> None:
    assert _hits(text.encode()) == {"access token"}


def test_leak_scanner_finds_a_binary_key_as_bytes_base64_and_hex() -> None:
    key = _noise(32)
    for content in (b"ab" + key, base64.b64encode(b"ab" + key), key.hex().encode()):
        assert _hits(content, Exact("root key", key)) == {"root key"}


def test_leak_scanner_reports_nothing_in_similar_text() -> None:
    noise = _noise(2_000_000)
    near = b"CNRYabc CNRY234 Atza| Atzr|short 434e5259 " + base64.b64encode(
        b"CNRY but not a canary, Atza| nor a token"
    )
    assert (
        _hits(
            noise + near + base64.b64encode(noise) + noise.hex().encode(),
            Exact("password", SECRET.encode()),
        )
        == set()
    )


def test_files_are_found_by_content_and_by_name_and_counted(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text(f"all is well\n{CANARY}\n")
    (tmp_path / f"{SECRET.replace('/', '_')}.txt").touch()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text(SECRET)
    excuse = AllowedFinding("secrets/password", "password", "it is kept there")
    search = LeakScanner(
        [Exact("password", SECRET.encode()), Exact("name", SECRET.replace("/", "_").encode())],
        excused=[excuse],
    )
    search.folder(tmp_path)
    assert {(hit.place.rpartition(".")[2], hit.needle) for hit in search.found.hits} == {
        ("txt", "name"),
        ("log", "canary"),
    }
    assert search.found.excused == {excuse: 1}
    assert search.found.files == 3
    assert search.found.bytes > len(SECRET) + len(CANARY)


def test_allowed_finding_applies_to_its_place_and_needle_only(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    for excuse in (
        AllowedFinding("other", "password", ""),
        AllowedFinding("password", "other", ""),
        AllowedFinding("passwor", "password", ""),
    ):
        search = LeakScanner([Exact("password", SECRET.encode())], excused=[excuse])
        search.folder(tmp_path)
        assert len(search.found.hits) == 1


def test_leak_scanner_refuses_a_too_short_search_text() -> None:
    with pytest.raises(ValueError, match="short"):
        LeakScanner([Exact("pin", b"1234")])
