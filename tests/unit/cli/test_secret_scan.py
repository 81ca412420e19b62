"""The secret scan finds what it is for, and prints places, never values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCAN = Path(__file__).resolve().parents[3] / "bin" / "secret-scan"


@pytest.mark.parametrize(
    "planted",
    [
        "Atzr" + "|" + "IwEBIJ" + "a1B2c3D4e5" * 8,
        "Atza" + "|" + "IwEBIJ" + "a1B2c3D4e5" * 8,
        "amzn1.oa2-cs" + ".v1." + "0123456789abcdef" * 4,
        "AKIA" + "IOSFODNN7EXAMPLA",
        "-----BEGIN EC PRIVATE" + " KEY-----",
        "AGE-SECRET-KEY" + "-1" + "QPZRY9X8GF" * 5 + "QPZRY9X8",
    ],
)
def test_secret_scan_reports_a_planted_secret_without_its_value(
    tmp_path: Path, planted: str
) -> None:
    file = tmp_path / "file.py"
    file.write_text(f'fine = 1\nkey = "{planted}"\n')
    answer = subprocess.run(
        [sys.executable, str(SCAN), str(file)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert f"{file}:2:" in answer.stdout
    assert planted not in answer.stdout


def test_secret_scan_accepts_a_file_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text('short = "Atzr|demo"\n')
    answer = subprocess.run(
        [sys.executable, str(SCAN), str(file)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout
