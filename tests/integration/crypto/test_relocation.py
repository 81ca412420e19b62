"""The relocation matrix: what is sealed in one cell opens in no other cell of the database.

It is generated from the data map.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import connections
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.database import test_server

from theseller.connections import refresh_token_store
from theseller.connections.models import Connection
from theseller.crypto import seal_value as sealed_messages
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyNotFoundError
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.seal_stream import seal_stream
from theseller.crypto.seal_value import OVERHEAD_BYTES, VERSION, open_sealed, seal
from theseller.datamap import table_registry
from theseller.datamap.types import TableDescriptor
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

ENVIRONMENTS = ("demo", "production", "staging", "test")
PLAIN = b"a canary that must open at home only"


@dataclass(frozen=True)
class Ring:
    """Any number of keys, found by their ids."""

    keys: tuple[DataKey, ...]

    def get(self, key_id: UUID, /) -> DataKey:
        for key in self.keys:
            if key.id == key_id:
                return key
        raise KeyNotFoundError(key_id)


def descriptors() -> tuple[TableDescriptor, ...]:
    """Return the whole map: every slice has registered when Django is ready."""
    found = table_registry.descriptors()
    assert len(found) >= len(
        {config.label for config in apps.get_app_configs() if config.name.startswith("theseller.")}
    )
    return found


def sealed_columns() -> list[tuple[TableDescriptor, str, Purpose]]:
    return [
        (descriptor, column, Purpose(purpose))
        for descriptor in descriptors()
        for column, purpose in descriptor.sealed_columns
    ]


def catalogue() -> list[tuple[str, str, str]]:
    """Return (table, column, type) of every column of the live database."""
    with connections["probe"].cursor() as cursor:
        cursor.execute(
            "select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname"
            " end, a.attname, format_type(a.atttypid, null) from pg_attribute a join pg_class c on"
            " c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname in"
            " ('public', 'pii') and c.relkind in ('r', 'p') and not c.relispartition and a.attnum >"
            " 0 and not a.attisdropped order by 1, 2"
        )
        return list(cursor.fetchall())


def test_data_map_declares_exactly_the_sealed_columns(database: str) -> None:
    """Compare both ways.

    A column of bytes that says `sealed` by its name is declared, and what is declared exists and
    holds bytes.
    """
    live = {(table, column): kind for table, column, kind in catalogue()}
    declared = {(descriptor.table, column) for descriptor, column, _ in sealed_columns()}
    assert declared
    assert {
        place for place, kind in live.items() if kind == "bytea" and place[1].startswith("sealed")
    } <= declared
    assert {live.get(place) for place in declared} == {"bytea"}


def elsewhere(
    home: EncryptionContext, cells: list[tuple[str, str]]
) -> Iterator[tuple[str, EncryptionContext]]:
    """Yield every other place that differs from `home` in one thing.

    Also those that an attacker would swap together.
    """
    for tenant in (NO_TENANT, UUID(int=1), UUID(int=home.tenant.int ^ 1), new_id()):
        yield "tenant", replace(home, tenant=tenant)
    for table, column in cells:
        if (table, column) != (home.table, home.column):
            yield "cell", replace(home, table=table, column=column)
        if table != home.table:
            yield "table", replace(home, table=table)
        elif column != home.column:
            yield "column", replace(home, column=column)
    for row in (str(new_id()), home.row + " ", home.row.upper() + "x", home.row[:-1], "0"):
        yield "row", replace(home, row=row)
        yield "row and tenant", replace(home, row=row, tenant=new_id())
    yield from (
        ("purpose", replace(home, purpose=purpose)) for purpose in set(Purpose) - {home.purpose}
    )
    yield from (
        ("environment", replace(home, environment=environment))
        for environment in set(ENVIRONMENTS) - {home.environment}
    )
    # Two neighbours whose texts join to the same bytes: the lengths in the canonical form tell them
    # apart.
    yield "border", replace(home, table=home.table + home.column[:1], column=home.column[1:])
    yield "border", replace(home, column=home.column + home.row[:1], row=home.row[1:])


def test_sealed_column_value_cannot_be_opened_at_any_other_place(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [(table, column) for table, column, _ in catalogue()]
    assert len(cells) > 150
    refused: Counter[str] = Counter()
    for descriptor, column, purpose in sealed_columns():
        key, other = new_data_key(purpose), new_data_key(purpose)
        for environment in ENVIRONMENTS:
            home = EncryptionContext(
                new_id(), descriptor.table, column, str(new_id()), purpose, environment
            )
            message = seal(key, home, PLAIN)
            assert open_sealed(Ring((key, other)), home, message) == Secret(PLAIN)
            for what, place in elsewhere(home, cells):
                # The attacker holds a store that gives this very key for the other purpose too: the
                # place alone must refuse.
                lent = DataKey(key.id, place.purpose, key.material)
                with pytest.raises(CannotOpenError):
                    open_sealed(Ring((lent,)), place, message)
                refused[what] += 1
            for version in set(range(256)) - {VERSION}:
                with pytest.raises(CannotOpenError):
                    open_sealed(Ring((key,)), home, bytes([version]) + message[1:])
                refused["version"] += 1
            with pytest.raises(CannotOpenError):
                open_sealed(Ring((other,)), home, message[:1] + other.id.bytes + message[17:])
            refused["key"] += 1
            for byte in range(len(message)):
                with pytest.raises(CannotOpenError):
                    altered = bytearray(message)
                    altered[byte] ^= 1
                    open_sealed(
                        Ring(
                            (key, DataKey(UUID(bytes=bytes(altered[1:17])), purpose, key.material))
                        ),
                        home,
                        bytes(altered),
                    )
                refused["byte"] += 1
    assert set(refused) == {
        "tenant", "cell", "table", "column", "row", "row and tenant", "purpose", "environment",
        "border", "version", "key", "byte",
    }  # fmt: skip
    with capsys.disabled():
        print(  # noqa: T201
            f"\nrelocation matrix: {sum(refused.values())} moves refused {dict(refused)}, over"
            f" {len(sealed_columns())} sealed column(s)"
        )


def test_sealing_requires_a_context() -> None:
    """Check the two functions that seal, values and streams.

    Neither can be called without a context, with a nonce, or with a key of another purpose.
    """
    assert list(inspect.signature(seal).parameters) == ["key", "context", "plaintext"]
    assert list(inspect.signature(seal_stream).parameters) == ["key", "context", "source"]
    for function in (seal, seal_stream):
        assert all(
            parameter.default is inspect.Parameter.empty
            for parameter in inspect.signature(function).parameters.values()
        )
    package = Path(sealed_messages.__file__).parent
    encrypting = {path.name for path in package.glob("*.py") if "AESGCM(" in path.read_text()}
    assert encrypting == {"seal_stream.py", "seal_value.py"}
    home = EncryptionContext(NO_TENANT, "a", "b", "c", Purpose.PII, "test")
    with pytest.raises(ValueError, match="cannot seal"):
        seal(new_data_key(Purpose.MFA), home, PLAIN)
    assert len(seal(new_data_key(Purpose.PII), home, PLAIN)) == len(PLAIN) + OVERHEAD_BYTES


def connect(tenant: UUID, number: int, token: str) -> UUID:
    """Make a connection with its sealed token, as the web's role does."""
    connection = new_id()
    with tenant_scope(tenant):
        Connection.objects.create(
            tenant_id=tenant,
            id=connection,
            origin="lwa",
            region="eu",
            selling_partner_id=f"A{number}{connection.hex[:10].upper()}",
            marketplace_ids=["A1PA6795UKMFR9"],
            features=[],
            roles=[],
            created_at=NOON,
            authorised_at=NOON,
        )
        refresh_token_store.store_token(tenant, connection, Secret(token), at=NOON)
    return connection


