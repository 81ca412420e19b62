"""Run wrk against a page, and read what it measured."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Block:
    """What wrk measured: requests a second, and milliseconds of a request."""

    rate: float
    requests: int
    p50_ms: float
    p95_ms: float


@cache
def wrk() -> str:
    """Return the path of wrk; bin/wrk installs it where it may."""
    found = subprocess.run(  # noqa: S603 - our own script
        [_HERE.parent / "bin" / "wrk"], check=True, stdout=subprocess.PIPE, text=True
    )
    return found.stdout.strip()


def load(url: str, *, connections: int, seconds: int, cookie: str = "") -> Block | None:
    """Request a page again and again from connections that stay open.

    Returns:
        What was measured, or None if no request was answered in that time.

    Raises:
        AssertionError: a request failed or had another status than 2xx or 3xx.
    """
    command = [
        wrk(), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
        "--timeout", "60s", "--script", str(_HERE / "wrk_report.lua"),
        *(["--header", f"Cookie: {cookie}"] if cookie else []), url,
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own command
        command, check=True, capture_output=True, text=True, timeout=seconds + 120
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["refused"], said["broken"]) == (0, 0), done.stdout
    if not said["requests"]:
        return None
    return Block(
        said["requests"] / said["duration"] * 1_000_000,
        said["requests"],
        said["p50"] / 1000,
        said["p95"] / 1000,
    )
