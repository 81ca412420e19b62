"""Read the stored evidence of controls, across all shops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connections as databases

from theseller.controls.types import Evidence, Status
from theseller.lib import sql_execution as statements

_COLUMNS = (
    "e.position, e.id, e.control_id, e.outcome, e.checked, e.summary, e.observations,"
    " e.code_version, e.collected_at"
)
_LATEST = f"""
select {_COLUMNS} from unnest(%s::text[]) wanted (control_id)
cross join lateral (
    select * from controls_evidence n where n.control_id = wanted.control_id
      order by n.position desc limit 1) e
"""  # our own column names  # noqa: S608
_HISTORY = (
    f"select {_COLUMNS} from controls_evidence e where e.control_id = %s"  # noqa: S608
    " order by e.position desc limit %s"
)


def latest_evidence(controls: Sequence[str], *, using: str = "default") -> dict[str, Evidence]:
    """Return the newest evidence of each control that has any."""
    return {evidence.control_id: evidence for evidence in _read(_LATEST, [list(controls)], using)}


def history(control: str, *, most: int = 20, using: str = "default") -> tuple[Evidence, ...]:
    """Return the last pieces of evidence of one control, newest first."""
    return tuple(_read(_HISTORY, [control, most], using))


def _read(sql: str, parameters: list[Any], using: str) -> list[Evidence]:
    return [_evidence(row) for row in statements.rows(databases[using], sql, parameters)]


def _evidence(row: tuple[Any, ...]) -> Evidence:
    position, identity, control, outcome, checked, summary, observations, version, collected = row
    if isinstance(observations, str):
        observations = json.loads(observations)
    return Evidence(
        position,
        identity,
        control,
        Status(outcome),
        checked,
        summary,
        observations,
        version,
        collected,
    )
