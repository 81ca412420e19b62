"""Who breaks what. Each breaks the real thing (a row, a grant, a policy, a file, the running program), names the one control that must
notice, and repairs it afterwards. `docs/sabotage.md` is this list, written out.
"""

from __future__ import annotations

import base64
import json
import resource
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg
import pytest
from django.conf import settings
from tests.sabotage.deployment import TOKEN, Deployment

from theseller.amazon import operations as allow_list
from theseller.amazon.decoders import shapes
from theseller.amazon.decoders.shape import Shape
from theseller.amazon.operations import Operation
from theseller.controls import page
from theseller.controls.types import Status
from theseller.crypto.keys import Purpose
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret

Superuser = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a saboteur may use."""

    deployment: Deployment
    superuser: Superuser
    patch: pytest.MonkeyPatch
    folder: Path


Act = Callable[[Tools], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One act. `control` must turn red, and no other may change, but those in `blinds`, which must say that they can't know."""

    control: str
    does: str
    act: Callable[[Tools], Any]
    blinds: tuple[str, ...] = ()


SABOTEURS: list[Saboteur] = []


def breaks(control: str, does: str, *, blinds: tuple[str, ...] = ()) -> Callable[[Act], Act]:
    """Register a saboteur: a generator that breaks something, yields, and repairs it.

    `blinds` names the controls that can't see while it is broken, and have to say that they don't know.
    """

    def register(act: Act) -> Act:
        SABOTEURS.append(Saboteur(control, does, contextmanager(act), blinds))
        return act

    return register


def sql(control: str, does: str, broken: str, repaired: str) -> None:
    """Register a saboteur of the database: two statements of the superuser's. Braces name things of the deployment."""

    def act(tools: Tools) -> Iterator[None]:
        names = {
            "open": tools.deployment.open, "charlies": tools.deployment.charlies, "ended": tools.deployment.ended,
            "certified": tools.deployment.certified, "alice": tools.deployment.cast.alices_shop,
            "charlie": tools.deployment.cast.charlies_shop, "new": new_id(), "newer": new_id(), "token": TOKEN,
        }  # fmt: skip
        tools.superuser.execute(broken.format(**names))
        try:
            yield
        finally:
            tools.superuser.execute(repaired.format(**names))

    breaks(control, does)(act)


def _file(tools: Tools, name: str, content: bytes) -> Iterator[None]:
    path = settings.ENVIRONMENT.state / "log" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * (1 << 20) + content)  # across the border of what a search reads at once
    try:
        yield
    finally:
        path.unlink()


def _with_operation(tools: Tools, *operations: Operation) -> None:
    table = MappingProxyType({**allow_list.OPERATIONS, **{operation.name: operation for operation in operations}})
    tools.patch.setattr(allow_list, "OPERATIONS", table)


# --- 1 Acceptable use -------------------------------------------------------------------------------------------------------------


@breaks("aup-no-training", "installs a library that trains models")
def _library(tools: Tools) -> Iterator[None]:
    info = tools.folder / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    tools.patch.syspath_prepend(str(tools.folder))
    yield


@breaks("aup-no-buyer-contact", "allows an operation that feeds messages to Amazon")
def _feeds(tools: Tools) -> Iterator[None]:
    _with_operation(tools, Operation("createFeed", "POST", "/feeds/2021-06-30/feeds", 1, 1, frozenset()))
    yield


sql(
    "aup-purpose",
    "pulls a stream that no feature of this version needs",
    "insert into ingest_stream (tenant_id, connection_id, name, due_at) values ('{alice}', '{open}', 'messages', now() + interval '1 day')",
    "delete from ingest_stream where name = 'messages'",
)
sql(
    "aup-purpose",
    "pulls from Amazon for a connection that was made of files",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id, marketplace_ids, features, roles, created_at)"
    " values ('{charlie}', '{new}', 'files', 'eu', '', '{{}}', '{{}}', '{{}}', now());"
    "insert into ingest_stream (tenant_id, connection_id, name, due_at) values ('{charlie}', '{new}', 'orders', now() + interval '1 day')",
    "delete from ingest_stream where connection_id = '{new}'; delete from connections_connection where id = '{new}'",
)

# --- 2 Authorisation --------------------------------------------------------------------------------------------------------------

sql(
    "auth-minimum-roles",
    "records one role more for a connection than its features need",
    "update connections_connection set roles = array_append(roles, 'Pricing') where id = '{open}'",
    "update connections_connection set roles = array_remove(roles, 'Pricing') where id = '{open}'",
)
sql(
    "auth-minimum-roles",
    "shows a consent page that asks for a role too many",
    "update connections_attempt set roles = array_append(roles, 'Brand Analytics') where tenant_id = '{alice}'",
    "update connections_attempt set roles = array_remove(roles, 'Brand Analytics') where tenant_id = '{alice}'",
)


