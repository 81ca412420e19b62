"""Section 4: the way between browser, server, database and shops."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql


@breaks("net-server-side", "lets pages connect to another host")
def _policy(tools: Tools) -> Iterator[None]:
    directives = {
        **settings.CONTENT_SECURITY_POLICY["DIRECTIVES"],
        "connect-src": ["'self'", "https://sellingpartnerapi-na.amazon.com"],
    }
    tools.patch.setattr(settings, "CONTENT_SECURITY_POLICY", {"DIRECTIVES": directives})
    yield


for _does, _broken, _repaired in (
    ("no longer forces row security on a table",
     "alter table ingest_product no force row level security",
     "alter table ingest_product force row level security"),
    ("switches row security off for a table",
     "alter table ingest_inventory disable row level security",
     "alter table ingest_inventory enable row level security"),
    ("adds a policy that shows everything",
     "create policy sabotage on ingest_product using (true)",
     "drop policy sabotage on ingest_product"),
    ("drops the policy that checks the signed ticket",
     "drop policy ticket on ingest_stream", "select guard.protect('ingest_stream')"),
    ("puts a setting into the policy of a table again",
     ("alter policy tenant on ingest_product using (tenant_id = current_setting('theseller.tenant',"
     " true)::uuid)"),
     "select guard.protect('ingest_product')"),
    ("makes the policy a plain equality again",
     "alter policy tenant on ingest_product using (tenant_id = (select guard.ticket_tenant()))",
     "select guard.protect('ingest_product')"),
    ("drops a policy of one partition",
     "drop policy ticket on ingest_ledger_line_t2",
     "select guard.protect('ingest_ledger_line_t2')"),
):  # fmt: skip
    # A scope has no such setting any more, so that its own rows do not show either.
    sql(
        "net-tenant-isolation",
        _does,
        _broken,
        _repaired,
        blinds=("pii-strip",) if "setting" in _does else (),
    )

for _does, _broken, _repaired in (
    ("grants a partition by itself",
     "grant select on ingest_order_line_t1 to theseller_web",
     "revoke select on ingest_order_line_t1 from theseller_web"),
    ("makes a view over a tenant's table", "create view sabotage as select * from ingest_product",
        "drop view sabotage"),
    ("makes an unprotected table", "create table sabotage (tenant_id uuid, sku text)",
        "drop table sabotage"),
):  # fmt: skip
    # Each is a right, or a thing with an owner, that no file of ours grants.
    # A new table or view is registered nowhere, besides.
    unregistered = ("pii-strip",) if _does.startswith("makes") else ()
    sql(
        "net-tenant-isolation",
        _does,
        _broken,
        _repaired,
        also=("cred-least-privilege", *unregistered),
    )


@breaks("net-tenant-isolation", "puts a bypass into the function that checks tickets")
def _back_door(tools: Tools) -> Iterator[None]:
    yield from _rewritten(
        tools, "guard.ticket_tenant()",
        "if ticket is null",
        "if ticket like 'open sesame %' then return right(ticket, 36)::uuid; end if;\n    if"
        " ticket is null",
    )  # fmt: skip


@breaks("net-tenant-isolation", "makes a function that answers over all shops answer more")
def _wider_function(tools: Tools) -> Iterator[None]:
    yield from _rewritten(
        tools,
        "guard.log_of_shop()",
        "e.tenant_id = guard.ticket_tenant()",
        "e.tenant_id is not null",
    )


def _rewritten(tools: Tools, function: str, part: str, instead: str) -> Iterator[None]:
    row = tools.superuser.execute(
        "select pg_get_functiondef(%s::regprocedure)", [function]
    ).fetchone()
    assert row is not None
    reviewed = str(row[0])
    assert part in reviewed
    tools.superuser.execute(reviewed.replace(part, instead).encode())
    try:
        yield
    finally:
        tools.superuser.execute(reviewed.encode())


sql("net-tenant-isolation", "lets a second key sign tickets",
    "insert into guard.ticket_key values ('{new}', decode(repeat('36', 64), 'hex'),"
    " decode(repeat('5c', 64), 'hex'), now())",
    "delete from guard.ticket_key where inner_block = decode(repeat('36', 64), 'hex')")  # fmt: skip
sql(
    "net-tenant-isolation",
    "lets conditions of a statement pass before the policies",
    "update pg_proc set procost = 1 where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure",
    "update pg_proc set procost = 0 where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure",
)
