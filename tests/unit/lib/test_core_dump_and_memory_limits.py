"""The two locks on a process's memory, in processes of their own.

What a limit does can't be undone in this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_LOOK = """
import json, resource, subprocess, sys
from theseller.lib.core_dump_and_memory_limits import disable_core_dumps, core_dumps_disabled
before = core_dumps_disabled()
disable_core_dumps()
child_code = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
child = subprocess.run([sys.executable, "-c", child_code], capture_output=True, text=True)
limit = resource.getrlimit(resource.RLIMIT_CORE)
print(json.dumps([before, core_dumps_disabled(), limit, child.stdout.strip()]))
"""


def test_core_dumps_are_disabled_for_process_and_children() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    before, after, limit, of_the_child = json.loads(done.stdout)
    assert after
    assert not before or sys.platform != "linux"
    assert limit == [0, 0]
    assert of_the_child == "(0, 0)"


def test_aborted_process_leaves_no_core_dump(tmp_path: Path) -> None:
    code = (
        "import os; from theseller.lib.core_dump_and_memory_limits import disable_core_dumps; disable_core_dumps();"
        " os.abort()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode < 0
    assert list(tmp_path.iterdir()) == []