@breaks("auth-revoke-anytime", "stores a token for a connection that has ended")
def _token_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    tools.superuser.execute(
        "insert into connections_refresh_token (tenant_id, connection_id, sealed, data_key_id, sealed_at)"
        " values (%s, %s, decode(repeat('07', 120), 'hex'), %s, now())",
        [tools.deployment.cast.charlies_shop, tools.deployment.ended, key.id],
    )
    yield
    tools.superuser.execute("delete from connections_refresh_token where connection_id = %s", [tools.deployment.ended])
    settings.KEY_STORE.destroy(key.id)


@breaks("auth-revoke-anytime", "makes a new key for a connection that has ended")
def _key_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    yield
    settings.KEY_STORE.destroy(key.id)


# --- 3 Credentials ----------------------------------------------------------------------------------------------------------------

_SWAP = (
    "update connections_refresh_token t set sealed = o.sealed from connections_refresh_token o"
    " where t.connection_id in ('{open}', '{charlies}') and o.connection_id in ('{open}', '{charlies}')"
    " and o.connection_id <> t.connection_id"
)
sql("cred-token-encryption", "swaps the sealed tokens of two shops", _SWAP, _SWAP)
sql(
    "cred-token-encryption",
    "lets the web's role read sealed tokens",
    "grant select (sealed) on connections_refresh_token to theseller_web",
    "revoke select (sealed) on connections_refresh_token from theseller_web",
)


@breaks("cred-token-encryption", "stores a token as plain text")
def _plain(tools: Tools) -> Iterator[None]:
    which = [tools.deployment.open]
    row = tools.superuser.execute("select sealed from connections_refresh_token where connection_id = %s", which).fetchone()
    assert row is not None
    tools.superuser.execute("update connections_refresh_token set sealed = %s where connection_id = %s", [TOKEN.encode(), *which])
    yield
    tools.superuser.execute("update connections_refresh_token set sealed = %s where connection_id = %s", [row[0], *which])


@breaks("cred-token-encryption", "opens the folder of keys to other users", blinds=("cred-rotation",))
def _open_keys(tools: Tools) -> Iterator[None]:
    del tools
    folder = settings.ENVIRONMENT.state / "keys"
    folder.chmod(0o755)
    yield
    folder.chmod(0o700)


sql(
    "cred-access-token-memory",
    "puts a token into a job's arguments",
    "insert into procrastinate_jobs (queue_name, task_name, args) values ('sabotage', 'sabotage', jsonb_build_object('t', '{token}'))",
    "delete from procrastinate_jobs where queue_name = 'sabotage'",
)


@breaks("cred-access-token-memory", "writes a token into a log")
def _log(tools: Tools) -> Iterator[None]:
    yield from _file(tools, "sabotage.log", b"token=Atza|IwEBIsabotage")


@breaks("cred-access-token-memory", "keeps a token in a browser session, compressed as Django does")
def _session(tools: Tools) -> Iterator[None]:
    packed = base64.urlsafe_b64encode(zlib.compress(json.dumps({"token": TOKEN, "pad": "a" * 200}).encode())).decode().rstrip("=")
    tools.superuser.execute(
        "insert into django_session (session_key, session_data, expire_date) values ('sabotage', %s, now() + interval '1 hour')",
        [f".{packed}:1abc:signature"],
    )
    yield
    tools.superuser.execute("delete from django_session where session_key = 'sabotage'")


@breaks("cred-access-token-memory", "makes the token's type print its value")
def _talk(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(Secret, "__repr__", lambda self: self.reveal())
    yield


@breaks("cred-no-plaintext", "writes a live client secret into a log")
def _secret(tools: Tools) -> Iterator[None]:
    yield from _file(tools, "sabotage.log", b"secret=" + settings.SECRETS.get("lwa-client-secret").reveal_bytes())


# --- 4 Network and isolation ------------------------------------------------------------------------------------------------------


@breaks("net-server-side", "lets pages connect to another host")
def _policy(tools: Tools) -> Iterator[None]:
    directives = {**settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], "connect-src": ["'self'", "https://sellingpartnerapi-na.amazon.com"]}
    tools.patch.setattr(settings, "CONTENT_SECURITY_POLICY", {"DIRECTIVES": directives})
    yield


