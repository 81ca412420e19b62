"""The test database's own guardian: when pytest is killed, nothing of it stays."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys

from tests.database import FOLDER, ROOT

from theseller.postgres.os_processes import start_time, wait_until


def test_a_killed_pytest_leaves_neither_server_nor_folder() -> None:
    folder = FOLDER / f"guarded-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o711)
    watched = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    guardian = subprocess.Popen(
        [sys.executable, "-m", "tests.database", str(folder), str(watched.pid)],
        cwd=ROOT,
        env=environ,
    )
    try:
        assert wait_until((folder / "ready").exists, 60.0)
        server = int(
            (folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n", 1)[0]
        )
        watched.send_signal(signal.SIGKILL)
        watched.communicate()
        assert guardian.wait(30) == 0
        assert start_time(server) is None
        assert not folder.exists()
    finally:
        watched.kill()
        watched.communicate()
        guardian.terminate()
        guardian.wait(30)
