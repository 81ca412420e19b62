"""A clock of their own for the processes of a deployment, by libfaketime."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.demo_deployment import ROOT

from theseller.postgres import initdb_and_settings

#: Without a monotonic clock of its own, libfaketime 0.9.10 refuses the system call of `time.sleep`.
_SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


@dataclass(frozen=True, slots=True)
class OwnClock:
    """A clock that is the machine's, or some seconds ahead of it."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables of processes that follow it. Their monotonic clock stays as it is."""
        return {
            "LD_PRELOAD": str(self.folder / "libfaketime.so"),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "ahead"),
            # All processes see a jump at once: a cache would be a host that follows another clock.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(self.folder),
        }

    def set_ahead(self, seconds: int) -> None:
        """Have it jump to so many seconds ahead of the machine's."""
        path = self.folder / "new"
        path.write_text(f"{seconds:+d}\n")
        path.chmod(0o644)
        path.rename(self.folder / "ahead")


@contextlib.contextmanager
def own_clock() -> Iterator[OwnClock]:
    """Make a clock that the database servers of this process follow."""
    found = subprocess.run(
        [ROOT / "bin" / "libfaketime"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.fail(found.stderr)
    # The database may run as another user.
    clock = OwnClock(Path(tempfile.mkdtemp(prefix="ts-clock-")))
    clock.folder.chmod(0o755)
    shutil.copy(found.stdout.strip(), clock.folder / "libfaketime.so")
    (clock.folder / "sitecustomize.py").write_text(_SLEEP)
    clock.set_ahead(0)
    usual = initdb_and_settings.environment()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(initdb_and_settings, "environment", lambda: usual | clock.variables)
        yield clock
    shutil.rmtree(clock.folder, ignore_errors=True)