_TICKET_POLICY = (
    "create policy ticket on ingest_stream as restrictive using (tenant_id = guard.ticket_tenant())"
    " with check (tenant_id = guard.ticket_tenant())"
)
for _does, _broken, _repaired in (
    ("no longer forces row security on a table",
     "alter table ingest_product no force row level security", "alter table ingest_product force row level security"),
    ("switches row security off for a table",
     "alter table ingest_inventory disable row level security", "alter table ingest_inventory enable row level security"),
    ("adds a policy that shows everything",
     "create policy sabotage on ingest_product using (true)", "drop policy sabotage on ingest_product"),
    ("drops the policy that checks the signed ticket",
     "drop policy ticket on ingest_stream",
     _TICKET_POLICY),
    ("switches off the proof of bulk writes",
     "alter table ingest_order_line disable trigger prove_added", "alter table ingest_order_line enable trigger prove_added"),
    ("grants a partition by itself",
     "grant select on ingest_order_line_t1 to theseller_web", "revoke select on ingest_order_line_t1 from theseller_web"),
    ("makes a view over a tenant's table", "create view sabotage as select * from ingest_product", "drop view sabotage"),
    ("makes a table that nobody protects", "create table sabotage (tenant_id uuid, sku text)", "drop table sabotage"),
):  # fmt: skip
    sql("net-tenant-isolation", _does, _broken, _repaired)


# --- 5 Buyers' personal data ------------------------------------------------------------------------------------------------------


@breaks("pii-default-none", "allows an operation that answers with buyers' names")
def _buyers(tools: Tools) -> Iterator[None]:
    _with_operation(tools, Operation("getOrderBuyerInfo", "GET", "/orders/v0/orders/{orderId}/buyerInfo", 1, 1, frozenset()))
    yield


@breaks("pii-default-none", "asks for buyers with every order")
def _included(tools: Tools) -> Iterator[None]:
    asked = (("includedData", (*allow_list.INCLUDED_DATA, "BUYER")),)
    _with_operation(tools, replace(allow_list.OPERATIONS["getOrder"], forced=asked))
    yield


sql(
    "pii-default-none",
    "takes in a report type that holds addresses",
    "insert into ingest_document (tenant_id, id, connection_id, origin, report_type, source_key, content_sha256, marketplace_ids,"
    " covers_from, covers_until, rows_kept, recorded_at)"
    " values ('{alice}', '{new}', '{open}', 'pulled', 'GET_ORDER_REPORT_DATA_SHIPPING', 'k',"
    " sha256('x'), '{{}}', now(), now(), 1, now())",
    "delete from ingest_document where report_type = 'GET_ORDER_REPORT_DATA_SHIPPING'",
)
for _does, _column, _value in (
    ("stores a buyer's mail address among the facts", "sku", "jane@example.net"),
    ("stores a canary in a product's title", "title", "Brush CNRYABCDEFGHIJKLMNOPQRST"),
):
    sql(
        "pii-strip",
        _does,
        f"update ingest_product set {_column} = '{_value}' where tenant_id = '{{alice}}' and sku = 'BRUSH-1'",
        "update ingest_product set sku = 'BRUSH-1', title = 'Brush' where tenant_id = '{alice}'",
    )
sql(
    "pii-strip",
    "adds a column for buyers' addresses",
    "alter table ingest_order_line add column ship_city text",
    "alter table ingest_order_line drop column ship_city",
)


@breaks("pii-strip", "teaches a decoder to keep what it does not know")
def _leak(tools: Tools) -> Iterator[None]:
    leaky: Shape[Any] = _Leaky("getOrder", shapes.SHAPES["getOrder"].struct, shapes.SHAPES["getOrder"].dropped)
    tools.patch.setattr(shapes, "SHAPES", {**shapes.SHAPES, "getOrder": leaky})
    yield


class _Leaky(Shape[Any]):
    def decode(self, body: bytes) -> Any:  # noqa: ANN401  # type: ignore[explicit-override]
        """Keep everything."""
        return msgspec.json.decode(body)


# --- 6 After you disconnect -------------------------------------------------------------------------------------------------------

sql(
    "life-token-now",
    "lets a stream try to call for a connection that has ended",
    "update ingest_stream set last_attempt_at = now() + interval '1 second' where connection_id = '{ended}'",
    "update ingest_stream set last_attempt_at = due_at where connection_id = '{ended}'",
)
sql(
    "life-token-now",
    "grants a call for a connection that has ended",
    "insert into ingest_bucket (tenant_id, key, connection_id, tokens, rate, burst, updated_at)"
    " values ('{charlie}', 'sabotage', '{ended}', 1, 1, 1, now() + interval '1 second')",
    "delete from ingest_bucket where key = 'sabotage'",
)


