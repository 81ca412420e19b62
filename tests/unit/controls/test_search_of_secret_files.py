"""Files below the folder of secrets are searched without a copy of them in memory."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.secret_leaks.process_memory import memory

from theseller.controls.probe_tools.table_and_file_search import search_files

_PATTERN = re.compile(rb"Atza\|[\w-]{16,}")
_TOKEN = b"Atza|" + b"s" * 20
_SEARCHER = """
import sys, re
from pathlib import Path
import django; django.setup()
from theseller.controls.probe_tools.table_and_file_search import search_files
root = Path(sys.argv[1])
folder = {"secrets": root} if sys.argv[2] == "mapped" else {}
found = search_files(sorted(root.iterdir()), root, re.compile(rb"Atza"), **folder)
print(found.items, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("how", ["mapped", "read"])
def test_a_search_of_secrets_leaves_no_copy_in_memory(how: str, tmp_path: Path) -> None:
    values = [secrets.token_hex(400).encode() for _ in range(200)]
    for number, value in enumerate(values):
        (tmp_path / f"secret-{number}").write_bytes(value)
    with subprocess.Popen(
        [sys.executable, "-c", _SEARCHER, str(tmp_path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"200\n"
        left = {
            value for piece in memory(child.pid, set()) for value in values if value[:64] in piece
        }
        child.stdin.close()
    # What is read stays in part: the test would see a copy.
    assert bool(left) is (how == "read")


def test_memory_mapped_secret_file_is_searched_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "password").write_bytes(b"a password")
    assert search_files(tmp_path.iterdir(), tmp_path, _PATTERN, secrets=tmp_path).hits == ()
    (tmp_path / "token").write_bytes(b"x" * 3_000_000 + _TOKEN)
    found = search_files(tmp_path.iterdir(), tmp_path, _PATTERN, secrets=tmp_path)
    assert (found.hits, found.items) == (("file token",), 3)
