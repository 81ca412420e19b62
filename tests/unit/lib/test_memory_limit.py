"""A process that may take only so much memory.

What goes beyond ends in MemoryError, and the process continues.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from theseller.config.environment import InvalidSettingError
from theseller.config.memory_limit import DEFAULT_MB, memory_limit

_PROGRAM = """
import threading
from theseller.lib.core_dump_and_memory_limits import limit_memory, private_memory_bytes
assert limit_memory(100 << 20)
before = private_memory_bytes()
for _ in range(3):
    try:
        bytearray(300 << 20)
    except MemoryError:
        print("refused")
assert len(bytearray(20 << 20)) == 20 << 20
thread = threading.Thread(target=lambda: print("alive"))
thread.start()
thread.join()
limit_memory(1 << 40)
"""


def test_allocation_above_the_memory_limit_raises_memory_error() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.split()) == (0, ["refused"] * 3 + ["alive"]), done.stderr


def test_memory_limit_is_read_from_the_environment() -> None:
    assert memory_limit({}) == DEFAULT_MB << 20
    assert memory_limit({"THESELLER_MEMORY_MB": "4096"}) == 4096 << 20
    assert memory_limit({"THESELLER_MEMORY_MB": "0"}) is None


@pytest.mark.parametrize("text", ["1", "511", "-1", "x", "1.5", "99999999999"])
def test_invalid_memory_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="THESELLER_MEMORY_MB"):
        memory_limit({"THESELLER_MEMORY_MB": text})
