"""Security page §5: personal data is stripped before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import connections as databases

from theseller.amazon.decoders import all_response_shapes
from theseller.amazon.reports import report_types_and_columns as report_types
from theseller.amazon.reports.report_reader import Options, stream_report
from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.data_map_drift import inventory_drift
from theseller.controls.probe_tools.decoder_canary_samples import (
    CANARY,
    STATED,
    UNLISTED_FIELD,
    business_reports_with_canaries,
    decoded_values,
    report_with_canaries,
    response_with_canaries,
)
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.probe_tools.table_and_file_search import can_find_in_tables
from theseller.controls.types import (
    Control,
    HostScope,
    Outcome,
    Unknown,
    must_find,
    verdict,
)
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass
from theseller.lib.translation_marks import gettext_noop
from theseller.tenancy.tenant_scope import tenant_scope

CONTROL = Control(
    id="pii-strip",
    section=5,
    title=gettext_noop("Buyers' data is dropped while it is read, before anything is stored"),
    statement=gettext_noop(
        "Answers and report files pass a decoder that makes values only of listed fields: a name or"
        " an address that Amazon sends is skipped as bytes. (One decoder keeps a recipient, for a"
        " packing slip that was requested; it is sealed and stored apart, see pii-30-days.) What is"
        " stored elsewhere has no column for it, and an unlisted field is reported by its name,"
        " never kept. Everything stored in the database, the state folder, the key store or a"
        " process is in the data map."
    ),
    citation="Security page §5; Data Protection Policy 2.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    compares_schema=True,
    enforced_by=(
        "theseller.amazon.decoders.response_shape:Shape",
        "theseller.amazon.reports.report_types_and_columns:COLUMNS",
        "theseller.ingest.facts.order_row_conversion",
        "theseller.ingest.facts.ledger_row_conversion",
    ),
    after=(Tag.CONNECTION_AUTHORISED, Tag.IMPORT_RECORDED),
    hosts=HostScope.ALL,
)

#: Words that a column about a person would have in its name, as whole words between underscores.
_PERSONAL_COLUMN = (
    r"(^|_)(buyer|recipient|customer|consignee|receiver|surname|lastname|firstname|fullname|phone|"
    r"telephone|mobile|email|mail|address|street|city|postcode|zip|postal|birthday|cpf|"
    r"gift_message|tracking|ip|latitude|longitude)(_|$)"
)
#: What no fact may hold: our emulator's canaries, this probe's own, and mail addresses (a product's
#: title is the seller's own text).
_PERSONAL_VALUE = r"CNRY[A-Z2-7]{20}|CNRYPROBE|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"
_CANARY_VALUE = r"CNRY[A-Z2-7]{20}|CNRYPROBE"
SHOPS, ROWS = 20, 500

_COLUMNS = """
select c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
  and not a.attisdropped
order by c.relname, a.attnum
"""
_TEXTS = """
select array_agg(quote_ident(a.attname) order by a.attnum) from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
  and format_type(a.atttypid, null) in ('text', 'text[]', 'json', 'jsonb')
    and has_column_privilege(a.attrelid, a.attnum, 'select')
