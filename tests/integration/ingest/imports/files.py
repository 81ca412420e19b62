"""Report files as the emulated Amazon makes them, and a picture of the whole database to compare."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from functools import cache

import psycopg
from django.db import connections
from psycopg import sql
from tests.database import test_server

from theseller.amazon.reports import ReportType
from theseller.emulator.reports import document_rendering
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World

ALICE, ALICE_EU, CHARLIE, DORA = (
    "A2ALICEEXAMPLE1",
    "A2ALICEEUROPE1",
    "A3CHARLIEEXMPL",
    "A4DORAEXAMPLE22",
)
#: After every day of the files below.
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@cache
def world() -> World:
    return World(7)


@cache
def report(seller: str, kind: ReportType, start: date = date(2026, 10, 1), days: int = 5) -> str:
    """Return the text of a report over whole days."""
    who = SELLERS[seller]
    first, until = (
        document_rendering.midnight(start),
        document_rendering.midnight(start + timedelta(days=days)),
    )
    if kind is ReportType.SALES_AND_TRAFFIC:
        until -= timedelta(days=1)
    text = document_rendering.render(
        world(), ReportOrder(who, kind.value, first, until, AT, (who.stores[0].marketplace.id,))
    )
    assert text
    return text


@cache
def settlement_text(seller: str, *, decimal_comma: bool = False) -> str:
    who = SELLERS[seller]
    start = document_rendering.midnight(date(2026, 9, 1))
    periods = [p for p in world().periods_published(who, start, AT) if p.store is who.stores[0]]
    return document_rendering.render_settlement(world(), periods[0], decimal_comma=decimal_comma)


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def picture() -> dict[str, tuple[int, str]]:
    """Return for every table of the database its number of rows and a hash of all of them.

    As seen by a superuser.
    """
    name = connections["default"].settings_dict["NAME"]
    found: dict[str, tuple[int, str]] = {}
    with psycopg.connect(test_server().superuser_dsn(str(name))) as connection:
        tables = connection.execute(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where"
            " n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and"
            " c.relname not in ('edge_ratebucket', 'django_session')"
        ).fetchall()
        assert len(tables) > 15
        for (table,) in tables:
            query = sql.SQL(
                "select count(*), md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from"
                " {} t"
            )
            row = connection.execute(query.format(sql.Identifier(str(table)))).fetchone()
            assert row is not None
            found[str(table)] = (int(row[0]), str(row[1]))
    return found


def text_of_everything() -> str:
    """Return every row of every table as text, for a search."""
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(test_server().superuser_dsn(str(name))) as connection:
        parts = [
            "".join(
                str(row[0])
                for row in connection.execute(
                    sql.SQL("select t::text from {} t").format(sql.Identifier(table))
                )
            )
            for table in picture()
        ]
    return "\n".join(parts)
