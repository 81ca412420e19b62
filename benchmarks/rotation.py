"""Benchmark: traffic while secrets are rotated, against undisturbed.

In operations a second. Two processes read and write as the web and the worker do
(`tests/integration/deployment_traffic.py`); each kind of secret is replaced by the command, again
and again, for THESELLER_ROTATION_SECONDS (10 by default; the documented rate is for 60). One error
anywhere ends it.
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

from tests.integration.deployment import Deployment, Traffic, deployment, traffic

#: Operations a second that are required in any case.
PROMISED = 300
BAR = 0.5
#: The passwords that neither process uses are replaced together, as `--all` would.
_IDLE_ROLES = ("db-migrate", "db-retention", "db-probe", "db-backup", "db-superuser")


def run() -> list[dict[str, Any]]:
    """Measure, and print a line for each kind of secret.

    Returns:
        Two results: against undisturbed traffic, and against the documented rate.
    """
    seconds = float(os.environ.get("THESELLER_ROTATION_SECONDS") or 10)
    with deployment() as deployed, traffic(deployed) as running:
        assert deployed.theseller("audit", "seal").returncode == 0, (
            "the audit key is made by the first seal"
        )
        undisturbed = _rate(running, lambda: time.sleep(seconds))
        rates = [_replaced(deployed, running, names, seconds) for names in _kinds(deployed)]
        rates.append(_client_secret(deployed, running, seconds))
    mean, worst = sum(rates) / len(rates), min(rates)
    return [
        {
            "name": "rotation: traffic while each secret is replaced",
            "ours": mean,
            "baseline": undisturbed,
            "ratio": mean / undisturbed,
            "bar": BAR,
            "unit": "operations/s, 0 errors; undisturbed",
        },
        {
            "name": "rotation: the slowest kind against what is promised",
            "ours": worst,
            "baseline": float(PROMISED),
            "ratio": worst / PROMISED,
            "bar": 1.0,
            "unit": "operations/s; promised",
        },
    ]


def _kinds(deployed: Deployment) -> list[tuple[str, ...]]:
    """Return the secrets that the machine can replace, in groups.

    Each alone, but one key of a connection for all of them, and the idle roles' passwords together.
    """
    names = [name for name, entry in deployed.listed().items() if entry["by_machine"]]
    keys = [name for name in names if name.startswith("connection-key:")]
    alone = [name for name in names if name not in (*keys, *_IDLE_ROLES)]
    return [
        *((name,) for name in (*alone, *keys[:1])),
        tuple(name for name in names if name in _IDLE_ROLES),
    ]


def _replaced(
    deployed: Deployment, running: Traffic, names: tuple[str, ...], seconds: float
) -> float:
    times = 0

    def work() -> None:
        nonlocal times
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            done = deployed.theseller("rotate", *names)
            assert done.returncode == 0, done.stderr
            times += 1

    rate = _rate(running, work)
    print(
        f"  {' '.join(names):<58} {rate:8.0f} operations/s, replaced {times} times, 0 errors",
        flush=True,
    )
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
    print(
        f"  {'lwa-client-secret':<58} {rate:8.0f} operations/s, replaced once, 0 errors", flush=True
    )
    return rate


def _rate(running: Traffic, work: Callable[[], None]) -> float:
    before = running.look()
    work()
    after = running.look()
    assert after.errors == {}, f"{after.errors}\n{running.last_words()}"
    return (after.operations - before.operations) / (after.at - before.at)


if __name__ == "__main__":
    print(run())
