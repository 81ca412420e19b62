"""Command line of the cost model: `python -m tools.cost_model --sellers 1000 --processor 25`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace

from tools.cost_model.figures import MEASURED
from tools.cost_model.model import PRICES_AS_OF, Measured, Prices, Usage
from tools.cost_model.tables import inputs_table, results_table


def main(arguments: list[str]) -> int:
    """Print inputs and results; every input is an option."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.cost_model",
        description="Estimates what a deployment needs and costs (docs/operate/scale.md).",
    )
    parser.add_argument("--sellers", type=int, nargs="+", default=[1_000, 100_000])
    for group in (Usage(0), Prices(), MEASURED):
        for name in _names(group):
            value = getattr(group, name)
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=type(value), default=value, metavar="N")
    given = vars(parser.parse_args(arguments))
    usage = replace(Usage(0), **{name: given[name] for name in _names(Usage(0))})
    prices = replace(Prices(), **{name: given[name] for name in _names(Prices())})
    measured = replace(MEASURED, **{name: given[name] for name in _names(MEASURED)})
    print(f"Measured: {MEASURED.source}. Prices: {PRICES_AS_OF}, examples.\n")
    print(inputs_table(usage, measured, prices))
    print(
        results_table(
            [replace(usage, sellers=sellers) for sellers in given["sellers"]], measured, prices
        )
    )
    return 0


def _names(group: Measured | Usage | Prices) -> list[str]:
    """Return the inputs of a group that are options of their own."""
    return [field.name for field in fields(group) if field.name not in {"sellers", "source"}]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
