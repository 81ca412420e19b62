"""Rotation: operations a second while each kind of secret is replaced again and again, against the same traffic undisturbed.

Two processes read and write as the web and the worker do (`tests/integration/governance/traffic.py`); each kind is replaced by the command
for THESELLER_ROTATION_SECONDS (10 by default; the promise is made for 60). One error anywhere ends it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.integration.governance.deployment import Deployment, Traffic, deployment, traffic

#: Operations a second that must go on in any case.
PROMISED = 300
BAR = 0.5
_KINDS = (
    "root-key", "purpose-key:refresh_token", "certificate-key", "django-session-key", "tenant-ticket-key", "db-web", "db-worker",
)  # fmt: skip


def run() -> list[dict[str, Any]]:
    """Measure, print a line for each kind, and return two results: against undisturbed traffic, and against what is promised."""
    seconds = float(os.environ.get("THESELLER_ROTATION_SECONDS") or 10)
    with deployment() as deployed, traffic(deployed) as running:
        undisturbed = _rate(running, lambda: time.sleep(seconds))
        kinds = (*_KINDS, f"connection-key:{deployed.people()[0]['connection']}")
        rates = [_replaced(deployed, running, kind, seconds) for kind in kinds]
        rates.append(_client_secret(deployed, running, seconds))
    mean, worst = sum(rates) / len(rates), min(rates)
    return [
        {
            "name": "rotation: traffic while each secret is replaced",
            "ours": mean, "baseline": undisturbed, "ratio": mean / undisturbed, "bar": BAR, "unit": "operations/s, 0 errors; undisturbed",
        },
        {
            "name": "rotation: the slowest kind against what is promised",
            "ours": worst, "baseline": float(PROMISED), "ratio": worst / PROMISED, "bar": 1.0, "unit": "operations/s; promised",
        },
    ]  # fmt: skip


def _replaced(deployed: Deployment, running: Traffic, name: str, seconds: float) -> float:
    times = 0

    def work() -> None:
        nonlocal times
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            done = deployed.theseller("rotate", name)
            assert done.returncode == 0, done.stderr
            times += 1

    rate = _rate(running, work)
    print(f"  {name:<58} {rate:8.0f} operations/s, replaced {times} times, 0 errors", flush=True)
    return rate


def _client_secret(deployed: Deployment, running: Traffic, seconds: float) -> float:
    def work() -> None:
        new = deployed.ask_emulator("rotate_secret")["client_secret"]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(new)
            file.flush()
            done = deployed.theseller("rotate", "lwa-client-secret", "--new-from-file", file.name)
        assert done.returncode == 0, done.stderr
        time.sleep(max(0.0, seconds - 5))

    rate = _rate(running, work)
    print(f"  {'lwa-client-secret':<58} {rate:8.0f} operations/s, replaced once, 0 errors", flush=True)
    return rate


def _rate(running: Traffic, work: Callable[[], None]) -> float:
    before = running.look()
    work()
    after = running.look()
    assert after.errors == {}, f"{after.errors}\n{running.last_words()}"
    return (after.operations - before.operations) / (after.at - before.at)


if __name__ == "__main__":
    print(run())