def test_ciphertext_moved_to_another_row_cannot_be_opened(cast: Cast, database: str) -> None:
    """Move ciphertexts, with their keys' ids, between rows and shops of the real table."""
    shops = [(cast.alices_shop, 1), (cast.alices_shop, 2), (cast.charlies_shop, 3)]
    homes = [
        (tenant, connect(tenant, number, f"canary-token-{number}")) for tenant, number in shops
    ]
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:

        def content(of: tuple[UUID, UUID]) -> tuple[bytes, UUID]:
            row = superuser.execute(
                "select sealed, data_key_id from connections_refresh_token where (tenant_id,"
                " connection_id) = (%s, %s)",
                of,
            ).fetchone()
            assert row is not None
            return bytes(row[0]), row[1]

        def put(into: tuple[UUID, UUID], what: tuple[bytes, UUID]) -> None:
            superuser.execute(
                "update connections_refresh_token set (sealed, data_key_id) = (%s, %s) where"
                " (tenant_id, connection_id) = (%s, %s)",
                (*what, *into),
            )

        kept = {home: content(home) for home in homes}
        refused = 0
        for target in homes:
            for source in homes:
                put(target, kept[source])
                with as_role("worker"), tenant_scope(target[0]):
                    if source == target:
                        assert refresh_token_store.open_token(*target) is not None
                        continue
                    with pytest.raises(CannotOpenError):
                        refresh_token_store.open_token(*target)
                refused += 1
            put(target, kept[target])
        assert refused == 6
    for (tenant, connection), (_, number) in zip(homes, shops, strict=True):
        with as_role("worker"), tenant_scope(tenant):
            assert refresh_token_store.open_token(tenant, connection) == Secret(
                f"canary-token-{number}"
            )
