"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import holds
from theseller.datamap.types import DataClass, Eraser

holds(
    "edge_ratebucket",
    DataClass.OPERATIONAL,
    retention="a day after the last request",
    eraser=Eraser.EXPIRY,
    note="Counts under keyed hashes; no address can be read from it.",
)
