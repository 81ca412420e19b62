"""The order of the tests of modules in which each test begins where the one before it ended."""

from __future__ import annotations

import pytest


def restore_order(items: list[pytest.Item], modules: tuple[str, ...]) -> None:
    """Put the tests of modules back into their order, at the places that chance gave the module.

    Args:
        items: all collected tests, shuffled.
        modules: file names of these modules.
    """
    for module in modules:
        places = [index for index, item in enumerate(items) if item.path.name == module]
        ordered = sorted(
            (items[index] for index in places), key=lambda item: item.reportinfo()[1] or 0
        )
        for index, item in zip(places, ordered, strict=True):
            items[index] = item