"""


def probe(context: ProbeContext) -> Outcome:
    """Run every decoder on data with canaries, and check stored data.

    The tables' columns, what the data map lacks, and a sample of the newest shops' facts, with
    other rows each time.
    """
    failures = [*_decoders(), *_reports(), *_columns(context), *inventory_drift(context)]
    must_find(
        can_find_in_tables(context, _PERSONAL_VALUE, "buyer@example.com"), "a mail address in a row"
    )
    must_find(can_find_in_tables(context, _CANARY_VALUE, CANARY), "a canary in a title")
    shops = context.rows(
        "select tenant_id from connections_connection group by 1 order by max(created_at) desc"
        " limit %s",
        [SHOPS],
    )
    rows = 0
    for (tenant,) in shops:
        read, problems = _stored(context, tenant)
        rows, failures = rows + read, failures + problems
    paths = sum(len(shape.dropped) for shape in all_response_shapes.SHAPES.values())
    columns = sum(len(one.dropped) for one in report_types.COLUMNS.values())
    if not rows and not failures:
        return Unknown(
            f"No row of a shop's is stored yet. {paths} paths and {columns} columns of answers and"
            " reports let no canary through."
        )
    return verdict(
        len(all_response_shapes.SHAPES) + len(report_types.COLUMNS) + rows,
        failures,
        f"{paths} paths of {len(all_response_shapes.SHAPES)} answers and {columns} columns of"
        f" {len(report_types.COLUMNS)} reports were filled with canaries; none came out. {rows}"
        f" stored rows, a sample of {len(shops)} shops, hold none.",
        decoders=len(all_response_shapes.SHAPES),
        dropped_paths=paths,
        dropped_columns=columns,
        stored_rows=rows,
        shops=len(shops),
    )


def _decoders() -> Iterator[str]:
    for operation, shape in all_response_shapes.SHAPES.items():
        known, unknown = (
            response_with_canaries(shape, unlisted=False),
            response_with_canaries(shape, unlisted=True),
        )
        if CANARY in decoded_values(shape, known) or CANARY in decoded_values(shape, unknown):
            yield f"The decoder of {operation} lets a dropped field through."
        notices = shape.drift(unknown)
        if CANARY in " ".join(notices):
            yield f"The decoder of {operation} reports a value."
        if not any(UNLISTED_FIELD in notice for notice in notices):
            yield f"The decoder of {operation} does not notice a new field."


def _reports() -> Iterator[str]:
    for kind in report_types.COLUMNS:
        options = Options(expected=kind, stated=STATED)
        found = stream_report([report_with_canaries(kind)], options)
        rows = [row for batch in found.batches() for row in batch]
        if not rows:
            yield f"The decoder of {kind} reads no row."
        if CANARY in repr((rows, found.inspection, found.summary)):
            yield f"The decoder of {kind} lets a dropped column through."
    for data in business_reports_with_canaries():
        stream = stream_report([data], Options(stated=STATED))
        products = [row for batch in stream.batches() for row in batch]
        if not products:
            yield "The decoder of Business Reports reads no row."
        if CANARY in repr((products, stream.inspection)):
            yield "The decoder of Business Reports lets a dropped column through."


def _columns(context: ProbeContext) -> Iterator[str]:
    ours = {
        descriptor.table
        for descriptor in descriptors()
        if descriptor.data_class is DataClass.SELLER_PERSONAL
    }
    for table, column in context.rows(_COLUMNS):
        if (
            table not in ours
            and not table.startswith(("django_", "auth_"))
            and re.search(_PERSONAL_COLUMN, column)
        ):
            yield f"Table {table} has a column for personal data: {column}."


def _stored(context: ProbeContext, tenant: UUID) -> tuple[int, list[str]]:
    """Read one shop's facts as the worker does, in that shop's scope."""
    read, problems = 0, []
    with (
        tenant_scope(tenant, using=context.application),
        databases[context.application].cursor() as cursor,
    ):
        for descriptor in descriptors():
            if descriptor.data_class is not DataClass.SELLER_FACTS or not descriptor.tenant_column:
                continue
            cursor.execute(_TEXTS, [descriptor.table])
            columns = cursor.fetchone()[0] or []
            own_text = [name for name in columns if name == "title"]
            plain = [name for name in columns if name != "title"]
            if not columns:
                continue
            cursor.execute(
                "select count(*), count(*) filter"  # the catalogue's own names  # noqa: S608
                f" (where concat_ws(' ', {_texts(plain)}) ~ %s or concat_ws(' ',"
                f" {_texts(own_text)}) ~ %s)"
                f" from (select * from {descriptor.table} where {descriptor.tenant_column} = %s"
                " offset floor(random() * greatest("
                f"(select count(*) from {descriptor.table} where {descriptor.tenant_column} = %s) -"
                f" {ROWS}, 0)) limit {ROWS}) sample",
                [_PERSONAL_VALUE, _CANARY_VALUE, tenant, tenant],
            )
            looked, found = cursor.fetchone()
            read += looked
            if found:
                problems.append(
                    f"{found} row(s) of {descriptor.table} hold what looks like personal data."
                )
    return read, problems


def _texts(columns: list[str]) -> str:
    return ", ".join(f"{name}::text" for name in columns) or "''"
