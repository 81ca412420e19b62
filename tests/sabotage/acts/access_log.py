"""Section 3: the log of access, who looks, and who looks at that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.sabotage.deployment import accept_short_copies
from tests.sabotage.saboteurs import Superuser, Tools, breaks

from theseller.audit import checkpoint_copy_file, signed_checkpoint_document
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.datamap.declared_columns_and_indexes import all_columns
from theseller.lib.secret_type import Secret

_CONTROL = "cred-access-log"
#: Every column of the log, by the data map, which a control compares with the live database.
_COLUMNS = tuple(all_columns()["public.audit_event"])
#: A line in the middle of what is sealed.
_MIDDLE = "(select position from audit_event order by txid, position offset 4 limit 1)"


def _copied(**changed: str) -> str:
    """Return the statement that adds the line that was kept once more, with some columns changed."""
    return (
        f"insert into audit_event ({', '.join(_COLUMNS)}) select"
        f" {', '.join(changed.get(name, name) for name in _COLUMNS)} from kept"
    )


@contextmanager
def _unguarded(superuser: Superuser) -> Iterator[Superuser]:
    """Go past the triggers as the owner of the machine can, without leaving a trace in the catalogue."""
    superuser.execute("set session_replication_role = replica")
    try:
        yield superuser
    finally:
        superuser.execute("set session_replication_role = origin")


def _in_database(does: str, broken: str, repaired: str) -> None:
    def act(tools: Tools) -> Iterator[None]:
        superuser = tools.superuser
        with _unguarded(superuser):
            superuser.execute(
                "create temporary table kept on commit preserve rows as select * from audit_event"
                f" where position = {_MIDDLE}".encode()
            )
            superuser.execute(broken.encode())
        try:
            yield
        finally:
            with _unguarded(superuser):
                superuser.execute(repaired.encode())
                superuser.execute("drop table kept")

    breaks(_CONTROL, does)(act)


for _does, _broken, _repaired in (
    ("changes who did it in a line of the log",
     ("update audit_event set actor = 'user:another-user' where position in (select position from"
     " kept)"),
     "update audit_event e set actor = k.actor from kept k where e.position = k.position"),
    ("deletes a line of the log",
     "delete from audit_event where position in (select position from kept)",
     "insert into audit_event select * from kept"),
    ("adds a line to what was sealed",
     _copied(position="position + 1000000", id="gen_random_uuid()"),
     "delete from audit_event where position in (select position + 1000000 from kept)"),
    ("moves a line to another place in the log",
     ("update audit_event set position = position + 1000000 where position in (select position from"
     " kept)"),
     ("update audit_event set position = position - 1000000 where position in (select position +"
     " 1000000 from kept)")),
    ("adds a line of a transaction that has not been",
     _copied(position="position + 1000000", txid="(2::numeric ^ 40)::bigint",
         id="gen_random_uuid()"),
     "delete from audit_event where position in (select position + 1000000 from kept)"),
    ("keeps the sealer from its work for hours",
     _copied(position="position + 1000000", txid="pg_current_xact_id()::text::bigint",
         id="gen_random_uuid()", at="now() - interval '2 hours'",
             tag="'accounts:session:signed_in'", tenant_id="null", details="'{}'"),
     "delete from audit_event where position in (select position + 1000000 from kept)"),
    ("records a review that no one made",
     ("insert into governance_access_review values ('00000000-0000-7000-8000-000000000001',"
     " gen_random_uuid(), now(), 0, 0, false, 0, 0, 'fine')"),
     "delete from governance_access_review where id = '00000000-0000-7000-8000-000000000001'"),
    ("lets the review of access fall due and pass",
     "update governance_access_review set at = at - interval '15 days'",
     "update governance_access_review set at = at + interval '15 days'"),
    ("opens a shop to an operator without a line in the log",
     ("insert into governance_access_session (tenant_id, id, operator, reason, ticket, opened_at,"
         " expires_at, closed_at, closed_how)"
     " select tenant_id, '00000000-0000-7000-8000-000000000001', operator, reason, ticket,"
     " opened_at, expires_at, closed_at, closed_how"
     " from governance_access_session limit 1"),
     "delete from governance_access_session where id = '00000000-0000-7000-8000-000000000001'"),
    ("gives an operator's session no end",
     ("alter table governance_access_session drop constraint governance_access_session_hour;"
     " update governance_access_session set expires_at = opened_at + interval '10 years'"),
     ("update governance_access_session set expires_at = opened_at + interval '30 minutes';"
     " alter table governance_access_session add constraint governance_access_session_hour"
     " check (expires_at > opened_at and expires_at <= opened_at + interval '60 minutes')")),
):  # fmt: skip
    _in_database(_does, _broken, _repaired)


@breaks(_CONTROL, "lets a session go on after it was ended", also=("net-tenant-isolation",))
def _endless(tools: Tools) -> Iterator[None]:
    row = tools.superuser.execute(
        "select pg_get_functiondef('guard.open_access(uuid, timestamptz)'::regprocedure)"
    ).fetchone()
    assert row is not None
    original = str(row[0])
    tools.superuser.execute(original.replace("s.closed_at is null", "true").encode())
    try:
        yield
    finally:
        tools.superuser.execute(original.encode())


@breaks(_CONTROL, "replaces a checkpoint by one that a key of their own signed")
def _forges(tools: Tools) -> Iterator[None]:
    row = tools.superuser.execute(
        "select document, leaves from audit_checkpoint where number = 1"
    ).fetchone()
    assert row is not None
    original, leaves = bytes(row[0]), bytes(row[1])  # type: ignore[call-overload]
    first = signed_checkpoint_document.read(original)
    forger = SigningKey.from_secret(Secret(b"f" * 32))
    at = tools.deployment.begun
    forged = signed_checkpoint_document.sign(
        None, leaves, until=first.until, key=forger, environment="test", at=at
    )
    replaced = "update audit_checkpoint set document = %s where number = 1"
    with _unguarded(tools.superuser) as superuser:
        superuser.execute(replaced, [forged.document])
    try:
        yield
    finally:
        with _unguarded(tools.superuser) as superuser:
            superuser.execute(replaced, [original])


@breaks(_CONTROL, "removes the checkpoints from the database")
def _removes(tools: Tools) -> Iterator[None]:
    with _unguarded(tools.superuser) as superuser:
        superuser.execute(
            "create temporary table taken on commit preserve rows as select * from audit_checkpoint"
        )
        superuser.execute("truncate audit_checkpoint")
    try:
        yield
    finally:
        with _unguarded(tools.superuser) as superuser:
            superuser.execute("insert into audit_checkpoint select * from taken")
            superuser.execute("drop table taken")
        accept_short_copies()


@breaks(_CONTROL, "writes into the copy of the checkpoints outside the database")
def _rewrites(tools: Tools) -> Iterator[None]:
    del tools
    path = checkpoint_copy_file.copy_path()
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"rows":', b'"rows":1', 1))
    try:
        yield
    finally:
        path.write_bytes(content)


@breaks(_CONTROL, "replaces the log, its checkpoints and their copy by a log of their own")
def _replaces_all(tools: Tools) -> Iterator[None]:
    """Everything but the key store: the chain is well-formed, and no key of ours vouches for it."""
    path = checkpoint_copy_file.copy_path()
    content = path.read_bytes()
    row = tools.superuser.execute(
        "select document, leaves from audit_checkpoint where number = 1"
    ).fetchone()
    assert row is not None
    original = signed_checkpoint_document.read(bytes(row[0]))  # type: ignore[call-overload]
    leaves = bytes(row[1])  # type: ignore[call-overload]
    forger = SigningKey.from_secret(Secret(b"f" * 32))
    forged = signed_checkpoint_document.sign(
        None,
        leaves,
        until=original.until,
        key=forger,
        environment="test",
        at=tools.deployment.begun,
    )
    with _unguarded(tools.superuser) as superuser:
        superuser.execute(
            "create temporary table taken on commit preserve rows as select * from audit_checkpoint"
        )
        superuser.execute("truncate audit_checkpoint")
        superuser.execute(
            "insert into audit_checkpoint values (1, %s, %s)", [forged.document, leaves]
        )
    path.unlink()
    checkpoint_copy_file.append([(forged.document, leaves)])
    try:
        yield
    finally:
        path.write_bytes(content)
        with _unguarded(tools.superuser) as superuser:
            superuser.execute("truncate audit_checkpoint")
            superuser.execute("insert into audit_checkpoint select * from taken")
            superuser.execute("drop table taken")
        accept_short_copies()