@breaks("life-token-now", "lets a token's key live three hours longer")
def _late_key(tools: Tools) -> Iterator[None]:
    row = tools.superuser.execute(
        "select data_key_id from connections_disconnection where connection_id = %s", [tools.deployment.ended]
    ).fetchone()
    assert row is not None
    tombstone = settings.ENVIRONMENT.state / "keys" / "destroyed" / f"{row[0]}.json"
    before = tombstone.read_bytes()
    fields = json.loads(before)
    fields["destroyed_at"] = (clock.now() + timedelta(hours=3)).isoformat()
    tombstone.write_text(json.dumps(fields))
    yield
    tombstone.write_bytes(before)


sql(
    "life-purge-30",
    "leaves a row of a connection that is certified as erased",
    "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title, updated_at)"
    " values ('{alice}', 'A1PA6795UKMFR9', 'LEFT', '{certified}', 'B0BRUSH001', 'Brush', now())",
    "delete from ingest_product where sku = 'LEFT'",
)
sql(
    "life-purge-30",
    "leaves a derived row of a store that only an erased connection fed",
    "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
    " values ('{alice}', 'A1PA6795UKMFR9', '2026-11-01', now())",
    "delete from ingest_dirty_day where tenant_id = '{alice}'",
)
sql(
    "life-purge-30",
    "forgets a connection that ended 31 days ago",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id, marketplace_ids, features, roles, created_at)"
    " values ('{charlie}', '{new}', 'files', 'eu', '', '{{}}', '{{}}', '{{}}', now());"
    "insert into connections_disconnection (tenant_id, connection_id, reason, actor, at)"
    " values ('{charlie}', '{new}', 'seller_request', 'process:test', now() - interval '31 days')",
    "delete from connections_disconnection where connection_id = '{new}'; delete from connections_connection where id = '{new}'",
)

# --- 14 This page -----------------------------------------------------------------------------------------------------------------

for _does, _broken, _repaired in (
    ("lets the web add evidence",
     "grant insert on controls_evidence to theseller_web", "revoke insert on controls_evidence from theseller_web"),
    ("lets the probe change evidence",
     "grant update (outcome) on controls_evidence to theseller_probe", "revoke update (outcome) on controls_evidence from theseller_probe"),
    ("switches off the guard of the evidence",
     "alter table controls_evidence disable trigger append_only", "alter table controls_evidence enable trigger append_only"),
    ("switches off the guard of the audit log",
     "alter table audit_event disable trigger append_only_whole", "alter table audit_event enable trigger append_only_whole"),
):  # fmt: skip
    sql("page-true", _does, _broken, _repaired)


@breaks("page-true", "draws clauses that nobody has proven in green")
def _lies(tools: Tools) -> Iterator[None]:
    honest = page._not_built
    tools.patch.setattr(page, "_not_built", lambda pending: replace(honest(pending), outcome=Status.MET))
    yield


@breaks("cred-access-token-memory", "lets a crash write the process's memory to the disk")
def _core(tools: Tools) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))
    except (ValueError, PermissionError):
        pytest.skip("only root can raise a limit again once it is nothing")
    yield
    resource.setrlimit(resource.RLIMIT_CORE, limits)


@breaks("cred-rotation", "puts a secret of unknown age among the deployment's")
def _unknown_secret(_tools: Tools) -> Iterator[None]:
    settings.SECRETS.put("partner-api", Secret("nobody knows since when"))
    yield
    settings.SECRETS.remove("partner-api")


@breaks("cred-rotation", "lets a database password grow 91 days old")
def _old_password(tools: Tools) -> Iterator[None]:
    tools.superuser.execute("update governance_secret_age set made_at = made_at - interval '91 days' where secret = 'db-worker'")
    yield
    tools.superuser.execute("update governance_secret_age set made_at = made_at + interval '91 days' where secret = 'db-worker'")


@breaks("cred-rotation", "leaves the replacement of a leaked secret unfinished")
def _stuck_rotation(tools: Tools) -> Iterator[None]:
    stuck = new_id()
    tools.superuser.execute(
        "insert into governance_rotation (id, secret, reason, actor, step, started_at, moved_at)"
        " values (%s, 'tenant-ticket-key', 'leaked', 'process:test', 'believe', now() - interval '2 hours', now())",
        [stuck],
    )
    yield
    tools.superuser.execute("delete from governance_rotation where id = %s", [stuck])
