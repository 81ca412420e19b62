"""What the public page of a demo says after its worker has run every probe."""

from __future__ import annotations

from typing import Any

import httpx
from tests.demo_deployment import Demo

from theseller.lib import clock


def checked(demo: Demo) -> dict[str, dict[str, Any]]:
    """Have the worker run every probe, and return what the public page says then; none may be red."""
    requested_at = clock.now()
    answer = demo.theseller("controls", "--now", "--json")
    assert answer.returncode in {0, 1}, answer.stderr + demo.last_words()
    document = httpx.get(f"{demo.web}/security/page.json", trust_env=False, timeout=30).json()
    has_probe = {one["id"]: one for one in document["controls"] if one["probe"]}
    red = {
        name: one["evidence"]
        for name, one in has_probe.items()
        if one["outcome"] in {"broken", "stale"}
    }
    assert not red, red
    failed = {
        name: one["evidence"]
        for name, one in has_probe.items()
        if "could not finish" in one["evidence"]
    }
    assert not failed, failed
    assert all(one["checked_at"] >= requested_at.isoformat() for one in has_probe.values())
    return has_probe
