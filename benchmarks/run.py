"""Run every benchmark: ours against its baseline, in one run.

It prints a table and writes JSON to benchmarks/results/.

usage: benchmarks/run.py [NAME…]   (names of modules in this folder)
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; exit status 1 if one misses its bar."""
    found = sorted(
        path.stem
        for path in HERE.glob("*.py")
        if path.stem != "run" and not path.stem.startswith("_")
    )
    unknown = set(names) - set(found)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(found)}",
            file=sys.stderr,
        )
        return 2
    results = []
    print(f"{'benchmark':<58} {'ours':>14} {'baseline':>14} {'ratio':>8}  bar")
    for name in names or found:
        outcome = importlib.import_module(f"benchmarks.{name}").run()
        for result in outcome if isinstance(outcome, list) else [outcome]:
            results.append(result)
            sign = "<=" if result.get("better") == "lower" else ">="
            print(
                f"{result['name']:<58} {result['ours']:>14,.2f} {result['baseline']:>14,.2f}"
                f" {result['ratio']:>8.2f}  {sign} {result['bar']}"
                f" {'ok' if holds(result) else 'MISSED'} ({result['unit']})",
                flush=True,
            )
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    started = datetime.now(UTC)  # a file's name, not a fact  # noqa: TID251
    report = {
        "at": started.isoformat(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "results": results,
    }
    path = folder / f"{started:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written to {path.relative_to(HERE.parent)}")
    return 0 if all(map(holds, results)) else 1


def holds(result: dict[str, Any]) -> bool:
    """Say whether the ratio keeps the bar.

    At least the bar, or with `better: lower` at most.
    """
    return bool(
        result["ratio"] <= result["bar"]
        if result.get("better") == "lower"
        else result["ratio"] >= result["bar"]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
