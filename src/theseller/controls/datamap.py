"""Table descriptors of `controls`: contents, retention and grants."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "controls_evidence",
    DataClass.EVIDENCE,
    note="What the probes saw: counts and names of tables, never anyone's row.",
    columns="position id control_id outcome checked summary observations code_version collected_at",
    indexes="_pkey _id_key _latest",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "controls_prober",
    DataClass.OPERATIONAL,
    note="Probers on other machines, each with the public key that an operator registered.",
    columns="name public_key added_at",
    indexes="_pkey _public_key_key",
    retention="until an operator removes the prober",
    eraser=Eraser.KEEP,
    grants=(
        ("web", "select"),
        ("probe", "select"),
    ),
)
describe_table(
    "controls_prober_run",
    DataClass.OPERATIONAL,
    note="Challenges that were issued to probers, with what each was to test.",
    columns="id prober challenge plan issued_at",
    indexes="_pkey _challenge_key _newest",
    parents=("controls_prober",),
    retention="30 days, and with its prober",
    eraser=Eraser.EXPIRY,
    expired_by="controls.delete_old_prober_reports",
    grants=(
        ("web", "select, insert"),
        ("worker", "select (issued_at), delete"),
        ("probe", "select"),
    ),
)
describe_table(
    "controls_prober_report",
    DataClass.EVIDENCE,
    note="Signed reports of probers: statuses, versions, dates and ports of the public address.",
    columns="run_id document signature from_elsewhere received_at",
    indexes="_pkey",
    parents=("controls_prober_run",),
    retention="with its run",
    eraser=Eraser.CASCADE,
    grants=(
        ("web", "insert"),
        ("probe", "select"),
    ),
)
describe_table(
    "controls_prober_arrival",
    DataClass.OPERATIONAL,
    note="Numbers of a prober's marked requests that reached the application.",
    columns="run_id number arrived_at",
    indexes="_pkey",
    parents=("controls_prober_run",),
    retention="with its run",
    eraser=Eraser.CASCADE,
    grants=(
        ("web", "insert"),
        ("probe", "select"),
    ),
)
describe_table(
    "controls_host_result",
    DataClass.EVIDENCE,
    note="What each host found of the controls that every host has to hold.",
    columns="host control_id outcome summary code_version collected_at",
    indexes="_pkey",
    retention="until the host's next run; a day after its last",
    eraser=Eraser.KEEP,
    grants=(("probe", "select, insert, update, delete"),),
)
