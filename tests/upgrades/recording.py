"""Databases of released versions, as SQL with a little data in them.

`releases/NAME.sql.zst`, written once at the release, never again.

`THESELLER_RECORD_RELEASE=NAME .venv/bin/pytest -n 0 tests/upgrades/test_upgrade.py -k can_be_created`
writes one from the code that is checked out (docs/develop/migrations.md).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from uuid import UUID

import psycopg
import zstandard
from django.db import connections as databases
from tests.cast import NOON, create_cast
from tests.database import test_server

from theseller.audit import signed_checkpoint_document
from theseller.audit.log_line_digests import COLUMNS, last_mark, line_of, pack
from theseller.audit.types import NOWHERE
from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.erasure.connection_erasure import erase_connection
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.postgres.binaries import find_binaries
from theseller.tenancy.tenant_scope import tenant_scope

RELEASES = Path(__file__).parent / "releases"
#: What a newer pg_dump writes before the first object and behind the last one, and an older server
#: or psql does not know.
_NEWER = re.compile(rb"^(SET transaction_timeout|\\restrict|\\unrestrict).*\n", re.MULTILINE)
_US = "ATVPDKIKX0DER"


def fill() -> None:
    """Put what every release can hold into Django's database.

    People, a shop with facts, a deleted one with its certificate.
    """
    cast = create_cast()
    _with_facts(cast.alices_shop)
    left = _with_facts(cast.charlies_shop)
    disconnect(
        connection=left,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.charlies_shop,
        actor=cast.charlie.actor,
        at=NOON,
    )
    assert erase_connection(connection=left, tenant=cast.charlies_shop, at=NOON).completed


def seal(database: str) -> None:
    """Cover every line of the database's audit log by two checkpoints, as this version does.

    With a key that is kept nowhere.
    """
    key, head = SigningKey.from_secret(Secret(os.urandom(32))), None
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        lines = [
            line_of(row)
            for row in connection.execute(
                f"select {COLUMNS} from audit_event order by txid, position"
            ).fetchall()
        ]
        for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            leaves = pack(part)
            head = signed_checkpoint_document.sign(
                head, leaves, until=last_mark(part, NOWHERE), key=key, environment="test", at=NOON
            )
            connection.execute(
                "insert into audit_checkpoint (number, document, leaves) values (%s, %s, %s)",
                [head.number, head.document, leaves],
            )


def record(name: str, database: str) -> None:
    """Write the database to `releases/NAME.sql.zst`.

    Raises FileExistsError: what is recorded is never recorded again.
    """
    RELEASES.mkdir(exist_ok=True)
    program = find_binaries(os.environ).program("pg_dump")
    dumped = subprocess.run(
        [program, "--no-sync", test_server().superuser_dsn(database)],
        capture_output=True,
        check=True,
    )
    with (RELEASES / f"{name}.sql.zst").open("xb") as file:
        file.write(zstandard.ZstdCompressor(level=19).compress(dumped.stdout))


def restore(name: str, database: str) -> None:
    """Fill an empty database from `releases/NAME.sql.zst`.

    And, for one whose log was sealed later by its code, `releases/NAME.seals.sql`.
    """
    program = find_binaries(os.environ).program("psql")
    text = zstandard.ZstdDecompressor().decompress((RELEASES / f"{name}.sql.zst").read_bytes())
    text = _NEWER.sub(b"", text)
    if (seals := RELEASES / f"{name}.seals.sql").exists():
        text += seals.read_bytes()
    command = [
        str(program),
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--single-transaction",
        test_server().superuser_dsn(database),
    ]
    done = subprocess.run(
        command, input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def _with_facts(tenant: UUID) -> UUID:
    with tenant_scope(tenant):
        connection = connection_for_files(Region.NA, tenant=tenant, at=NOON)
        with databases["default"].cursor() as cursor:
            for day in ("2026-10-31", "2026-11-01"):
                cursor.execute(
                    "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
                    " connection_id, marketplace_id, purchased_at, last_updated_at, status,"
                    " fulfilment, is_business, is_replacement, sku, asin, quantity, source) values"
                    " (%s, %s, %s, '1', %s, %s, %s, %s, 'shipped', 'amazon', false, false, 'S',"
                    " 'A', 1, 'orders_api')",
                    [tenant, day, f"order-{day}", connection, _US, NOON, NOON],
                )
    return connection
