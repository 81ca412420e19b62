"""What the data map says of columns, indexes, jobs and keys.

Complete for every table, and without a contradiction.
"""

from __future__ import annotations

import inspect

from procrastinate.contrib.django import app

from theseller.datamap.declared_columns_and_indexes import all_columns, all_indexes
from theseller.datamap.non_table_objects import JOBS, KEYS, PROCESS_STATE
from theseller.datamap.state_folder_and_guard_tables import GUARD_RELATIONS
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass, Eraser

_OF_SOMEBODY = {
    DataClass.SELLER_FACTS,
    DataClass.SELLER_INPUT,
    DataClass.CREDENTIALS,
    DataClass.SELLER_PERSONAL,
}
_GUARD = {f"guard.{name}" for name in GUARD_RELATIONS}


def test_every_descriptor_has_columns_and_indexes() -> None:
    tables = {_named(descriptor.table) for descriptor in descriptors()} | _GUARD
    assert {table for table, columns in all_columns().items() if columns} == tables
    assert {table for table, indexes in all_indexes().items() if indexes} == tables


def _named(table: str) -> str:
    return table if "." in table else f"public.{table}"


def test_the_columns_that_the_map_names_are_columns() -> None:
    for descriptor in descriptors():
        columns = all_columns()[_named(descriptor.table)]
        named = {
            descriptor.tenant_column,
            descriptor.connection_column,
            *(name for name, _ in descriptor.sealed_columns),
        } - {None}
        assert named <= set(columns), descriptor.table


def test_no_column_of_an_owner_is_in_a_table_that_outlives_the_owner() -> None:
    kept = {_named(one.table) for one in descriptors() if one.eraser is Eraser.KEEP}
    found = {
        f"{table}.{name}"
        for table in kept
        for name, said in all_columns()[table].items()
        if said in _OF_SOMEBODY
    }
    assert found == set()


def test_every_kind_of_job_and_its_arguments_are_registered() -> None:
    live = {
        name: frozenset(inspect.signature(task.func).parameters) - {"context"}
        for name, task in app.tasks.items()
    }
    assert live == JOBS


def test_a_key_belongs_to_one_kind_of_owner() -> None:
    for owner, purpose in (
        ("connection:01890000-0000-7000-8000-000000000000", "refresh_token"),
        ("backup:01890000-0000-7000-8000-000000000000", "backup"),
        ("certificates", "signing"),
        ("probe", "pii"),
        ("connection-pii:01890000-0000-7000-8000-000000000000", "pii"),
        ("pii-day:2026-11-20", "pii"),
    ):
        assert sum(known.covers(owner, purpose) for known in KEYS) == 1
    assert not any(known.covers("connection:somebody", "refresh_token") for known in KEYS)
    assert not any(known.covers("certificates", "refresh_token") for known in KEYS)


def test_every_process_state_has_owner_retention_and_eraser() -> None:
    assert len({thing.name for thing in PROCESS_STATE}) == len(PROCESS_STATE)
    for thing in PROCESS_STATE:
        assert all(
            word.strip()
            for word in (thing.kind, thing.name, thing.owner, thing.retention, thing.eraser)
        )
